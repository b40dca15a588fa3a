// A customer's reservations, and what can be done with one.

import { html, nothing } from "../vendor/lit-html.js";
import * as actions from "./actions.js";
import * as api from "./api.js";
import { heading } from "./drop.js";
import { lines, time } from "./format.js";

const STATES = ["held", "confirmed", "released", "expired", "returned"];

export function customersPage({ draw, drop, may }) {
  let asked = null; // what was asked for, once something was
  let found = [];
  let next = null;
  let trouble = "";

  async function look(cursor) {
    trouble = "";
    try {
      const path = `/v1/admin/drops/${drop}/reservations${api.query({ ...asked, cursor })}`;
      const page = await api.get(path);
      found = cursor ? [...found, ...page.items] : page.items;
      next = page.next_cursor;
    } catch (error) {
      trouble = error.message;
    }
    draw();
  }

  function search(event) {
    event.preventDefault();
    asked = Object.fromEntries(new FormData(event.target));
    return look(null);
  }

  const buttons = (reservation) => {
    const again = () => look(null);
    if (!may) return nothing;
    if (reservation.state === "held") {
      return html`<button type="button" data-do="release" @click=${() => actions.release(drop, reservation, again)}>Release</button>`;
    }
    if (reservation.state === "confirmed") {
      return html`<button type="button" data-do="return" @click=${() => actions.giveBack(drop, reservation, again)}>Return</button>`;
    }
    return nothing;
  };

  const row = (reservation) => html`<tr data-reservation=${reservation.id} data-state=${reservation.state}>
    <td>${reservation.customer_id}</td><td>${reservation.state}</td><td class="wrap">${lines(reservation.lines)}</td>
    <td>${reservation.order_id ?? "–"}</td><td>${time(reservation.created_at)}</td>
    <td>${time(reservation.expires_at)}</td><td><small>${reservation.id}</small></td>
    <td>${buttons(reservation)}</td>
  </tr>`;

  const table = () => html`<div class="scroll" role="region" aria-label="Reservations" tabindex="0">
    <table>
      <thead><tr>${["Customer", "State", "Units", "Order", "Made", "Deadline", "Reservation", "Actions"]
        .map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
      <tbody>${found.map(row)}</tbody>
    </table>
  </div>`;

  const view = () => html`
    ${heading(drop, `${drop}: customers`, "customers")}
    <form class="filters" role="search" @submit=${search}>
      <label>Customer's id <input name="customer_id" maxlength="128" spellcheck="false"></label>
      <label>State <select name="state"><option value="">any</option>
        ${STATES.map((state) => html`<option value=${state}>${state}</option>`)}</select></label>
      <button type="submit" class="main">Find</button>
    </form>
    ${trouble ? html`<p class="trouble" role="alert">${trouble}</p>` : nothing}
    <div role="status" class="quiet">${asked && !trouble ? `${found.length}${next ? " or more" : ""} reservation${found.length === 1 ? "" : "s"}` : nothing}</div>
    ${found.length ? table() : nothing}
    ${next ? html`<button type="button" @click=${() => look(next)}>More</button>` : nothing}`;
  return { title: `${drop}: customers`, view, leave: () => {} };
}
