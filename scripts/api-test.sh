#!/bin/sh
# Runs schemathesis against a real engine: `make api-test`. It reads the engine's own description and
# makes up calls from it, good and bad ones, by themselves and in chains, with the storefront's key and
# then with the admin's. Whatever the description does not allow is a finding, and the status is 1.
#
#   API_TEST_SEED      a number: the same calls again; by the clock if not given, and always printed
#   API_TEST_EXAMPLES  calls that are made up for each operation and phase, 50 if not given
#
# The tools are in target/api-test, at the versions of scripts/api-test/requirements.txt.
set -eu
cd "$(dirname "$0")/.."

tools=${CARGO_TARGET_DIR:-target}/api-test
wanted=scripts/api-test/requirements.txt

install_tools() {
    cmp -s "$wanted" "$tools/installed.txt" && return
    rm -rf "$tools"
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted"
    cp "$wanted" "$tools/installed.txt"
}

# What the examples of the description are about, so that they succeed.
prepare() {
    put() {
        curl -sSf -o /dev/null -X PUT "$DROPGATE_URL/v1/admin/drops/summer$1" -d "$2" \
            -H "Authorization: Bearer $DROPGATE_ADMIN_KEY" -H 'Content-Type: application/json'
    }
    # The longest TTL there is: what the description allows, this drop allows, too.
    put '' '{"state": "open", "hold_ttl_seconds": 2592000, "max_hold_seconds": 2592000}'
    put /skus/shoe-42 '{"initial_stock": 1000000}'
}

# A stream has no end to wait for: tests/it/live.rs reads those.
run() {
    printf 'api-test: with the key of scope %s, seed %s\n' "$1" "$seed"
    DROPGATE_KEY=$2 "$tools/bin/st" --config-file scripts/api-test/schemathesis.toml run \
        "$DROPGATE_URL/openapi.json" --seed "$seed" \
        --exclude-operation-id followDrop \
        --max-examples "${API_TEST_EXAMPLES:-50}" --continue-on-failure
}

if [ -z "${DROPGATE_URL:-}" ]; then
    install_tools
    exec sh scripts/with-engine.sh sh scripts/api-test.sh
fi

seed=${API_TEST_SEED:-$(date +%s)}
prepare
status=0
# The storefront first: the admin's calls pause the drop, close it and shorten its TTL.
run storefront "$DROPGATE_STOREFRONT_KEY" || status=1
run admin "$DROPGATE_ADMIN_KEY" || status=1
# Nothing of all that may have brought Redis and the ledger apart.
curl -sSf "$DROPGATE_URL/v1/admin/drops/summer/audit" \
    -H "Authorization: Bearer $DROPGATE_ADMIN_KEY" | grep -q '"balanced":true' || {
    echo "api-test: the audit finds violations" >&2
    status=1
}
[ "$status" -eq 0 ] || printf 'api-test: the same calls again: API_TEST_SEED=%s make api-test\n' "$seed" >&2
exit "$status"
