-- The tables that users are promised, for the least that a durable hold writes.
CREATE TABLE IF NOT EXISTS least_drops (
    id       text   PRIMARY KEY,
    last_seq bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS least_stock (
    drop_id   text   NOT NULL,
    sku       text   NOT NULL,
    total     bigint NOT NULL,
    available bigint NOT NULL CHECK (available >= 0),
    held      bigint NOT NULL CHECK (held >= 0),
    CHECK (total = available + held),
    PRIMARY KEY (drop_id, sku)
);
CREATE TABLE IF NOT EXISTS least_reservations (
    drop_id     text        NOT NULL,
    id          uuid        NOT NULL,
    customer_id text        NOT NULL,
    state       text        NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (drop_id, id)
);
CREATE INDEX IF NOT EXISTS least_reservations_by_customer
    ON least_reservations (drop_id, customer_id);
CREATE TABLE IF NOT EXISTS least_lines (
    drop_id        text   NOT NULL,
    reservation_id uuid   NOT NULL,
    sku            text   NOT NULL,
    quantity       bigint NOT NULL,
    PRIMARY KEY (drop_id, reservation_id, sku)
);
CREATE TABLE IF NOT EXISTS least_ledger (
    drop_id        text        NOT NULL,
    epoch          bigint      NOT NULL,
    seq            bigint      NOT NULL,
    kind           text        NOT NULL,
    reservation_id uuid        NOT NULL,
    customer_id    text        NOT NULL,
    sku            text        NOT NULL,
    quantity       bigint      NOT NULL,
    order_id       text,
    occurred_at    timestamptz NOT NULL,
    PRIMARY KEY (drop_id, seq)
);
