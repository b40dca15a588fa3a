CREATE TABLE IF NOT EXISTS conditional_update_stock (
    drop_id   text   NOT NULL,
    sku       text   NOT NULL,
    available bigint NOT NULL CHECK (available >= 0),
    PRIMARY KEY (drop_id, sku)
);

CREATE TABLE IF NOT EXISTS conditional_update_customers (
    drop_id     text   NOT NULL,
    sku         text   NOT NULL,
    customer_id text   NOT NULL,
    used        bigint NOT NULL CHECK (used >= 0),
    PRIMARY KEY (drop_id, sku, customer_id)
) WITH (fillfactor = 80);

CREATE TABLE IF NOT EXISTS conditional_update_reservations (
    id          uuid        PRIMARY KEY,
    drop_id     text        NOT NULL,
    customer_id text        NOT NULL,
    sku         text        NOT NULL,
    quantity    bigint      NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL
);
-- What has expired is looked for by this.
CREATE INDEX IF NOT EXISTS conditional_update_deadlines
    ON conditional_update_reservations (expires_at);

-- Codes: 0 held; 1 limit exceeded, figure: used; 2 sold out, figure: available; 3 unknown SKU.
-- DG001 undoes what was done for a hold that the stock then did not cover.
CREATE OR REPLACE FUNCTION conditional_update_hold(
    p_id uuid, p_drop text, p_customer text, p_sku text, p_quantity bigint, p_limit bigint,
    p_created timestamptz, p_expires timestamptz, OUT code bigint, OUT figure bigint
) LANGUAGE plpgsql AS $$
BEGIN
    -- Without a lock: a glance that spares most of those who come late the work below.
    SELECT available INTO figure FROM conditional_update_stock
    WHERE drop_id = p_drop AND sku = p_sku;
    IF NOT FOUND THEN
        code := 3;
        figure := 0;
        RETURN;
    ELSIF figure < p_quantity THEN
        code := 2;
        RETURN;
    END IF;

    INSERT INTO conditional_update_customers AS c (drop_id, sku, customer_id, used)
    SELECT p_drop, p_sku, p_customer, p_quantity WHERE p_quantity <= p_limit
    ON CONFLICT (drop_id, sku, customer_id) DO UPDATE SET used = c.used + p_quantity
    WHERE c.used + p_quantity <= p_limit;
    IF NOT FOUND THEN
        code := 1;
        SELECT coalesce(max(used), 0) INTO figure FROM conditional_update_customers
        WHERE drop_id = p_drop AND sku = p_sku AND customer_id = p_customer;
        RETURN;
    END IF;

    INSERT INTO conditional_update_reservations
        (id, drop_id, customer_id, sku, quantity, created_at, expires_at)
    VALUES (p_id, p_drop, p_customer, p_sku, p_quantity, p_created, p_expires);

    -- Last, since all wait for this row, until the commit is on the disk.
    UPDATE conditional_update_stock SET available = available - p_quantity
    WHERE drop_id = p_drop AND sku = p_sku AND available >= p_quantity;
    IF NOT FOUND THEN
        SELECT available INTO figure FROM conditional_update_stock
        WHERE drop_id = p_drop AND sku = p_sku;
        RAISE EXCEPTION USING ERRCODE = 'DG001', MESSAGE = coalesce(figure, 0)::text;
    END IF;
    code := 0;
    figure := 0;
END $$;
