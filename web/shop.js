// The storefront: what is for sale, live; with `data-sells`, the cart of this browser too.
// Everything that is shown comes from the drop's feed or from an answer; nothing is guessed.

const page = document.documentElement.dataset;
const sells = page.sells === "true";
const base = `/v1/drops/${page.drop}`;
const shop = `/shop/${page.drop}/cart`;
const at = (id) => document.getElementById(id);

const products = new Map(); // sku -> { element, shown }
const holds = new Map(); // id -> { element, reservation, late }
let drop = null;

function say(text) {
  at("news").textContent = text;
}

function trouble(text) {
  at("trouble").textContent = text;
  at("trouble").hidden = !text;
}

// By how much the engine's clock differs from this browser's, where that is more than an answer's
// `Date`, which has whole seconds, can err.
let skew = 0;

function compareClocks(answer) {
  const differs = Date.parse(answer.headers.get("date")) + 500 - Date.now();
  if (!Number.isNaN(differs)) skew = Math.abs(differs) > 3000 ? differs : 0;
}

// Other than `randomUUID`, this is there on a page that came without TLS, too.
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function left(until) {
  const seconds = Math.max(0, Math.ceil((new Date(until) - Date.now() - skew) / 1000));
  const two = (n) => String(n).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return (hours ? `${hours}:${two(minutes)}` : `${minutes}`) + `:${two(seconds % 60)}`;
}

// Answers of the shop; a problem document says what to do next.
async function call(method, path, body) {
  const headers = { "content-type": "application/json" };
  // The same key for each try, so that a lost answer never buys twice.
  if (method !== "GET") headers["idempotency-key"] = newKey();
  for (let tries = 1; ; tries++) {
    try {
      const sent = { method, headers, body: body && JSON.stringify(body), cache: "no-cache" };
      const answer = await fetch(path, sent);
      compareClocks(answer);
      const told = await answer.json();
      if (answer.ok) return told;
      if (answer.status !== 503 || tries === 3) throw Object.assign(new Error(told.detail), told);
    } catch (error) {
      if (error.code || tries === 3) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 500 * tries));
  }
}

function product(sku) {
  const known = products.get(sku);
  if (known) return known;
  const element = at("product").content.firstElementChild.cloneNode(true);
  const form = element.querySelector("form");
  form.hidden = !sells;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    add(sku, Number(form.elements.quantity.value), form);
  });
  at("products").append(element);
  const made = { element, shown: null };
  products.set(sku, made);
  describe(sku, made);
  return made;
}

// What does not change with the stock: read once, and again when the name does.
async function describe(sku, { element }) {
  try {
    const { name, details } = await call("GET", `${base}/skus/${sku}`);
    element.querySelector("h2").textContent = name;
    element.querySelector(".text").textContent = details.description ?? "";
    const price = [details.price, details.currency].filter((part) => part !== undefined);
    element.querySelector(".price").textContent = price.join(" ");
  } catch (error) {
    trouble(error.message);
  }
}

function showStock(stock) {
  const known = product(stock.sku);
  const before = known.shown;
  // A message of before, or the same again after a reconnection.
  if (before && before.version >= stock.version) return;
  known.shown = stock;
  if (before && before.name !== stock.name) describe(stock.sku, known);
  known.element.querySelector("h2").textContent = stock.name;
  const line = known.element.querySelector(".stock");
  line.textContent = stock.message ?? "In stock";
  line.dataset.status = stock.status;
  if (before?.status === "sold_out" && stock.available > 0) {
    say(`A hold came back: ${stock.name} can be had again.`);
  } else if (before && before.status !== "sold_out" && stock.status === "sold_out") {
    say(`${stock.name} is sold out. Held units may come back.`);
  }
  allow();
}

const STATES = { scheduled: "Not open yet", open: "Open", paused: "Paused", closed: "The sale is over" };

function showDrop(shown) {
  drop = shown;
  at("name").textContent = shown.name;
  document.title = shown.name;
  at("state").textContent = STATES[shown.state];
  tick();
  allow();
}

function allow() {
  for (const { element, shown } of products.values()) {
    const button = element.querySelector("button");
    button.disabled = drop?.state !== "open" || !shown || shown.status === "sold_out";
  }
}

function tick() {
  const opens = drop?.state === "scheduled" && drop.opens_at;
  at("countdown").hidden = !opens;
  if (opens) at("countdown").textContent = `Opens in ${left(drop.opens_at)}`;
  for (const { element, reservation } of holds.values()) {
    const held = reservation.state === "held";
    element.querySelector(".clock").textContent = held ? left(reservation.expires_at) : "";
  }
}

async function add(sku, quantity, form) {
  const button = form.querySelector("button");
  button.disabled = true;
  trouble("");
  try {
    showHold(await call("POST", shop, { lines: [{ sku, quantity }] }));
    say("It is yours until the clock runs out.");
    at("cart").scrollIntoView({ block: "nearest" });
  } catch (error) {
    trouble(error.message);
  }
  allow();
}

