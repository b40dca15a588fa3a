// One drop, live. Every figure is one of GET /v1/admin/drops/{drop}/sale.

import { html, nothing } from "../vendor/lit-html.js";
import * as actions from "./actions.js";
import * as api from "./api.js";
import { bars, rateChart, stockBar, stockLegend } from "./charts.js";
import { duration, number, span, state, time } from "./format.js";

const EVERY = 1000;

/// The heading of all pages of a drop.
export function heading(drop, name, part) {
  const link = (to, text) =>
    html`<a href="#/drops/${drop}${to && `/${to}`}" aria-current=${to === part ? "page" : nothing}>${text}</a>`;
  return html`
    <h1 tabindex="-1">${name}</h1>
    <nav class="parts" aria-label="This drop">
      ${link("", "Live")}${link("customers", "Customers")}${link("ledger", "Ledger")}
      <a href="/shop/${drop}">Storefront</a>
    </nav>`;
}

export function dropPage({ draw, drop, may }) {
  const base = `/v1/admin/drops/${drop}`;
  let sale = null;
  let settings = null;
  let audit = null;
  let trouble = "";

  const leave = api.every(EVERY, async () => {
    try {
      const before = sale;
      sale = await api.get(`${base}/sale`);
      const changed = before?.events.configured !== sale.events.configured;
      if (changed || !settings) settings = await api.get(base);
      trouble = "";
    } catch (error) {
      trouble = error.message;
    }
    draw();
  });

  async function runAudit() {
    audit = { running: true };
    draw();
    try {
      audit = await api.get(`${base}/audit`);
    } catch (error) {
      audit = { trouble: error.message };
    }
    draw();
  }

  const view = () => html`
    ${heading(drop, sale?.name ?? drop, "")}
    ${trouble ? html`<p class="trouble" role="alert">${trouble} ${sale ? `These figures are of ${time(sale.at)}.` : ""}</p>` : nothing}
    ${sale && settings ? html`
      ${top(sale, settings, may, base)}
      <div class="grid">
        ${stock(sale)} ${perSecond(sale)} ${funnel(sale)} ${holds(sale)} ${lag(sale)} ${refusals(sale)}
        ${books(audit, runAudit)}
      </div>` : nothing}`;
  return { title: drop, view, leave };
}

function top(sale, settings, may, base) {
  const act = (verb) => () => actions.changeState(base, sale, verb);
  const closed = sale.state === "closed";
  const limit = settings.limit_per_customer;
  return html`
    <p class="summary">
      <span class="state" data-state=${sale.state}>${state(sale.state)}</span>
      ${settings.opens_at ? html`<span>opens ${time(settings.opens_at)}</span>` : nothing}
      ${settings.closes_at ? html`<span>closes ${time(settings.closes_at)}</span>` : nothing}
      <span>holds last ${duration(settings.hold_ttl_seconds * 1000)}</span>
      <span id="limit">${limit == null ? "no limit a customer" : `at most ${number(limit)} a customer`}</span>
    </p>
    ${may ? html`<div class="actions">
      <button type="button" data-do="open" ?disabled=${sale.state === "open"} @click=${act("open")}>Open</button>
      <button type="button" data-do="pause" ?disabled=${closed || sale.state === "paused"} @click=${act("pause")}>Pause</button>
      <button type="button" data-do="close" ?disabled=${closed} @click=${act("close")}>Close</button>
      <button type="button" data-do="restock" ?disabled=${!sale.skus.length} @click=${() => actions.restock(base, sale)}>Restock</button>
      <button type="button" data-do="limits" @click=${() => actions.limits(base, settings)}>Limits</button>
    </div>` : nothing}`;
}

function stock(sale) {
  const row = (name, counts, id) => html`<li data-sku=${id}>
    <span class="name">${name}</span>
    ${stockBar(counts)}
    <span class="figures">
      <span><strong data-count="sold">${number(counts.sold)}</strong> sold</span>
      <span><strong data-count="held">${number(counts.held)}</strong> held</span>
      <span><strong data-count="available">${number(counts.available)}</strong> available</span>
      <span class="quiet">of <span data-count="total">${number(counts.total)}</span></span>
    </span>
  </li>`;
  const whole = sale.skus.length > 1 ? row("All", sale.counts, "") : nothing;
  return html`<section class="card whole" aria-labelledby="stock">
    <h2 id="stock">Stock</h2>
    ${stockLegend}
    <ul class="stock">${whole}${sale.skus.map((sku) => row(sku.name, sku, sku.sku))}</ul>
  </section>`;
}

