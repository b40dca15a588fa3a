/** A shop's calls against a real engine, which `DROPGATE_URL` and the keys of its scopes name. */

import assert from "node:assert/strict";
import { createServer, request as send } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";

import { dropgate, type Reservation } from "../src/index.js";

function setting(name: string): string {
  const value = process.env[name];
  assert.ok(value, `${name} is not set`);
  return value;
}

const baseUrl = setting("DROPGATE_URL");
const admin = dropgate({ baseUrl, key: setting("DROPGATE_ADMIN_KEY") });
const shop = dropgate({ baseUrl, key: setting("DROPGATE_STOREFRONT_KEY") });
const drop = `ts-${crypto.randomUUID()}`;
const path = { drop };
const lines = [{ sku: "poster", quantity: 1 }];

async function stock() {
  const { data } = await admin.GET("/v1/admin/drops/{drop}", { params: { path } });
  const { total, available, held, sold } = data!.skus[0]!;
  return { total, available, held, sold };
}

async function hold(customer_id: string): Promise<Reservation> {
  const { data, error } = await shop.POST("/v1/drops/{drop}/reservations", {
    params: { path },
    body: { customer_id, lines, ttl_seconds: 60 },
  });
  assert.ok(data, JSON.stringify(error));
  return data;
}

before(async () => {
  const made = await admin.PUT("/v1/admin/drops/{drop}", { params: { path }, body: { name: "A drop" } });
  assert.equal(made.response.status, 201);
  const sku = await admin.PUT("/v1/admin/drops/{drop}/skus/{sku}", {
    params: { path: { drop, sku: "poster" } },
    body: { initial_stock: 2 },
  });
  assert.equal(sku.data?.available, 2);
});

after(async () => {
  const { data } = await admin.GET("/v1/admin/drops/{drop}/audit", { params: { path } });
  assert.equal(data?.balanced, true);
});

test("hold, extend, confirm, and then it is sold out", async () => {
  const held = await hold("c-1");
  const of = { params: { path: { drop, id: held.id } } };
  const extended = await shop.POST("/v1/drops/{drop}/reservations/{id}/extend", of);
  assert.ok(Date.parse(extended.data!.expires_at) > Date.parse(held.expires_at));
  const confirmed = await shop.POST("/v1/drops/{drop}/reservations/{id}/confirm", {
    ...of,
    body: { order_id: "order-1" },
  });
  assert.equal(confirmed.data?.state, "confirmed");

  const other = await hold("c-2");
  const { error, response } = await shop.POST("/v1/drops/{drop}/reservations", {
    params: { path },
    body: { customer_id: "c-3", lines },
  });
  assert.equal(response.status, 409);
  assert.equal(error?.code, "sold_out");
  assert.deepEqual(error?.lines, [{ sku: "poster", requested: 1, available: 0 }]);
  await shop.POST("/v1/drops/{drop}/reservations/{id}/release", {
    params: { path: { drop, id: other.id } },
  });
  assert.deepEqual(await stock(), { total: 2, available: 1, held: 0, sold: 1 });
});

test("a call whose answer is lost is repeated, and has one effect", async () => {
  // A network that carries the first request to the engine, and loses its answer.
  let requests = 0;
  const keys = new Set<unknown>();
  const proxy = createServer((asked, answer) => {
    requests += 1;
    keys.add(asked.headers["idempotency-key"]);
    const lost = requests === 1;
    const { method, headers, url } = asked;
    const onward = send(baseUrl + url, { method: method!, headers }, (reply) => {
      if (lost) {
        reply.resume().on("end", () => answer.destroy());
      } else {
        answer.writeHead(reply.statusCode!, reply.headers);
        reply.pipe(answer);
      }
    });
    asked.pipe(onward);
  });
  await new Promise<void>((ready) => proxy.listen(0, "127.0.0.1", ready));
  try {
    const { port } = proxy.address() as AddressInfo;
    const far = dropgate({ baseUrl: `http://127.0.0.1:${port}`, key: setting("DROPGATE_STOREFRONT_KEY") });
    const { data, response } = await far.POST("/v1/drops/{drop}/reservations", {
      params: { path },
      body: { customer_id: "c-4", lines },
    });
    assert.equal(response.status, 201);
    assert.equal(response.headers.get("Idempotency-Replayed"), "true");
    assert.equal(data?.state, "held");
    assert.equal(requests, 2);
    assert.equal(keys.size, 1);
    assert.deepEqual(await stock(), { total: 2, available: 0, held: 1, sold: 1 });
  } finally {
    proxy.closeAllConnections();
    proxy.close();
  }
});
