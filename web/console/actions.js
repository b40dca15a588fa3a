// What a merchant does to a drop.

import { html } from "../vendor/lit-html.js";
import * as api from "./api.js";
import { ask } from "./dialog.js";
import { number } from "./format.js";

const STATES = {
  open: { title: "Open the drop?", text: "Customers can hold units from now on.", action: "Open", told: "The drop is open." },
  pause: {
    title: "Pause the drop?",
    text: "Nobody gets a new hold until it is opened again. Holds stay, and can be confirmed and released.",
    action: "Pause",
    told: "The drop is paused.",
  },
  close: {
    title: "Close the drop?",
    text: "The sale ends. Holds stay until their deadline, and can be confirmed.",
    action: "Close",
    told: "The drop is closed.",
    danger: true,
  },
};

/// Opens, pauses or closes. Sent once: somebody else may have changed it in between.
export function changeState(base, sale, verb) {
  const { told, ...asked } = STATES[verb];
  ask({
    ...asked,
    act: async () => {
      await api.post(`${base}/${verb}`);
      return told;
    },
  });
}

/// The same key for the same restock, however often it is tried: it happens once.
function keyOf() {
  const keys = new Map();
  return (body) => {
    const text = JSON.stringify(body);
    if (!keys.has(text)) keys.set(text, api.newKey());
    return keys.get(text);
  };
}

export function restock(base, sale) {
  const key = keyOf();
  ask({
    title: "Restock",
    text: "Units are added; a number below zero takes free ones away.",
    fields: html`
      <label>SKU <select name="sku">${sale.skus.map(({ sku, name }) => html`<option value=${sku}>${name}</option>`)}</select></label>
      <label>Quantity <input name="quantity" type="number" step="1" required></label>
      <label>Reason <input name="reason" maxlength="500"></label>
      <label>Reference <input name="reference" maxlength="128" pattern="[A-Za-z0-9._:@\\-]*"></label>`,
    action: "Restock",
    act: async (given) => {
      const body = { quantity: Number(given.get("quantity")) };
      for (const name of ["reason", "reference"]) if (given.get(name)) body[name] = given.get(name);
      const sku = given.get("sku");
      const stock = await api.post(`${base}/skus/${sku}/restock`, body, key({ sku, body }));
      return `${sku} has ${number(stock.total)} units now, ${number(stock.available)} of them available.`;
    },
  });
}

export function limits(base, settings) {
  const whole = { sku: "", name: "The whole drop", limit_per_customer: settings.limit_per_customer };
  const all = [whole, ...settings.skus];
  const chosen = (event) => {
    const limit = all.find(({ sku }) => sku === event.target.value).limit_per_customer;
    event.target.form.elements.limit.value = limit ?? "";
  };
  ask({
    title: "Limits",
    text: "How many units one customer may have. Lowering a limit takes nothing from anybody.",
    fields: html`
      <label>Of <select name="sku" @change=${chosen}>${all.map(({ sku, name }) => html`<option value=${sku}>${name}</option>`)}</select></label>
      <label>Units a customer <input name="limit" type="number" min="1" step="1" value=${whole.limit_per_customer ?? ""} aria-describedby="about-limit"></label>
      <p id="about-limit" class="quiet">Empty for no limit.</p>`,
    action: "Set",
    act: async (given) => {
      const [sku, limit] = [given.get("sku"), given.get("limit")];
      const body = { limit_per_customer: limit === "" ? null : Number(limit) };
      await api.put(sku ? `${base}/skus/${sku}` : base, body);
      return "The limit is set.";
    },
  });
}

export function release(drop, reservation, done) {
  const key = api.newKey();
  ask({
    title: "Release this hold?",
    text: "Its units can be had by others at once.",
    action: "Release",
    danger: true,
    act: async () => {
      await api.post(`/v1/drops/${drop}/reservations/${reservation.id}/release`, {}, key);
      await done();
      return "The hold is released.";
    },
  });
}

export function giveBack(drop, reservation, done) {
  const key = keyOf();
  ask({
    title: "Return sold units",
    fields: html`
      ${reservation.lines.map(({ sku, quantity }) => html`<label>${sku} (of ${number(quantity)})
        <input name="line ${sku}" type="number" min="0" max=${quantity} step="1" value=${quantity} required></label>`)}
      <label>Reason <input name="reason" maxlength="500"></label>
      <label class="check"><input name="restock" type="checkbox" checked> They can be sold again</label>`,
    action: "Return",
    danger: true,
    act: async (given) => {
      const quantity = ({ sku }) => ({ sku, quantity: Number(given.get(`line ${sku}`)) });
      const lines = reservation.lines.map(quantity).filter((line) => line.quantity > 0);
      const body = { lines, restock: given.has("restock") };
      if (given.get("reason")) body.reason = given.get("reason");
      const path = `/v1/admin/drops/${drop}/reservations/${reservation.id}/return`;
      await api.post(path, body, key(body));
      await done();
      return "The units are returned.";
    },
  });
}
