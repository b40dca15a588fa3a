"use strict";
// Lets a reader send each call from the page. The key stays in its field: it is kept nowhere.
const key = document.getElementById("key");
document.getElementById("with-key").hidden = false;

// The request that a form describes; fields that were left empty are left out.
function request(form) {
  const headers = new Headers();
  const query = new URLSearchParams();
  let path = form.dataset.path;
  for (const field of form.elements) {
    const { where, name } = field.dataset;
    if (where === "path") path = path.replace(`{${name}}`, encodeURIComponent(field.value));
    if (field.value === "") continue;
    if (where === "query") query.append(name, field.value);
    if (where === "header") headers.set(name, field.value);
  }
  if (form.dataset.keyed && key.value) headers.set("Authorization", `Bearer ${key.value.trim()}`);
  const body = form.querySelector("textarea")?.value || undefined;
  if (body) headers.set("Content-Type", "application/json");
  const url = query.size ? `${path}?${query}` : path;
  return { url, method: form.dataset.method.toUpperCase(), headers, body };
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

// The same request for a terminal, with the key left out.
function curl({ url, method, headers, body }) {
  const parts = [`curl -X ${method} ${quoted(location.origin + url)}`];
  for (const [name, value] of headers) {
    const shown = name === "authorization" ? '"authorization: Bearer $KEY"' : quoted(`${name}: ${value}`);
    parts.push(`-H ${shown}`);
  }
  if (body) parts.push(`-d ${quoted(body)}`);
  return parts.join(" \\\n  ");
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

// Shows what an answer says; of a stream, what comes of it for a while.
const STREAM_FOR_MS = 10_000;
async function read(answer, show) {
  if (!answer.headers.get("content-type")?.startsWith("text/event-stream")) {
    return show(pretty(await answer.text()));
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  const over = setTimeout(() => reader.cancel(), STREAM_FOR_MS);
  let text = "";
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    text += piece.value;
    show(text);
  }
  clearTimeout(over);
  show(`${text}…and so on: the page stops to read here, a client goes on.`);
}

async function send(form) {
  const output = form.querySelector("output");
  try {
    const asked = request(form);
    // Long lines scroll, also for who has no mouse.
    output.innerHTML = "<pre tabindex=0></pre><pre tabindex=0></pre>";
    const [sent, told] = output.children;
    sent.textContent = curl(asked);
    told.textContent = "…";
    const answer = await fetch(asked.url, { ...asked, cache: "no-store" });
    const headers = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
    await read(answer, (text) => (told.textContent = `${answer.status}\n${headers}\n\n${text}`));
  } catch (error) {
    output.lastElementChild.textContent = `No answer: ${error.message}`;
  }
}

for (const form of document.querySelectorAll("form.try")) {
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
}

// An address with a fragment shows what it names.
function show() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (target instanceof HTMLDetailsElement) target.open = true;
}
addEventListener("hashchange", show);
show();
