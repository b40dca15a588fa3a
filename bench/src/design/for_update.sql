CREATE TABLE IF NOT EXISTS for_update_stock (
    drop_id   text   NOT NULL,
    sku       text   NOT NULL,
    available bigint NOT NULL CHECK (available >= 0),
    PRIMARY KEY (drop_id, sku)
);

CREATE TABLE IF NOT EXISTS for_update_customers (
    drop_id     text   NOT NULL,
    sku         text   NOT NULL,
    customer_id text   NOT NULL,
    used        bigint NOT NULL CHECK (used >= 0),
    PRIMARY KEY (drop_id, sku, customer_id)
) WITH (fillfactor = 80);

CREATE TABLE IF NOT EXISTS for_update_reservations (
    id          uuid        PRIMARY KEY,
    drop_id     text        NOT NULL,
    customer_id text        NOT NULL,
    sku         text        NOT NULL,
    quantity    bigint      NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL
);
-- What has expired is looked for by this.
CREATE INDEX IF NOT EXISTS for_update_deadlines ON for_update_reservations (expires_at);
