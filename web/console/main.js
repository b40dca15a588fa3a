// The console: which page is shown, and what stands around it.
//
// A page is an object with a title, a `view()` of what it knows, and a `leave()` that ends what it
// does. Whenever it knows something new it calls `draw()`, and lit-html changes what differs.

import { html, nothing, render } from "../vendor/lit-html.js";
import * as api from "./api.js";
import { customersPage } from "./customers.js";
import { dropPage } from "./drop.js";
import { dropsPage } from "./drops.js";
import { ledgerPage } from "./ledger.js";
import { opens, signInPage } from "./signin.js";
import { areThere, webhooksPage } from "./webhooks.js";

const root = document.getElementById("console");
root.textContent = "";

let own = null; // what the key opens, once somebody has signed in
let webhooks = false; // whether the engine has webhooks
let page = null;

/// The page for an address such as `#/drops/summer/ledger`.
function find(path) {
  const [kind, drop, part] = path.slice(2).split("/").map(decodeURIComponent);
  const context = { draw, drop, may: own.scopes.includes("admin") };
  if (kind === "webhooks" && webhooks) return webhooksPage(context);
  if (kind !== "drops" || !drop) return dropsPage(context);
  if (part === "customers") return customersPage(context);
  if (part === "ledger") return ledgerPage(context);
  return dropPage(context);
}

function show(next) {
  page?.leave();
  page = next;
  document.title = `${page.title} · Dropgate`;
  draw();
  root.querySelector("h1")?.focus();
}

function go() {
  if (own) show(find(location.hash));
}

function draw() {
  if (page) render(frame(), root);
}

const ICONS = html`<svg class="patterns" aria-hidden="true" width="0" height="0">
  <defs>
    <pattern id="stripes" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
      <rect class="held" width="6" height="6"></rect><rect class="stripe" width="2.5" height="6"></rect>
    </pattern>
    <pattern id="dots" width="7" height="7" patternUnits="userSpaceOnUse">
      <rect class="available" width="7" height="7"></rect><circle class="dot" cx="2" cy="2" r="1"></circle>
    </pattern>
  </defs>
</svg>`;

function frame() {
  const current = (kind) => (location.hash.slice(2).split("/")[0] || "drops") === kind;
  const link = (kind, name) =>
    html`<a href="#/${kind}" aria-current=${current(kind) ? "true" : nothing}>${name}</a>`;
  const limited = own?.drops ? `for ${own.drops.length} drop${own.drops.length === 1 ? "" : "s"}` : "";
  const only = own && !own.scopes.includes("admin") ? "look only" : "";
  return html`
    <header class="top">
      <span class="brand">Dropgate</span>
      ${own
        ? html`<nav aria-label="Console">${link("drops", "Drops")}${webhooks ? link("webhooks", "Webhooks") : nothing}</nav>
            <span class="quiet">${[only, limited].filter(Boolean).join(", ")}</span>
            <button type="button" id="sign-out" @click=${leave}>Sign out</button>`
        : nothing}
    </header>
    <main id="main" class="page" tabindex="-1">${page.view()}</main>
    ${ICONS}`;
}

/// Who leaves by themselves begins anew with the next key.
function leave() {
  history.replaceState(null, "", location.pathname);
  signOut("");
}

async function entered(what) {
  own = what;
  webhooks = await areThere();
  go();
}

function signOut(told) {
  api.forget();
  own = null;
  document.querySelector("dialog")?.close();
  show(signInPage({ draw, told, entered }));
  root.querySelector("[name=key]").focus();
}

api.onSignedOut(() => own && signOut("This key does not open the console any more. Sign in with another one."));
addEventListener("hashchange", () => location.hash !== "#main" && go());

// A tab that was loaded again has its key still.
opens(api.key() ?? "").then(entered, (error) => {
  if (!api.key() || error.status) return signOut("");
  // Nobody answered, which says nothing of the key.
  show(signInPage({ draw, told: error.message, entered }));
});
