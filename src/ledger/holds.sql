-- Commits new holds of one drop and nothing else, by far the most frequent batch, as one plain
-- statement: what `dropgate_commit` does with them, for little more than half of its price. That one
-- runs a statement a table, each with a snapshot and a plan of its own, which costs more than the
-- rows of a small batch.
--
-- A drop that is fenced gives no row: nothing is inserted or moved but beside a row of `p`. A SKU that
-- is missing raises, which takes everything back.
WITH p AS (
    -- The fence. A seal moves with the chain, so the one before is that of the entries before.
    UPDATE drops SET last_seq = $4::bigint, last_chain = $5::text,
        last_seal = CASE WHEN cardinality($9::bytea[]) = 1
            THEN sha256(COALESCE(last_seal, '') || ($9::bytea[])[1])
            ELSE (dropgate_seals(COALESCE(last_seal, ''), $9::bytea[]))[cardinality($9::bytea[])]
            END
    WHERE id = $1::text AND epoch = $2::bigint AND last_chain = $3::text
        AND last_seq < $4::bigint
    RETURNING id, last_seal
), e AS (
    INSERT INTO entries (drop_id, seq, epoch, chain, occurred_at, seal)
    SELECT $1::text, e.seq, $2::bigint, e.chain, e.at, e.seal
    FROM p, unnest($6::bigint[], $7::text[], $8::timestamptz[],
        CASE WHEN cardinality($9::bytea[]) = 1 THEN ARRAY[p.last_seal]
            -- As it was before this statement.
            ELSE dropgate_seals((SELECT COALESCE(last_seal, '') FROM drops WHERE id = $1::text),
                $9::bytea[])
            END) AS e (seq, chain, at, seal)
), h AS MATERIALIZED (
    SELECT h.* FROM p, unnest($10::bigint[], $11::timestamptz[], $12::uuid[], $13::text[],
        $14::timestamptz[], $15::text[], $16::bigint[], $17::int[], $18::uuid[])
        AS h (seq, at, id, customer, expires, sku, quantity, position, salt)
), facts AS (
    INSERT INTO ledger (drop_id, epoch, seq, line, kind, reservation_id, customer_id, sku,
        quantity, occurred_at)
    SELECT $1::text, $2::bigint, seq, position, 'held', id, customer, sku, quantity, at FROM h
), lines AS (
    INSERT INTO reservation_lines (drop_id, reservation_id, sku, quantity, position)
    SELECT $1::text, id, sku, quantity, position FROM h
), made AS (
    INSERT INTO reservations (drop_id, id, customer_id, state, created_at, expires_at,
        changed_seq, changed_at, customer_salt)
    SELECT $1::text, id, customer, 'held', at, expires, seq, at, salt FROM h WHERE position = 0
), s AS (
    UPDATE stock AS old SET total = old.total + s.total, available = old.available + s.available,
        held = old.held + s.held, sold = old.sold + s.sold,
        version = GREATEST(old.version, s.version)
    -- The limit takes nothing away, but a plan that is made while `stock` is small finds each SKU by
    -- its key: see V15__found_by_key.sql.
    FROM (SELECT p.id, s.*
        FROM p, unnest($19::text[], $20::bigint[], $21::bigint[], $22::bigint[], $23::bigint[],
            $24::bigint[])
            AS s (sku, total, available, held, sold, version)
        LIMIT cardinality($19::text[])) AS s
    WHERE old.drop_id = s.id AND old.sku = s.sku
    RETURNING old.sku, old.total, old.available, old.held, old.sold, old.version
)/* keys */, q AS (
    INSERT INTO requests (drop_id, key, fingerprint, seq, answer, occurred_at)
    SELECT $1::text, q.key, q.fingerprint, q.seq, q.answer, q.at
    FROM p, unnest($25::text[], $26::text[], $27::bigint[], $28::text[], $29::timestamptz[])
        AS q (key, fingerprint, seq, answer, at)
    ON CONFLICT (drop_id, key) DO UPDATE SET fingerprint = excluded.fingerprint,
        seq = excluded.seq, answer = excluded.answer, occurred_at = excluded.occurred_at
)/* keys */
SELECT s.*, CASE WHEN (SELECT count(*) FROM s) = cardinality($19::text[]) THEN true
    ELSE dropgate_refuse() END
FROM p LEFT JOIN s ON true
