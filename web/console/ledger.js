// Everything that happened in a drop, the newest first.

import { html, nothing } from "../vendor/lit-html.js";
import * as api from "./api.js";
import { heading } from "./drop.js";
import { number, time } from "./format.js";
import { say } from "./dialog.js";

const KINDS = ["restocked", "held", "changed", "extended", "confirmed", "released", "expired", "returned", "configured"];

export function ledgerPage({ draw, drop }) {
  const base = `/v1/admin/drops/${drop}`;
  let filter = {};
  let rows = [];
  let next = null;
  let trouble = "";

  async function look(before) {
    trouble = "";
    try {
      const parameters = { ...filter, order: "newest", before_seq: before, limit: 100 };
      const page = await api.get(`${base}/ledger${api.query(parameters)}`);
      rows = before ? [...rows, ...page.items] : page.items;
      next = page.next_cursor;
    } catch (error) {
      trouble = error.message;
    }
    draw();
  }

  function search(event) {
    event.preventDefault();
    filter = Object.fromEntries(new FormData(event.target));
    return look(null);
  }

  async function save() {
    trouble = "";
    try {
      await api.download(`${base}/ledger.csv${api.query(filter)}`, `${drop}-ledger.csv`);
      say("The ledger is downloaded.");
    } catch (error) {
      trouble = error.message;
    }
    draw();
  }

  const row = (of) => html`<tr data-seq=${of.seq} data-kind=${of.kind}>
    <td class="n">${number(of.seq)}</td><td>${time(of.occurred_at)}</td><td>${of.kind}</td>
    <td>${of.sku ?? "–"}</td><td class="n">${number(of.quantity)}</td><td>${of.customer_id ?? "–"}</td>
    <td>${of.order_id ?? "–"}</td><td><small>${of.reservation_id ?? "–"}</small></td>
    <td class="wrap">${note(of)}</td>
  </tr>`;

  const view = () => html`
    ${heading(drop, `${drop}: ledger`, "ledger")}
    <form class="filters" role="search" @submit=${search}>
      <label>Kind <select name="kind"><option value="">any</option>${KINDS.map((kind) => html`<option value=${kind}>${kind}</option>`)}</select></label>
      <label>SKU <input name="sku" maxlength="64" spellcheck="false"></label>
      <label>Customer's id <input name="customer_id" maxlength="128" spellcheck="false"></label>
      <label>Reservation <input name="reservation_id" maxlength="36" spellcheck="false"></label>
      <button type="submit" class="main">Filter</button>
      <button type="button" data-do="csv" @click=${save}>Download CSV</button>
    </form>
    ${trouble ? html`<p class="trouble" role="alert">${trouble}</p>` : nothing}
    <div class="scroll" role="region" aria-label="Ledger" tabindex="0">
      <table>
        <thead><tr>
          <th scope="col" class="n">Event</th><th scope="col">Time</th><th scope="col">Kind</th><th scope="col">SKU</th>
          <th scope="col" class="n">Units</th><th scope="col">Customer</th><th scope="col">Order</th>
          <th scope="col">Reservation</th><th scope="col">Note</th>
        </tr></thead>
        <tbody>${rows.map(row)}</tbody>
      </table>
    </div>
    <div role="status" class="quiet">${rows.length || trouble ? nothing : "Nothing fits."}</div>
    ${next ? html`<button type="button" @click=${() => look(next)}>Earlier</button>` : nothing}`;
  look(null);
  return { title: `${drop}: ledger`, view, leave: () => {} };
}

/// Why, and what was set.
function note({ reference, reason, settings }) {
  return [reference, reason, settings && JSON.stringify(settings)].filter(Boolean).join(" · ");
}
