// Signing in: a key is tried before it is kept.

import { html, nothing } from "../vendor/lit-html.js";
import * as api from "./api.js";

const WRONG = {
  401: "This key opens nothing: it is not known, has expired, or was revoked.",
  403: "This key is not for the console. Use one of scope admin, or of scope read to look on.",
};

/// `entered` is given what the key opens.
export function signInPage({ draw, told, entered }) {
  let trouble = told;
  let busy = false;

  async function enter(event) {
    event.preventDefault();
    const secret = new FormData(event.target).get("key").trim();
    busy = true;
    trouble = "";
    draw();
    try {
      entered(await opens(secret));
    } catch (error) {
      api.forget();
      busy = false;
      trouble = WRONG[error.status] ?? error.message;
      draw();
      document.querySelector("[name=key]").select();
    }
  }

  const view = () => html`
    <h1 tabindex="-1">Sign in</h1>
    <form class="card signin" @submit=${enter}>
      <label>Admin key
        <input name="key" type="password" autocomplete="off" spellcheck="false" required
          aria-describedby="about-key">
      </label>
      <p id="about-key" class="quiet">It stays in this tab until you sign out or close it.</p>
      ${trouble ? html`<p class="trouble" role="alert">${trouble}</p>` : nothing}
      <button type="submit" class="main" ?disabled=${busy}>Sign in</button>
    </form>`;
  return { title: "Sign in", view, leave: () => {} };
}

/// What a key opens, which is then kept.
export async function opens(secret) {
  // What no key can have would not even be sent.
  if (!/^[\x21-\x7e]+$/.test(secret)) throw Object.assign(new Error(), { status: 401 });
  api.keep(secret);
  return api.get("/v1/admin/key");
}
