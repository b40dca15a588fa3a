// Dialogs: the browser's own, which keep the focus inside and close with Escape.

import { html, nothing, render } from "../vendor/lit-html.js";

const place = () => document.getElementById("dialogs");

/// Tells what was done, also to who can't see it.
export function say(text) {
  const news = document.getElementById("news");
  news.textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => (news.textContent = ""), 15_000);
}

/// Asks somebody to do something, or not. `fields` is what can be filled in, `act` is given what was:
/// a FormData. When it fails the dialog stays, with the reason, and may be tried again.
export function ask({ title, text, fields = nothing, action, danger = false, act }) {
  let trouble = "";
  let busy = false;
  const close = () => place().querySelector("dialog").close();
  const submit = async (event) => {
    event.preventDefault();
    const given = new FormData(event.target);
    busy = true;
    trouble = "";
    draw();
    try {
      const told = await act(given);
      close();
      if (told) say(told);
    } catch (error) {
      busy = false;
      trouble = error.message;
      draw();
    }
  };
  const draw = () =>
    render(
      html`<dialog aria-labelledby="asked" @close=${() => render(nothing, place())}>
        <form @submit=${submit}>
          <h2 id="asked">${title}</h2>
          ${text ? html`<p>${text}</p>` : nothing} ${fields}
          <p class="trouble" role="alert" ?hidden=${!trouble}>${trouble}</p>
          <div class="actions">
            <button type="button" @click=${close}>Cancel</button>
            <button type="submit" class=${danger ? "danger" : "main"} ?disabled=${busy}>${action}</button>
          </div>
        </form>
      </dialog>`,
      place(),
    );
  draw();
  place().querySelector("dialog").showModal();
}
