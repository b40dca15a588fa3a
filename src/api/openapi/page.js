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

async function send(form) {
  const output = form.querySelector("output");
  try {
    const asked = request(form);
    output.innerHTML = "<pre></pre><pre></pre>";
    const [sent, told] = output.children;
    sent.textContent = curl(asked);
    told.textContent = "…";
    const answer = await fetch(asked.url, { ...asked, cache: "no-store" });
    const headers = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
    told.textContent = `${answer.status}\n${headers}\n\n${pretty(await answer.text())}`;
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
