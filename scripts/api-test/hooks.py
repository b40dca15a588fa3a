"""What `make api-test` does besides what schemathesis does by itself."""

import hashlib
import json
import re
import zlib

import schemathesis

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@schemathesis.hook
def map_body(context, body):
    """Writes whole numbers as such, and has half of the holds ask for what there is.

    To JSON Schema 1.0 is an integer, to the engine it is none. A made-up SKU is one that the drop lacks, and a
    made-up TTL is longer than most; so without this few calls would get as far as the stock.
    """
    if isinstance(body, float) and body.is_integer():
        return int(body)
    if isinstance(body, list):
        return [map_body(context, item) for item in body]
    if isinstance(body, dict):
        return {name: known(name, map_body(context, value)) for name, value in body.items()}
    return body


def known(name, value):
    """A good value of a member, or half of the time one that leads further."""
    if name == "url" and isinstance(value, str) and value.startswith("http"):
        # Nobody listens there: made-up names may be somebody's.
        return "http://127.0.0.1:9/"
    if zlib.crc32(repr(value).encode()) % 2:
        return value
    if name == "lines" and isinstance(value, list) and 1 <= len(value) <= 20 and all(map(is_line, value)):
        return [{"sku": "shoe-42", "quantity": 1 + line["quantity"] % 5} for line in value]
    if name == "ttl_seconds" and type(value) is int and 1 <= value <= 2_592_000:
        return min(value, 60)
    return value


def is_line(value):
    """Whether it is a line as it is described."""
    if not isinstance(value, dict) or value.keys() != {"sku", "quantity"}:
        return False
    sku, quantity = value["sku"], value["quantity"]
    named = isinstance(sku, str) and NAME.fullmatch(sku)
    return bool(named) and type(quantity) is int and 1 <= quantity <= 10_000


@schemathesis.hook
def before_call(context, case, kwargs):
    """Gives most good requests an idempotency key of their own.

    Made-up keys are short and come again, so that calls would get no further than `idempotency_key_reused`.
    """
    good = case.meta is not None and case.meta.generation.mode.is_positive
    key = case.headers.get("Idempotency-Key") if good and case.headers else None
    if key:
        request = json.dumps([key, case.method, case.path, case.path_parameters, case.body], default=str)
        digest = hashlib.sha256(request.encode()).hexdigest()
        if digest[0] != "0":
            case.headers["Idempotency-Key"] = digest


# Why a request that fits the description may still be refused with 422: what no schema can say, as
# pointer and detail.
BEYOND_SCHEMAS = [
    # The drop decides.
    r"/ttl_seconds must be at most \d+, the drop's own hold TTL",
    r"/closes_at must come after opens_at",
    r"/quantity would take the total above",
    r"/lines asks for more of \S+ than",
    # More than one value together.
    r"/lines must have 1 to 20 lines",
    r"/lines/\d+/quantity takes its sku above 10000 units, lines of one sku added up",
    # The clock.
    r"/expires_at must be a time to come",
    r"/\w+_at must be a time from 1970 to 9999",
    r"/query/(since|until) must be a time from 1970 to 9999",
    # Texts whose inside counts.
    r"/url must (be|have|name) ",
    r"/query/cursor must be the next_cursor of an earlier page",
    r"/details must (be at most|not contain)",
]


@schemathesis.check
def refused_only_for_what_no_schema_says(ctx, response, case):
    """A 422 to a request that fits the description has a known reason."""
    good = case.meta is not None and case.meta.generation.mode.is_positive
    if not good or response.status_code != 422:
        return
    problem = response.json()
    if problem["code"] == "idempotency_key_reused":
        return
    for error in problem["errors"]:
        told = f"{error['pointer']} {error['detail']}"
        if not any(re.match(reason, told) for reason in BEYOND_SCHEMAS):
            raise AssertionError(f"a good request is refused: {told}")
