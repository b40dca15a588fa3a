-- The version of each SKU's details: that of the event which gave them. Copies of the details are kept
-- under it, so none is ever read for another. It is a table of its own because engines of before
-- have statements that depend on how a row of `stock` looks.

CREATE TABLE detail_versions (
    drop_id text   NOT NULL,
    sku     text   NOT NULL,
    epoch   bigint NOT NULL,
    seq     bigint NOT NULL,
    PRIMARY KEY (drop_id, sku)
);

-- Which event gave the details of before is not known: the SKU's last, which gives no others.
INSERT INTO detail_versions (drop_id, sku, epoch, seq)
SELECT s.drop_id, s.sku, d.epoch, s.version
FROM stock s JOIN drops d ON d.id = s.drop_id
WHERE s.details <> '{}'::jsonb;

CREATE OR REPLACE FUNCTION dropgate_apply_settings(
    p_drop text, p_seq bigint, p_sku text, p jsonb
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_sku IS NULL THEN
        UPDATE drops SET
            name = COALESCE(p ->> 'name', name),
            state = COALESCE(p ->> 'state', state),
            opens_at = CASE WHEN p ? 'opens_at'
                THEN to_timestamp((p ->> 'opens_at')::numeric / 1000) ELSE opens_at END,
            closes_at = CASE WHEN p ? 'closes_at'
                THEN to_timestamp((p ->> 'closes_at')::numeric / 1000) ELSE closes_at END,
            hold_ttl_seconds = COALESCE((p ->> 'hold_ttl_seconds')::bigint, hold_ttl_seconds),
            max_hold_seconds = COALESCE((p ->> 'max_hold_seconds')::bigint, max_hold_seconds),
            limit_per_customer = CASE WHEN p ? 'limit_per_customer'
                THEN (p ->> 'limit_per_customer')::bigint ELSE limit_per_customer END,
            expiring_soon_seconds = CASE WHEN p ? 'expiring_soon_seconds'
                THEN ARRAY(SELECT value::bigint
                    FROM jsonb_array_elements_text(p -> 'expiring_soon_seconds'))
                ELSE expiring_soon_seconds END
        WHERE id = p_drop;
    ELSE
        INSERT INTO stock (drop_id, sku, version, created_seq, name)
        VALUES (p_drop, p_sku, p_seq, p_seq, p_sku)
        ON CONFLICT (drop_id, sku) DO NOTHING;
        UPDATE stock SET
            version = p_seq,
            name = COALESCE(p ->> 'name', name),
            details = COALESCE(p -> 'details', details),
            limit_per_customer = CASE WHEN p ? 'limit_per_customer'
                THEN (p ->> 'limit_per_customer')::bigint ELSE limit_per_customer END,
            low_stock_threshold =
                COALESCE((p ->> 'low_stock_threshold')::bigint, low_stock_threshold)
        WHERE drop_id = p_drop AND sku = p_sku;
        IF p ? 'details' THEN
            INSERT INTO detail_versions (drop_id, sku, epoch, seq)
            SELECT id, p_sku, epoch, p_seq FROM drops WHERE id = p_drop
            ON CONFLICT (drop_id, sku) DO UPDATE
            SET epoch = excluded.epoch, seq = excluded.seq;
        END IF;
    END IF;
END $$;