const ENDED = {
  confirmed: "Paid. It is yours.",
  released: "Given back.",
  expired: "Its time ran out, and it was given back.",
  returned: "Returned.",
};

function showHold(reservation) {
  let known = holds.get(reservation.id);
  if (!known) {
    const element = at("hold").content.firstElementChild.cloneNode(true);
    element.addEventListener("click", (event) => act(reservation.id, event.target.dataset.do));
    at("holds").prepend(element);
    known = { element, reservation, late: false };
    holds.set(reservation.id, known);
    at("cart").hidden = false;
  }
  const { element } = known;
  // There is more time again.
  if (known.reservation.expires_at !== reservation.expires_at) delete element.dataset.soon;
  known.reservation = { ...known.reservation, ...reservation };
  const lines = reservation.lines.map(({ sku, quantity }) => {
    return `${quantity} × ${products.get(sku)?.shown?.name ?? sku}`;
  });
  element.querySelector("h3").textContent = lines.join(", ");
  element.dataset.state = reservation.state;
  const held = reservation.state === "held";
  // Who pays late pays for what has expired: that stays possible.
  element.querySelector(".actions").hidden = !held;
  if (!held) {
    delete element.dataset.soon;
    element.querySelector(".told").textContent = ENDED[reservation.state];
  }
  tick();
  follow();
  if (known.late && reservation.state === "expired") {
    known.late = false;
    pay(reservation.id, "late");
  }
}

async function act(id, what) {
  const known = holds.get(id);
  if (!what) return;
  const told = known.element.querySelector(".told");
  if (what === "pay") {
    const payment = known.element.querySelector("select").value;
    if (payment !== "late") return pay(id, payment);
    // The money comes when the clock has run out; see showHold.
    known.late = true;
    told.textContent = "The bank takes its time…";
    known.element.querySelector("[data-do=pay]").disabled = true;
    return;
  }
  await change(id, what, {}, what === "extend" ? "You have more time." : "");
}

async function pay(id, payment) {
  holds.get(id).element.querySelector(".told").textContent = "Paying…";
  await change(id, "pay", { payment }, "");
}

async function change(id, what, body, done) {
  const { element } = holds.get(id);
  const buttons = element.querySelectorAll("button");
  const told = element.querySelector(".told");
  buttons.forEach((button) => (button.disabled = true));
  try {
    const answer = await call("POST", `${shop}/${id}/${what}`, body);
    showHold(answer.reservation ?? answer);
    if (answer.message || done) told.textContent = answer.message ?? done;
  } catch (error) {
    told.textContent = error.message;
  }
  buttons.forEach((button) => (button.disabled = false));
}

// One stream for everything: stock for all, and what belongs to the holder of each token. It is
// opened anew when there is another hold to follow, from where the last one was.
let feed = null;
let lastId = "";
let watched = "";
let refused = 0;

// It may be made yet: whoever waits sees it then.
function unknown() {
  at("state").textContent = "";
  trouble("There is no sale of this name.");
}

function follow() {
  const held = [...holds.values()].filter(({ reservation }) => reservation.state === "held");
  const tokens = held.slice(0, 20).map(({ reservation }) => reservation.watch_token).join();
  if (!feed || tokens !== watched) listen(tokens);
}

function listen(tokens) {
  feed?.close();
  watched = tokens;
  const query = new URLSearchParams();
  if (tokens) query.set("watch", tokens);
  if (lastId) query.set("last_event_id", lastId);
  feed = new EventSource(`${base}/events?${query}`);
  const on = (kind, act) => {
    feed.addEventListener(kind, (event) => {
      lastId = event.lastEventId || lastId;
      act(JSON.parse(event.data));
    });
  };
  on("drop", showDrop);
  on("stock", showStock);
  on("reservation", showHold);
  on("expiring_soon", ({ id, seconds_left }) => {
    holds.get(id).element.dataset.soon = "";
    say(`Your hold ends in ${seconds_left} seconds.`);
  });
  const mine = feed;
  feed.addEventListener("open", () => {
    refused = 0;
    trouble("");
  });
  feed.addEventListener("error", () => {
    trouble("The connection was lost; what is shown may be old. Connecting again…");
    // The browser itself tries again where nobody answered, but not where it was turned away, by an
    // engine that stops or a proxy without one: that is done here, ever less often.
    if (mine.readyState !== EventSource.CLOSED || mine !== feed) return;
    const wait = Math.min(30, 2 ** refused++) * (1 + Math.random());
    setTimeout(() => mine === feed && listen(watched), 1000 * wait);
    fetch(base).then(({ status }) => status === 404 && unknown(), () => {});
  });
}

at("shown-only").hidden = sells;
if (sells) {
  call("GET", shop).then(({ items }) => items.forEach(showHold), (error) => trouble(error.message));
}
follow();
setInterval(tick, 250);
