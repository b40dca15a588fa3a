// How figures and times are written.

const whole = new Intl.NumberFormat("en");
const tenths = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

export const number = (n) => (n == null ? "–" : whole.format(n));
export const rate = (n) => (n == null ? "–" : tenths.format(n));
export const percent = (part, of) => (of > 0 ? `${tenths.format((100 * part) / of)} %` : "–");

/// A time as the reader's clock shows it.
export const time = (text) => (text ? new Date(text).toLocaleString("sv-SE") : "–");

/// Milliseconds in a unit that fits.
export function duration(ms) {
  if (ms == null) return "–";
  if (ms < 1000) return `${ms} ms`;
  if (ms < 120_000) return `${tenths.format(ms / 1000)} s`;
  return `${tenths.format(ms / 60_000)} min`;
}

/// A bound in seconds.
export const span = (seconds) => (seconds < 120 ? `${seconds} s` : `${seconds / 60} min`);

export const lines = (of) => of.map(({ sku, quantity }) => `${quantity} × ${sku}`).join(", ");

const STATES = { scheduled: "Scheduled", open: "Open", paused: "Paused", closed: "Closed" };
export const state = (word) => STATES[word] ?? word;
