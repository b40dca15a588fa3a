#!/bin/sh
# The clients of clients/, made from the engine's own description.
#
#   sh scripts/clients.sh generate   write clients/openapi.json and all that is generated from it anew
#   sh scripts/clients.sh test       what is committed is what would be generated; then each client buys
#                                    something from a real engine
#   sh scripts/clients.sh test-if-possible
#                                    the same, or nothing where Python or Node.js is missing
#
# `make clients` and `make test-clients` call it. The tools go to target/clients, at the versions of
# clients/python/requirements.txt and clients/typescript/package-lock.json.
set -eu
cd "$(dirname "$0")/.."

tools=${CARGO_TARGET_DIR:-target}/clients
case $tools in /*) ;; *) tools=$PWD/$tools ;; esac

say() { printf 'clients: %s\n' "$*"; }

install_tools() {
    wanted=clients/python/requirements.txt
    # The programs of a virtual environment name the folder that it was made in: whoever has moved that
    # has none.
    if ! cmp -s "$wanted" "$tools/python.txt" ||
        ! "$tools/python/bin/openapi-python-client" --version >/dev/null 2>&1; then
        say "installing the Python tools"
        rm -rf "$tools/python"
        python3 -m venv "$tools/python"
        "$tools/python/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted"
        cp "$wanted" "$tools/python.txt"
    fi
    wanted=clients/typescript/package-lock.json
    if ! [ -d clients/typescript/node_modules ] || ! cmp -s "$wanted" "$tools/typescript.json"; then
        say "installing the TypeScript tools"
        (cd clients/typescript && npm ci --no-audit --no-fund --silent)
        cp "$wanted" "$tools/typescript.json"
    fi
}

# The description of the engine at DROPGATE_URL. Its members are sorted: their order is a build's choice.
describe() {
    curl -sSf "$DROPGATE_URL/openapi.json" | "$tools/python/bin/python" -c 'import json, sys
print(json.dumps(json.load(sys.stdin), indent=2, sort_keys=True, ensure_ascii=False))' >"$1"
}

# From the description $1: the Python package $2, the TypeScript types $3.
generate() {
    PATH="$tools/python/bin:$PATH" openapi-python-client generate --path "$1" --meta none \
        --config clients/python/generator.yml --output-path "$2" --overwrite --fail-on-warning \
        >"$tools/log" 2>&1 || {
        cat "$tools/log" >&2
        return 1
    }
    rm -rf "$2/.ruff_cache"
    (cd clients/typescript &&
        npx --no-install openapi-typescript "$1" --default-non-nullable=false --output "$3") \
        >"$tools/log" 2>&1 || {
        cat "$tools/log" >&2
        return 1
    }
}

compare() {
    fresh=$tools/fresh
    rm -rf "$fresh"
    mkdir -p "$fresh"
    describe "$fresh/openapi.json"
    generate "$fresh/openapi.json" "$fresh/dropgate_api" "$fresh/schema.ts"
    diff -r -q -x __pycache__ clients/python/dropgate_api "$fresh/dropgate_api" &&
        diff -q clients/openapi.json "$fresh/openapi.json" &&
        diff -q clients/typescript/src/schema.ts "$fresh/schema.ts" || {
        say "what is in clients/ is not what the engine describes: run \`make clients\`" >&2
        return 1
    }
}

possible() {
    python3 -c 'import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null &&
        node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null &&
        npm --version >/dev/null 2>&1
}

if [ "${1:-}" = test-if-possible ]; then
    if ! possible; then
        say "there is no Python 3.11 or no Node.js 20 here: the clients are not tested"
        exit 0
    fi
    set -- test
fi

if [ -z "${DROPGATE_URL:-}" ]; then
    mkdir -p "$tools"
    install_tools
    exec sh scripts/with-engine.sh sh scripts/clients.sh "$@"
fi

case ${1:-} in
generate)
    describe clients/openapi.json
    generate "$PWD/clients/openapi.json" clients/python/dropgate_api "$PWD/clients/typescript/src/schema.ts"
    ;;
test)
    compare
    (cd clients/typescript && npm test --silent)
    (cd clients/python && PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=. "$tools/python/bin/python" -m unittest discover -s tests -v)
    ;;
*)
    echo "usage: scripts/clients.sh generate | test | test-if-possible" >&2
    exit 2
    ;;
esac
