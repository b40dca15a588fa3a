// The API, with the key that somebody signed in with. The key is kept for this tab only, and sent as
// a header that no other site can make a browser send: so there is no cookie, and nothing to forge.

const KEPT = "dropgate.key";
const TRIES = 3;

let signedOut = () => {};

/// An idempotency key. Other than `randomUUID`, this is there on a page that came without TLS, too.
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/// `then` is called when a key turns out to open nothing any more.
export function onSignedOut(then) {
  signedOut = then;
}

export function key() {
  return sessionStorage.getItem(KEPT);
}

export function keep(secret) {
  sessionStorage.setItem(KEPT, secret);
}

export function forget() {
  sessionStorage.removeItem(KEPT);
}

/// What the API refused, in its own words: `status`, `code` and what else the problem has.
export class Refused extends Error {
  constructor(status, problem) {
    // What is wrong with each field says more than that something is.
    const fields = problem.errors?.map(({ pointer, detail }) => `${pointer.split("/").pop()} ${detail}`);
    const left = problem.available == null ? "" : ` (${problem.available} available)`;
    super(fields?.join("; ") ?? (problem.detail ?? `The answer was ${status}.`) + left);
    Object.assign(this, { status, code: problem.code, problem });
  }
}

/// Nobody answered.
export class Unreachable extends Error {
  constructor() {
    super("The engine gives no answer.");
  }
}

export const get = (path) => call("GET", path);
export const put = (path, body) => call("PUT", path, { body, repeat: true });
export const patch = (path, body) => call("PATCH", path, { body, repeat: true });
export const remove = (path) => call("DELETE", path);
/// Without an idempotency key it is sent once: whether a second one would do harm only its sender knows.
export const post = (path, body, idempotency) =>
  call("POST", path, { body, idempotency, repeat: Boolean(idempotency) });

/// One call and its JSON. What may be repeated is, while there is no answer or the engine asks for it.
async function call(method, path, { body, idempotency, repeat = method === "GET" } = {}) {
  const headers = {};
  if (body !== undefined) headers["content-type"] = "application/json";
  if (idempotency) headers["idempotency-key"] = idempotency;
  for (let tries = 1; ; tries++) {
    const answer = await send(method, path, headers, body);
    const again = !answer || answer.status === 503 || answer.status === 429;
    if (again && repeat && tries < TRIES) {
      await new Promise((resolve) => setTimeout(resolve, 400 * tries));
      continue;
    }
    if (!answer) throw new Unreachable();
    return read(answer);
  }
}

async function send(method, path, headers, body) {
  const all = { ...headers, authorization: `Bearer ${key()}` };
  try {
    return await fetch(path, { method, headers: all, body: body && JSON.stringify(body) });
  } catch {
    return null;
  }
}

async function read(answer) {
  const told = await answer.json().catch(() => ({}));
  if (answer.ok) return told;
  if (answer.status === 401 && key()) {
    forget();
    signedOut();
  }
  throw new Refused(answer.status, told);
}

/// Lets the browser keep what a GET answers with, as a file.
export async function download(path, name) {
  const answer = await send("GET", path, {});
  if (!answer) throw new Unreachable();
  if (!answer.ok) return read(answer);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/// The query of the parameters that are given.
export function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value != null);
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

/// Runs `look` now and then again `pause` milliseconds behind its end, while the page is seen.
/// Returns what ends it.
export function every(pause, look) {
  let ended = false;
  let timer = null;
  const turn = async () => {
    clearTimeout(timer);
    await look();
    if (!ended && !document.hidden) timer = setTimeout(turn, pause);
  };
  const seen = () => !document.hidden && turn();
  document.addEventListener("visibilitychange", seen);
  turn();
  return () => {
    ended = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", seen);
  };
}
