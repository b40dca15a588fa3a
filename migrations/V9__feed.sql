-- What the live feed needs: how long before its deadline the holder of a hold is warned, and a secret
-- from which the tokens are made with which a browser may watch one reservation.

ALTER TABLE drops ADD COLUMN expiring_soon_seconds bigint[] NOT NULL DEFAULT '{60,10}'
    CHECK (cardinality(expiring_soon_seconds) <= 5 AND 0 < ALL (expiring_soon_seconds));

-- One row a secret. All processes share it; it is made by whoever needs it first.
CREATE TABLE secrets (
    name  text  PRIMARY KEY,
    value bytea NOT NULL CHECK (length(value) = 32)
);

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
    END IF;
END $$;
