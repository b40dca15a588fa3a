"""A client for Dropgate, a flash-sale reservation engine.

The calls and their types are generated from the engine's own description (``dropgate_api``); what is
written here only repeats a call until its outcome is known.
"""

import time
import uuid

import httpx
from dropgate_api import AuthenticatedClient

__all__ = ["Persistent", "connect"]


def connect(url: str, key: str, *, patience: float = 15.0) -> AuthenticatedClient:
    """Makes a client for the engine at ``url``, by a key of scope storefront, admin or read.

    A call is repeated for at most ``patience`` seconds.
    """
    transport = Persistent(httpx.HTTPTransport(), patience)
    return AuthenticatedClient(
        base_url=url, token=key, timeout=httpx.Timeout(10.0), httpx_args={"transport": transport}
    )


#: Of these POSTs each has an effect of its own.
_ONCE = ("/v1/admin/keys", "/v1/admin/webhooks")


class Persistent(httpx.BaseTransport):
    """Sends each request until its outcome is known.

    Every try of a POST or a PUT carries one ``Idempotency-Key``, the caller's own or a new one, so that
    it has one effect; a call that would have another one is repeated only when nothing has happened.
    """

    def __init__(self, onward: httpx.BaseTransport, patience: float) -> None:
        self._onward = onward
        self._patience = patience

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Sends a request, if need be more than once."""
        deadline = time.monotonic() + self._patience
        if request.method in ("POST", "PUT") and "Idempotency-Key" not in request.headers:
            request.headers["Idempotency-Key"] = str(uuid.uuid4())
        # Keys of the API and webhooks are made without an idempotency key: two tries could make two of them.
        once = request.method == "POST" and request.url.path.startswith(_ONCE)
        while True:
            wait = 1.0
            try:
                answer = self._onward.handle_request(request)
                if answer.status_code not in (429, 503):
                    return answer
                answer.read()
                wait = float(answer.headers.get("Retry-After", "1"))
                again = not once or answer.status_code == 429 or _outcome(answer) == "none"
                if not again or time.monotonic() + wait > deadline:
                    return answer
            except httpx.TransportError:
                # No answer came: what became of the call is not known.
                if once or time.monotonic() + wait > deadline:
                    raise
            time.sleep(wait)

    def close(self) -> None:
        """Closes its connections."""
        self._onward.close()


def _outcome(answer: httpx.Response) -> object:
    try:
        return answer.json().get("outcome")
    except ValueError:
        return None
