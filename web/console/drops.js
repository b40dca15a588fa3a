// All drops at a glance.

import { html, nothing } from "../vendor/lit-html.js";
import * as api from "./api.js";
import { stockBar } from "./charts.js";
import { number, percent, state, time } from "./format.js";

const EVERY = 2000;
const MOST_PAGES = 20;

export function dropsPage({ draw }) {
  let drops = null;
  let trouble = "";

  const leave = api.every(EVERY, async () => {
    try {
      drops = await all();
      trouble = "";
    } catch (error) {
      trouble = error.message;
    }
    draw();
  });

  const view = () => html`
    <h1 tabindex="-1">Drops</h1>
    ${trouble ? html`<p class="trouble" role="alert">${trouble} What is shown may be old.</p>` : nothing}
    ${drops ? list(drops) : html`<p>Loading…</p>`}`;
  return { title: "Drops", view, leave };
}

/// Every drop, page by page.
async function all() {
  const drops = [];
  let cursor = null;
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const page = await api.get(`/v1/admin/drops${api.query({ limit: 500, cursor })}`);
    drops.push(...page.items);
    cursor = page.next_cursor;
    if (!cursor) break;
  }
  return drops;
}

function list(drops) {
  if (!drops.length) {
    return html`<p>There is no drop yet. Make one with <code>dropgate drop create</code>, or with
      <a href="/docs">the API</a>.</p>`;
  }
  return html`<div class="scroll" role="region" aria-label="Drops" tabindex="0">
    <table>
      <thead>
        <tr>
          <th scope="col">Drop</th><th scope="col">State</th><th scope="col" class="wide">Opens</th>
          <th scope="col" class="n wide">Total</th><th scope="col" class="n">Available</th>
          <th scope="col" class="n">Held</th><th scope="col" class="n">Sold</th>
          <th scope="col" class="n">Sold %</th><th scope="col" class="wide">Stock</th>
        </tr>
      </thead>
      <tbody>${drops.map(row)}</tbody>
    </table>
  </div>`;
}

function row(drop) {
  const sum = (name) => drop.skus.reduce((total, sku) => total + sku[name], 0);
  const [total, available, held, sold] = ["total", "available", "held", "sold"].map(sum);
  return html`<tr data-drop=${drop.id}>
    <th scope="row"><a href="#/drops/${drop.id}">${drop.name}</a> <small class="quiet">${drop.id}</small></th>
    <td><span class="state" data-state=${drop.state}>${state(drop.state)}</span></td>
    <td class="wide">${time(drop.opens_at)}</td>
    <td class="n wide">${number(total)}</td>
    <td class="n" data-count="available">${number(available)}</td>
    <td class="n" data-count="held">${number(held)}</td>
    <td class="n" data-count="sold">${number(sold)}</td>
    <td class="n" data-count="percent">${percent(sold, total)}</td>
    <td class="wide bar-cell">${stockBar({ total, available, held, sold })}</td>
  </tr>`;
}
