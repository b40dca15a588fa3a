"""A shop's calls against a real engine, which ``DROPGATE_URL`` and the keys of its scopes name."""

import os
import threading
import unittest
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
from dropgate import connect
from dropgate_api.api.admin import audit, put_drop, put_sku, read_admin_drop
from dropgate_api.api.storefront import confirm, extend, release, reserve
from dropgate_api.models import (
    Confirm,
    DropSettings,
    Line,
    Problem,
    Reservation,
    ReservationState,
    Reserve,
    SkuSettings,
)

URL = os.environ["DROPGATE_URL"]
KEY = os.environ["DROPGATE_STOREFRONT_KEY"]
LINES = [Line(sku="poster", quantity=1)]


class Losing(BaseHTTPRequestHandler):
    """A network that carries each request to the engine, and loses the first answer."""

    protocol_version = "HTTP/1.1"
    seen: list[str]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append(self.headers["Idempotency-Key"])
        sent = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        answer = httpx.post(URL + self.path, content=body, headers=sent)
        if len(self.seen) == 1:
            self.close_connection = True
            return
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


class Buying(unittest.TestCase):
    def setUp(self) -> None:
        self.drop = f"py-{uuid.uuid4()}"
        self.admin = connect(URL, os.environ["DROPGATE_ADMIN_KEY"])
        self.shop = connect(URL, KEY)
        made = put_drop.sync_detailed(self.drop, client=self.admin, body=DropSettings(name="A drop"))
        self.assertEqual(made.status_code, 201)
        put_sku.sync(self.drop, "poster", client=self.admin, body=SkuSettings(initial_stock=2))

    def tearDown(self) -> None:
        self.assertTrue(audit.sync(self.drop, client=self.admin).balanced)
        for client in (self.admin, self.shop):
            client.get_httpx_client().close()

    def stock(self) -> tuple[int, int, int, int]:
        sku = read_admin_drop.sync(self.drop, client=self.admin).skus[0]
        return (sku.total, sku.available, sku.held, sku.sold)

    def hold(self, customer: str) -> Reservation | Problem:
        body = Reserve(customer_id=customer, lines=LINES, ttl_seconds=60)
        return reserve.sync(self.drop, client=self.shop, body=body)

    def test_hold_extend_confirm_and_then_it_is_sold_out(self) -> None:
        held = self.hold("c-1")
        self.assertIsInstance(held, Reservation)
        extended = extend.sync(self.drop, held.id, client=self.shop)
        self.assertGreater(extended.expires_at, held.expires_at)
        confirmed = confirm.sync(self.drop, held.id, client=self.shop, body=Confirm(order_id="order-1"))
        self.assertEqual(confirmed.state, ReservationState.CONFIRMED)
        other = self.hold("c-2")
        refused = self.hold("c-3")
        self.assertIsInstance(refused, Problem)
        self.assertEqual((refused.status, refused.code), (409, "sold_out"))
        self.assertEqual((refused.lines[0].sku, refused.lines[0].available), ("poster", 0))
        release.sync(self.drop, other.id, client=self.shop)
        self.assertEqual(self.stock(), (2, 1, 0, 1))

    def test_a_call_whose_answer_is_lost_is_repeated_and_has_one_effect(self) -> None:
        Losing.seen = []
        server = ThreadingHTTPServer(("127.0.0.1", 0), Losing)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            body = Reserve(customer_id="c-4", lines=LINES)
            with connect(f"http://127.0.0.1:{server.server_port}", KEY) as far:
                answer = reserve.sync_detailed(self.drop, client=far, body=body)
        finally:
            server.shutdown()
            server.server_close()
        self.assertEqual(answer.status_code, 201)
        self.assertEqual(answer.headers["Idempotency-Replayed"], "true")
        self.assertEqual((len(Losing.seen), len(set(Losing.seen))), (2, 1))
        self.assertEqual(self.stock(), (2, 1, 1, 0))


if __name__ == "__main__":
    unittest.main()
