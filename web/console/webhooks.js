// Webhooks, and what became of their deliveries.

import { html, nothing } from "../vendor/lit-html.js";
import * as api from "./api.js";
import { ask, say } from "./dialog.js";
import { number, time } from "./format.js";

const BASE = "/v1/admin/webhooks";
const EVERY = 3000;

/// Whether this engine has webhooks, and the key may see them.
export async function areThere() {
  try {
    await api.get(`${BASE}?limit=1`);
    return true;
  } catch {
    return false;
  }
}

/// Words with commas or spaces between; null for none.
function words(text) {
  const all = text.split(/[\s,]+/).filter(Boolean);
  return all.length ? all : null;
}

export function webhooksPage({ draw, may }) {
  let hooks = null;
  let next = null;
  let secret = null; // of the webhook that was made or rotated last
  let chosen = null; // whose deliveries are shown: { id, state, items, next }
  let trouble = "";
  let failed = ""; // what the last action was refused for, until the next one

  async function look() {
    try {
      const page = await api.get(`${BASE}${api.query({ limit: 100 })}`);
      [hooks, next] = [page.items, page.next_cursor];
      trouble = "";
    } catch (error) {
      trouble = error.message;
    }
    draw();
  }
  const leave = api.every(EVERY, look);

  async function more() {
    failed = "";
    try {
      const page = await api.get(`${BASE}${api.query({ limit: 100, cursor: next })}`);
      [hooks, next] = [[...hooks, ...page.items], page.next_cursor];
    } catch (error) {
      failed = error.message;
    }
    draw();
  }

  async function deliveries(id, state, cursor) {
    failed = "";
    try {
      const page = await api.get(`${BASE}/${id}/deliveries${api.query({ state, cursor, limit: 50 })}`);
      const before = cursor ? chosen.items : [];
      chosen = { id, state, items: [...before, ...page.items], next: page.next_cursor };
    } catch (error) {
      failed = error.message;
    }
    draw();
  }

  /// Does something at once, and tells.
  async function run(what, told) {
    failed = "";
    try {
      const answer = await what();
      say(typeof told === "function" ? told(answer) : told);
    } catch (error) {
      failed = error.message;
    }
    await look();
  }

  const create = () => ask({
    title: "New webhook",
    text: "Every event that becomes durable is sent there, signed.",
    fields: html`
      <label>Address <input name="url" type="url" required placeholder="https://"></label>
      <label>Description <input name="description" maxlength="200"></label>
      <label>Only these drops <input name="drops" spellcheck="false" aria-describedby="about-words"></label>
      <label>Only these types <input name="types" spellcheck="false" aria-describedby="about-words"></label>
      <p id="about-words" class="quiet">Several with commas between; empty for all.</p>
      <label>Begin <select name="from"><option value="now">with what happens from now on</option>
        <option value="start">with everything that ever happened</option></select></label>`,
    action: "Create",
    act: async (given) => {
      const body = { url: given.get("url"), from: given.get("from") };
      if (given.get("description")) body.description = given.get("description");
      for (const name of ["drops", "types"]) body[name] = words(given.get(name));
      secret = await api.post(BASE, body);
      await look();
      return "The webhook is made.";
    },
  });

  const rotate = (hook) => ask({
    title: "New secret?",
    text: `What is sent to ${hook.url} is signed with a new secret.`,
    action: "Rotate",
    danger: true,
    act: async () => {
      secret = await api.post(`${BASE}/${hook.id}/rotate`, {});
      await look();
      return "The secret is another one now.";
    },
  });

  const remove = (hook) => ask({
    title: "Delete this webhook?",
    text: `Nothing more is sent to ${hook.url}, and its deliveries are forgotten.`,
    action: "Delete",
    danger: true,
    act: async () => {
      await api.remove(`${BASE}/${hook.id}`);
      if (chosen?.id === hook.id) chosen = null;
      await look();
      return "The webhook is deleted.";
    },
  });

  const set = (hook, state) =>
    run(() => api.patch(`${BASE}/${hook.id}`, { state }), `The webhook is ${state}.`);
  const test = (hook) =>
    run(() => api.post(`${BASE}/${hook.id}/test`, {}), ({ delivered, status, error, milliseconds }) =>
      delivered ? `It answered ${status} after ${milliseconds} ms.` : `It was not delivered: ${error ?? status}.`);
  const resend = (hook, delivery) =>
    run(() => api.post(`${BASE}/${hook}/deliveries/${delivery.id}/resend`, {}), "It is sent again.")
      .then(() => deliveries(hook, chosen.state));

  const buttons = (hook) => html`
    <button type="button" data-do="deliveries" @click=${() => deliveries(hook.id, "dead")}>Deliveries</button>
    ${may ? html`
      ${hook.state === "active"
        ? html`<button type="button" data-do="pause" @click=${() => set(hook, "paused")}>Pause</button>`
        : html`<button type="button" data-do="resume" @click=${() => set(hook, "active")}>Resume</button>`}
      <button type="button" data-do="test" @click=${() => test(hook)}>Test</button>
      <button type="button" data-do="rotate" @click=${() => rotate(hook)}>Rotate</button>
      <button type="button" data-do="delete" @click=${() => remove(hook)}>Delete</button>` : nothing}`;

  const card = (hook) => html`<li class="card" data-webhook=${hook.id} data-state=${hook.state}>
    <h2>${hook.url}</h2>
    <p class="summary"><span class="state" data-state=${hook.state}>${hook.state}</span>
      ${hook.description ? html`<span>${hook.description}</span>` : nothing}
      <span>${hook.drops ? hook.drops.join(", ") : "all drops"}</span>
      <span>${hook.types ? hook.types.join(", ") : "all types"}</span></p>
    <p><strong data-count="pending">${number(hook.pending)}</strong> waiting,
      <strong data-count="dead">${number(hook.dead)}</strong> given up,
      last delivered ${time(hook.last_delivered_at)}</p>
    ${hook.failing_since ? html`<p class="trouble">Failing since ${time(hook.failing_since)}: ${hook.last_error}</p>` : nothing}
    <div class="actions">${buttons(hook)}</div>
    ${chosen?.id === hook.id ? shown(hook) : nothing}
  </li>`;

  const shown = (hook) => html`
    <form class="filters"><label>Deliveries that are
      <select name="state" @change=${(event) => deliveries(hook.id, event.target.value)}>
        ${["dead", "retrying", "delivered"].map((state) => html`<option value=${state} ?selected=${state === chosen.state}>${state}</option>`)}
      </select></label></form>
    <div class="scroll" role="region" aria-label="Deliveries" tabindex="0"><table>
      <thead><tr>${["Drop", "Event", "Type", "State", "Tries", "Answer", "First", "Last", "Next", "Actions"]
        .map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
      <tbody>${chosen.items.map((one) => html`<tr data-delivery=${one.id}>
        <td>${one.drop}</td><td>${one.event}</td><td>${one.type}</td><td>${one.state}</td><td>${number(one.attempts)}</td>
        <td>${one.status ?? one.error ?? "–"}</td><td>${time(one.first_at)}</td><td>${time(one.last_at)}</td><td>${time(one.next_at)}</td>
        <td>${may ? html`<button type="button" data-do="resend" @click=${() => resend(hook.id, one)}>Send again</button>` : nothing}</td>
      </tr>`)}</tbody>
    </table></div>
    <p class="quiet" role="status">${chosen.items.length ? nothing : "None."}</p>
    ${chosen.next ? html`<button type="button" @click=${() => deliveries(hook.id, chosen.state, chosen.next)}>More</button>` : nothing}`;

  const view = () => html`
    <h1 tabindex="-1">Webhooks</h1>
    ${may ? html`<div class="actions"><button type="button" data-do="create" class="main" @click=${create}>New webhook</button></div>` : nothing}
    ${failed || trouble ? html`<p class="trouble" role="alert">${failed || trouble}</p>` : nothing}
    ${secret ? html`<p class="card" role="status">The secret for ${secret.url}, shown this once:
      <code id="secret">${secret.secret}</code>
      <button type="button" @click=${() => { secret = null; draw(); }}>I have noted it</button></p>` : nothing}
    ${hooks?.length === 0 ? html`<p>There is none yet.</p>` : nothing}
    <ul class="hooks">${hooks?.map(card)}</ul>
    ${next ? html`<button type="button" @click=${more}>More</button>` : nothing}`;
  return { title: "Webhooks", view, leave };
}
