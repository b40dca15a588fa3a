-- The ledger: what it says happened, happened.
--
-- Rows of ledger, entries and requests are facts, inserted once. drops, stock, reservations and
-- reservation_lines are what the facts come to, kept in the same transaction.

CREATE TABLE drops (
    id                 text        PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_-]{1,64}$'),
    -- Rises by one whenever Redis is rebuilt from here; fences everything older.
    epoch              bigint      NOT NULL DEFAULT 0 CHECK (epoch >= 0),
    -- How far the journal is in the ledger, and the digest over it.
    last_seq           bigint      NOT NULL DEFAULT 0 CHECK (last_seq >= 0),
    last_chain         text        NOT NULL DEFAULT '0',
    name               text        NOT NULL,
    -- NULL until the drop is configured for the first time; nobody sees it before.
    state              text        CHECK (state IN ('scheduled', 'open', 'paused', 'closed')),
    opens_at           timestamptz,
    closes_at          timestamptz CHECK (closes_at > opens_at),
    hold_ttl_seconds   bigint      NOT NULL DEFAULT 900 CHECK (hold_ttl_seconds > 0),
    max_hold_seconds   bigint      NOT NULL DEFAULT 3600 CHECK (max_hold_seconds > 0),
    limit_per_customer bigint      CHECK (limit_per_customer > 0),
    created_at         timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE stock (
    drop_id             text   NOT NULL REFERENCES drops (id),
    sku                 text   NOT NULL CHECK (sku ~ '^[A-Za-z0-9_-]{1,64}$'),
    total               bigint NOT NULL DEFAULT 0 CHECK (total BETWEEN 0 AND 1000000000),
    available           bigint NOT NULL DEFAULT 0 CHECK (available >= 0),
    held                bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
    sold                bigint NOT NULL DEFAULT 0 CHECK (sold >= 0),
    -- The seq of the last event that moved or configured it, and of the one that made it.
    version             bigint NOT NULL,
    created_seq         bigint NOT NULL,
    name                text   NOT NULL,
    details             jsonb  NOT NULL DEFAULT '{}',
    limit_per_customer  bigint CHECK (limit_per_customer > 0),
    low_stock_threshold bigint NOT NULL DEFAULT 5 CHECK (low_stock_threshold >= 0),
    PRIMARY KEY (drop_id, sku),
    CHECK (total = available + held + sold)
);

CREATE TABLE reservations (
    drop_id     text        NOT NULL,
    id          uuid        NOT NULL,
    customer_id text        NOT NULL,
    state       text        NOT NULL
                CHECK (state IN ('held', 'confirmed', 'released', 'expired', 'returned')),
    order_id    text        CHECK (order_id IS NOT NULL OR state NOT IN ('confirmed', 'returned')),
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    changed_seq bigint      NOT NULL,
    changed_at  timestamptz NOT NULL,
    PRIMARY KEY (drop_id, id)
);
CREATE INDEX reservations_by_customer ON reservations (drop_id, customer_id);

CREATE TABLE reservation_lines (
    drop_id        text   NOT NULL,
    reservation_id uuid   NOT NULL,
    sku            text   NOT NULL,
    quantity       bigint NOT NULL CHECK (quantity > 0),
    -- Where the line stands in its reservation.
    position       int    NOT NULL,
    PRIMARY KEY (drop_id, reservation_id, sku)
);

-- One row a line that an event moved; an event that moved nothing has one row of quantity 0.
CREATE TABLE ledger (
    drop_id        text        NOT NULL,
    epoch          bigint      NOT NULL,
    seq            bigint      NOT NULL,
    line           int         NOT NULL,
    kind           text        NOT NULL CHECK (kind IN ('restocked', 'held', 'changed', 'extended',
                               'confirmed', 'released', 'expired', 'returned', 'configured')),
    reservation_id uuid,
    customer_id    text,
    sku            text,
    quantity       bigint      NOT NULL,
    order_id       text,
    occurred_at    timestamptz NOT NULL,
    reference      text,
    reason         text,
    settings       jsonb,
    PRIMARY KEY (drop_id, seq, line),
    CHECK (quantity > 0 OR kind IN ('restocked', 'changed', 'extended', 'configured'))
);

-- One row a script call that changed something: the chain that a caller waits for.
CREATE TABLE entries (
    drop_id     text        NOT NULL,
    seq         bigint      NOT NULL,
    epoch       bigint      NOT NULL,
    chain       text        NOT NULL,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (drop_id, seq)
);

-- Idempotency keys and the facts of the first answer, for 24 hours.
CREATE TABLE requests (
    drop_id     text        NOT NULL,
    key         text        NOT NULL,
    fingerprint text        NOT NULL,
    seq         bigint      NOT NULL,
    answer      text        NOT NULL,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (drop_id, key)
);
CREATE INDEX requests_by_age ON requests (occurred_at);