function perSecond({ per_second, rates }) {
  return html`<section class="card whole" aria-labelledby="rates">
    <h2 id="rates">A second</h2>
    ${rateChart("Holds and confirms", [
      { name: "holds", values: per_second.holds, now: rates.holds },
      { name: "confirms", values: per_second.confirms, now: rates.confirms },
    ])}
    ${rateChart("Refused holds", [{ name: "refusals", values: per_second.refusals, now: rates.refusals }])}
  </section>`;
}

function funnel({ funnel, hold_to_confirm: took }) {
  const { attempts, holds, confirms } = funnel;
  return html`<section class="card" aria-labelledby="funnel">
    <h2 id="funnel">From attempt to confirm</h2>
    ${bars([
      { name: "Attempts", value: attempts },
      { name: "Holds", value: holds, of: attempts, note: " of attempts" },
      { name: "Confirms", value: confirms, of: holds, note: " of holds" },
    ])}
    <h3>From hold to confirm</h3>
    <p>Median <strong id="median">${duration(took.median_ms)}</strong>,
      95 % within <strong id="p95">${duration(took.p95_ms)}</strong>
      <span class="quiet">(last ${number(took.confirms)} ${took.confirms === 1 ? "confirm" : "confirms"})</span></p>
  </section>`;
}

function holds({ remaining, expiry }) {
  if (!remaining) return html`<section class="card" aria-labelledby="holds">
    <h2 id="holds">Holds by the time they have left</h2><p>Not known: there are too many to look at.</p></section>`;
  const name = ({ under_seconds: under }, i) => {
    if (under === 0) return "due";
    if (under === null) return `over ${span(remaining[i - 1].under_seconds)}`;
    return `under ${span(under)}`;
  };
  return html`<section class="card" aria-labelledby="holds">
    <h2 id="holds">Holds by the time they have left</h2>
    ${bars(remaining.map((part, i) => ({ name: name(part, i), value: part.holds })))}
    <p class="quiet">Looked at ${time(expiry.looked_at)}</p>
  </section>`;
}

function lag({ write_behind: behind, expiry, epoch, seq }) {
  return html`<section class="card" aria-labelledby="lag">
    <h2 id="lag">Lag</h2>
    <dl class="facts">
      <div><dt>Ledger behind Redis</dt>
        <dd id="write-behind">${behind ? `${number(behind.events)} events, ${duration(Math.round(behind.lag_seconds * 1000))}` : "not known: Redis does not answer for this drop"}</dd></div>
      <div><dt>Due and not free yet</dt>
        <dd id="expiry">${expiry ? `${number(expiry.due)} holds, ${duration(Math.round(expiry.lag_seconds * 1000))}` : "not known"}</dd></div>
      <div><dt>Epoch</dt><dd>${number(epoch)}</dd></div>
      <div><dt>Last event in the ledger</dt><dd>${number(seq)}</dd></div>
    </dl>
  </section>`;
}

function refusals({ unheld }) {
  if (!unheld) return html`<section class="card" aria-labelledby="refused"><h2 id="refused">Refused and failed calls</h2>
    <p>Not known: Redis gives no answer.</p></section>`;
  return html`<section class="card" aria-labelledby="refused">
    <h2 id="refused">Refused and failed calls</h2>
    ${unheld.outcomes.length ? html`<table>
      <thead><tr><th scope="col">Call</th><th scope="col">Outcome</th><th scope="col" class="n">Calls</th></tr></thead>
      <tbody>${unheld.outcomes.map(({ verb, outcome, calls }) => html`<tr>
        <td>${verb}</td><td>${outcome}</td><td class="n" data-outcome="${verb} ${outcome}">${number(calls)}</td>
      </tr>`)}</tbody>
    </table>
    <p class="quiet">Since ${time(unheld.since)}</p>` : html`<p>None.</p>`}
  </section>`;
}

function books(audit, run) {
  return html`<section class="card" aria-labelledby="audit">
    <h2 id="audit">Audit</h2>
    <p>Compares Redis with the ledger, and the ledger with itself.</p>
    <button type="button" data-do="audit" ?disabled=${audit?.running} @click=${run}>Run the audit</button>
    <div id="audited" role="status">${found(audit)}</div>
  </section>`;
}

function found(audit) {
  if (!audit) return nothing;
  if (audit.running) return html`<p>Comparing…</p>`;
  if (audit.trouble) return html`<p class="trouble">${audit.trouble}</p>`;
  const { balanced, seq, durable_seq: durable, violations } = audit;
  if (balanced) return html`<p class="fine">Balanced at event ${number(seq)}, of which ${number(durable)} are durable.</p>`;
  return html`<div class="trouble"><p>Not balanced:</p><ul>${violations.map((one) => html`<li>${one}</li>`)}</ul></div>`;
}
