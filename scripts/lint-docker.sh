#!/bin/sh
# Checks Dockerfile (hadolint) and docker-compose.yml (dclint: the schema of compose files, and rules of
# taste): `make lint-docker`. The tools go to target/lint-docker, at the versions of scripts/lint-docker/.
set -eu
cd "$(dirname "$0")/.."

tools=${CARGO_TARGET_DIR:-target}/lint-docker
if ! cmp -s scripts/lint-docker/requirements.txt "$tools/requirements.txt" ||
    ! cmp -s scripts/lint-docker/package-lock.json "$tools/package-lock.json"; then
    rm -rf "$tools"
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check \
        --requirement scripts/lint-docker/requirements.txt
    cp scripts/lint-docker/package.json scripts/lint-docker/.npmrc "$tools"
    cp scripts/lint-docker/package-lock.json "$tools/package-lock.json"
    (cd "$tools" && npm ci --no-audit --no-fund --silent)
    cp scripts/lint-docker/requirements.txt "$tools/requirements.txt"
fi

"$tools/bin/hadolint" --failure-threshold style Dockerfile
"$tools/node_modules/.bin/dclint" --max-warnings 0 --config scripts/lint-docker/dclint.yaml docker-compose.yml
echo "lint-docker: nothing to find"
