# Two commands on a fresh machine: `make run` and `make test`. `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/sh
CARGO ?= cargo
DROP ?=
NEMESIS ?= run
BENCH ?=

.PHONY: help install run test check api-test clients test-clients lint-docker drop bench nemesis model clean

help: ## Show what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: ## Install what is missing: a Redis or Valkey server, a Postgres server
	@sh scripts/install.sh

run: install ## Start an engine with its own Redis, Postgres and a demo drop; needs no settings
	@$(CARGO) build --release --package dropgate
	@exec target/release/dropgate dev

test: install check ## Check format and lints, then run every test; those of ops/ with a Prometheus
	@sh scripts/install.sh prometheus browser brokers curl
	$(CARGO) test --workspace --no-fail-fast
	@sh scripts/clients.sh test-if-possible

check: ## Check format, lints (with failpoints and without) and documentation
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings
	$(CARGO) clippy --package dropgate --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --quiet

api-test: install ## Try the API with schemathesis, by its own description; API_TEST_SEED=1 repeats a run
	@sh scripts/install.sh curl python
	@$(CARGO) build --package dropgate --quiet
	@sh scripts/api-test.sh

clients: install ## Generate clients/ anew from the engine's description
	@sh scripts/install.sh curl python node
	@$(CARGO) build --package dropgate --quiet
	@sh scripts/clients.sh generate

test-clients: install ## Check that clients/ is what would be generated, then buy with each client
	@sh scripts/install.sh curl python node
	@$(CARGO) build --package dropgate --quiet
	@sh scripts/clients.sh test

lint-docker: ## Check Dockerfile and docker-compose.yml with their linters
	@sh scripts/install.sh python node
	@sh scripts/lint-docker.sh

drop: install ## Simulate a whole drop and audit it; options by DROP="--buyers 2000 --units 100"
	@$(CARGO) build --release --package dropgate --package dropgate-loadtest
	@exec target/release/dropgate-loadtest $(DROP)

bench: install ## Measure everything and write docs/BENCHMARKS.md (an hour); one part by BENCH="holds"
	@$(CARGO) build --release --package dropgate-bench
	@exec target/release/dropgate-bench --write docs/BENCHMARKS.md $(BENCH)

nemesis: install ## Break everything on purpose and check the books; options by NEMESIS="run --minutes 5"
	@$(CARGO) build --release --package dropgate-nemesis
	@exec target/release/dropgate-nemesis $(NEMESIS)

model: ## Explore the large configurations of the protocol's model (minutes, gigabytes)
	$(CARGO) test --release --package dropgate-model -- --ignored --test-threads=1

clean: ## Remove build results; the data folder stays
	$(CARGO) clean
