#!/bin/sh
# Runs a command against an engine of its own, with a Redis and a Postgres of its own and the demo
# drop of `dropgate dev`, and ends them behind it:
#
#   sh scripts/with-engine.sh COMMAND [ARGUMENT…]
#
# The command finds DROPGATE_URL, DROPGATE_ADMIN_KEY and DROPGATE_STOREFRONT_KEY in its environment,
# and its status is the script's. DROPGATE_PROGRAM names another program than the debug build.
set -eu

program=${DROPGATE_PROGRAM:-${CARGO_TARGET_DIR:-target}/debug/dropgate}
folder=$(mktemp -d)
# Started by root, Postgres runs as another user, who has to get to its files.
chmod 711 "$folder"
engine=

complain() { printf 'with-engine: %s\n' "$*" >&2; }

finish() {
    if [ -n "$engine" ]; then
        kill "$engine" 2>/dev/null || true
        wait "$engine" 2>/dev/null || true
    fi
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT TERM

# Where it listens, once it says so.
url() { sed -n 's/^Dropgate is ready on \(http[^,]*\),.*/\1/p' "$folder/out"; }

DROPGATE_LISTEN=127.0.0.1:0 DROPGATE_DATA_DIR="$folder/data" DROPGATE_LOG="${DROPGATE_LOG:-warn}" \
    "$program" dev >"$folder/out" 2>"$folder/log" &
engine=$!
while [ -z "$(url)" ]; do
    if ! kill -0 "$engine" 2>/dev/null; then
        complain "the engine ended before it was ready:"
        cat "$folder/log" >&2
        exit 1
    fi
    sleep 0.1
done

DROPGATE_URL=$(url)
. "$folder/data/keys.env"
export DROPGATE_URL DROPGATE_ADMIN_KEY DROPGATE_STOREFRONT_KEY

status=0
"$@" || status=$?
if ! kill -0 "$engine" 2>/dev/null; then
    complain "the engine ended meanwhile:"
    cat "$folder/log" >&2
    exit 1
fi
exit "$status"
