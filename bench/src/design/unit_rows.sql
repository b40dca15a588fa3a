CREATE TABLE IF NOT EXISTS unit_rows_stock (
    id      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    drop_id text    NOT NULL,
    sku     text    NOT NULL,
    units   integer NOT NULL,
    UNIQUE (drop_id, sku)
);

-- One row a unit, numbered from 0; free while it has no reservation. Pages have room for a second
-- version of each row, so that taking a unit writes one page, and not one more at the end.
CREATE TABLE IF NOT EXISTS unit_rows_units (
    stock_id       integer NOT NULL,
    unit           integer NOT NULL,
    reservation_id uuid,
    PRIMARY KEY (stock_id, unit)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX IF NOT EXISTS unit_rows_free ON unit_rows_units (stock_id, unit)
    WHERE reservation_id IS NULL;

CREATE TABLE IF NOT EXISTS unit_rows_customers (
    drop_id     text   NOT NULL,
    sku         text   NOT NULL,
    customer_id text   NOT NULL,
    used        bigint NOT NULL CHECK (used >= 0),
    PRIMARY KEY (drop_id, sku, customer_id)
) WITH (fillfactor = 80);

CREATE TABLE IF NOT EXISTS unit_rows_reservations (
    id          uuid        PRIMARY KEY,
    drop_id     text        NOT NULL,
    customer_id text        NOT NULL,
    sku         text        NOT NULL,
    quantity    bigint      NOT NULL,
    -- Which units they are: who gives them back finds them by their key.
    units       integer[]   NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL
);
-- What has expired is looked for by this.
CREATE INDEX IF NOT EXISTS unit_rows_deadlines ON unit_rows_reservations (expires_at);

-- Codes: 0 held; 1 limit exceeded, figure: used; 2 sold out, figure: available; 3 unknown SKU.
-- DG001 undoes what was done for a hold that the units then did not cover; DG002, one that
-- another call of the same customer left no room for.
CREATE OR REPLACE FUNCTION unit_rows_hold(
    p_id uuid, p_drop text, p_customer text, p_sku text, p_quantity bigint, p_limit bigint,
    p_created timestamptz, p_expires timestamptz, OUT code bigint, OUT figure bigint
) LANGUAGE plpgsql AS $$
DECLARE
    stock unit_rows_stock;
    first integer;
    taken integer[];
BEGIN
    SELECT * INTO stock FROM unit_rows_stock WHERE drop_id = p_drop AND sku = p_sku;
    IF NOT FOUND THEN
        code := 3;
        figure := 0;
        RETURN;
    END IF;
    SELECT used INTO figure FROM unit_rows_customers
    WHERE drop_id = p_drop AND sku = p_sku AND customer_id = p_customer;
    figure := coalesce(figure, 0);
    IF figure + p_quantity > p_limit THEN
        code := 1;
        RETURN;
    END IF;

    -- From a place of its own on, each call finds a free unit soon: neither locked by another
    -- call nor, in the index, behind all those that are gone.
    first := floor(random() * stock.units);
    taken := ARRAY(
        SELECT unit FROM unit_rows_units
        WHERE stock_id = stock.id AND reservation_id IS NULL AND unit >= first
        ORDER BY unit LIMIT p_quantity FOR UPDATE SKIP LOCKED);
    IF cardinality(taken) < p_quantity THEN
        taken := taken || ARRAY(
            SELECT unit FROM unit_rows_units
            WHERE stock_id = stock.id AND reservation_id IS NULL AND unit < first
            ORDER BY unit LIMIT p_quantity - cardinality(taken) FOR UPDATE SKIP LOCKED);
    END IF;
    IF cardinality(taken) = 0 THEN
        code := 2;
        figure := 0;
        RETURN;
    ELSIF cardinality(taken) < p_quantity THEN
        RAISE EXCEPTION USING ERRCODE = 'DG001', MESSAGE = cardinality(taken)::text;
    END IF;
    UPDATE unit_rows_units SET reservation_id = p_id
    WHERE stock_id = stock.id AND unit = ANY (taken) AND reservation_id IS NULL;

    INSERT INTO unit_rows_customers AS c (drop_id, sku, customer_id, used)
    VALUES (p_drop, p_sku, p_customer, p_quantity)
    ON CONFLICT (drop_id, sku, customer_id) DO UPDATE SET used = c.used + p_quantity
    WHERE c.used + p_quantity <= p_limit;
    IF NOT FOUND THEN
        SELECT used INTO figure FROM unit_rows_customers
        WHERE drop_id = p_drop AND sku = p_sku AND customer_id = p_customer;
        RAISE EXCEPTION USING ERRCODE = 'DG002', MESSAGE = coalesce(figure, 0)::text;
    END IF;

    INSERT INTO unit_rows_reservations
        (id, drop_id, customer_id, sku, quantity, units, created_at, expires_at)
    VALUES (p_id, p_drop, p_customer, p_sku, p_quantity, taken, p_created, p_expires);
    code := 0;
    figure := 0;
END $$;
