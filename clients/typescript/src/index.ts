/**
 * A client for Dropgate: the calls and their types are generated from the engine's own description
 * (`schema.ts`); what is written here only repeats a call until its outcome is known.
 */

import createClient, { type Client } from "openapi-fetch";

import type { components, paths } from "./schema.js";

export type { components, operations, paths } from "./schema.js";

/** A hold, an order, or what became of one. */
export type Reservation = components["schemas"]["Reservation"];
/** Why a call was refused: build on `code`. */
export type Problem = components["schemas"]["Problem"];

/** What a client needs to know. */
export interface Settings {
  /** Where the engine listens, as in `http://127.0.0.1:8080`. */
  baseUrl: string;
  /** A key of scope `storefront`, `admin` or `read`. */
  key: string;
  /** For how many milliseconds a call is repeated at most; 15 seconds if left out. */
  patience?: number;
  /** What sends requests; the global `fetch` if left out. */
  fetch?: (request: Request) => Promise<Response>;
}

/** The calls of the API by path and method, as in `client.POST("/v1/drops/{drop}/reservations", …)`. */
export function dropgate(settings: Settings): Client<paths> {
  const { baseUrl, key, patience = 15_000, fetch = globalThis.fetch } = settings;
  return createClient<paths>({
    baseUrl,
    headers: { Authorization: `Bearer ${key}` },
    fetch: (request) => persist(request, fetch, Date.now() + patience),
  });
}

/** POSTs of which each has an effect of its own. */
const ONCE = /^\/v1\/admin\/(keys|webhooks)(\/|$)/;

/**
 * Sends a request until its outcome is known, or until `deadline`. Each try of a POST or a PUT
 * carries one `Idempotency-Key`, the caller's own or a new one, so that it has one effect; a call
 * that would have another one is repeated only when nothing has happened.
 */
async function persist(
  request: Request,
  fetch: (request: Request) => Promise<Response>,
  deadline: number,
): Promise<Response> {
  const takesKey = request.method === "POST" || request.method === "PUT";
  if (takesKey && !request.headers.has("Idempotency-Key")) {
    request.headers.set("Idempotency-Key", crypto.randomUUID());
  }
  // Keys of the API and webhooks are made without an idempotency key: two tries could make two of them.
  const once = request.method === "POST" && ONCE.test(new URL(request.url).pathname);
  for (;;) {
    let wait = 1000;
    try {
      const answer = await fetch(request.clone());
      if (answer.status !== 429 && answer.status !== 503) return answer;
      wait = 1000 * Number(answer.headers.get("Retry-After") ?? "1");
      const again = !once || answer.status === 429 || (await outcome(answer)) === "none";
      if (!again || Date.now() + wait > deadline) return answer;
    } catch (error) {
      // No answer came: what became of the call is not known.
      const stopped = request.signal.aborted;
      if (stopped || once || Date.now() + wait > deadline) throw error;
    }
    await new Promise((resume) => setTimeout(resume, wait));
  }
}

async function outcome(answer: Response): Promise<string | undefined> {
  try {
    return ((await answer.clone().json()) as Problem).outcome;
  } catch {
    return undefined;
  }
}
