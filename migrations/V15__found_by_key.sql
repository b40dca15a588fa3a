-- A commit finds what it touches by its key, whatever the planner believes of the tables.
--
-- A plan is made once and stays until statistics change. One that is made while a table is empty,
-- new or small thinks little of walking through all rows of a drop for each row of a batch, and goes
-- on doing so when there are a thousand times as many. A limit that isn't known when the plan is made
-- counts as a tenth of what it limits, so a batch seems to have one row (a tenth of the ten that
-- every array seems to have), and looking one up by its key is never dearer than walking. The limit
-- takes nothing away.

CREATE OR REPLACE FUNCTION dropgate_commit(
    p_drop text[], p_epoch bigint[], p_previous text[], p_seq bigint[], p_chain text[],
    e_drop int[], e_seq bigint[], e_chain text[], e_at timestamptz[],
    e_digest bytea[],
    h_drop int[], h_seq bigint[], h_at timestamptz[], h_id uuid[], h_customer text[],
    h_expires timestamptz[], h_sku text[], h_quantity bigint[], h_position int[],
    h_salt uuid[],
    l_drop int[], l_seq bigint[], l_line int[], l_kind text[], l_reservation uuid[],
    l_customer text[], l_sku text[], l_quantity bigint[], l_order text[], l_at timestamptz[],
    l_reference text[], l_reason text[], l_settings text[],
    r_drop int[], r_held bool[], r_id uuid[], r_customer text[], r_state text[], r_order text[],
    r_created timestamptz[], r_expires timestamptz[], r_seq bigint[], r_at timestamptz[],
    r_salt uuid[],
    x_drop int[], x_reservation uuid[],
    n_drop int[], n_reservation uuid[], n_sku text[], n_quantity bigint[], n_position int[],
    q_drop int[], q_key text[], q_fingerprint text[], q_seq bigint[], q_answer text[],
    q_at timestamptz[],
    s_drop int[], s_sku text[], s_total bigint[], s_available bigint[], s_held bigint[],
    s_sold bigint[], s_version bigint[]
) RETURNS SETOF stock LANGUAGE plpgsql AS $$
DECLARE
    touched bigint;
    changed bigint;
    heads bytea[];
    seals bytea[] := '{}';
BEGIN
    -- Always in one order: two commits of the same drops must not wait for each other.
    IF cardinality(p_drop) > 1 THEN
        PERFORM FROM (SELECT * FROM unnest(p_drop) AS p (id) LIMIT cardinality(p_drop)) AS p
            JOIN drops ON drops.id = p.id
        ORDER BY drops.id FOR NO KEY UPDATE OF drops;
    END IF;
    -- Read before the fence, which holds only if nobody has committed since: a seal moves with the
    -- chain.
    SELECT array_agg(COALESCE(d.last_seal, '') ORDER BY p.place) INTO heads
    FROM (SELECT * FROM unnest(p_drop) WITH ORDINALITY AS p (id, place)
        LIMIT cardinality(p_drop)) AS p LEFT JOIN drops d ON d.id = p.id;
    FOR i IN 1 .. cardinality(e_seq) LOOP
        heads[e_drop[i]] := sha256(heads[e_drop[i]] || e_digest[i]);
        seals[i] := heads[e_drop[i]];
    END LOOP;
    UPDATE drops AS old SET last_seq = p.seq, last_chain = p.chain, last_seal = p.seal
    FROM (SELECT * FROM unnest(p_drop, p_epoch, p_previous, p_seq, p_chain, heads)
        AS p (id, epoch, previous, seq, chain, seal) LIMIT cardinality(p_drop)) AS p
    WHERE old.id = p.id AND old.epoch = p.epoch AND old.last_chain = p.previous
        AND old.last_seq < p.seq;
    GET DIAGNOSTICS touched = ROW_COUNT;
    IF touched <> cardinality(p_drop) THEN
        RAISE EXCEPTION 'fenced' USING ERRCODE = 'DG001';
    END IF;

    INSERT INTO entries (drop_id, seq, epoch, chain, occurred_at, seal)
    SELECT p_drop[e.drop], e.seq, p_epoch[e.drop], e.chain, e.at, e.seal
    FROM unnest(e_drop, e_seq, e_chain, e_at, seals) AS e (drop, seq, chain, at, seal);

    IF cardinality(h_seq) > 0 THEN
        WITH h AS MATERIALIZED (
            SELECT p_drop[h.drop] AS drop, p_epoch[h.drop] AS epoch, seq, at, id, customer,
                expires, sku, quantity, position, salt
            FROM unnest(h_drop, h_seq, h_at, h_id, h_customer, h_expires, h_sku, h_quantity,
                h_position, h_salt)
                AS h (drop, seq, at, id, customer, expires, sku, quantity, position, salt)
        ), facts AS (
            INSERT INTO ledger (drop_id, epoch, seq, line, kind, reservation_id, customer_id, sku,
                quantity, occurred_at)
            SELECT drop, epoch, seq, position, 'held', id, customer, sku, quantity, at FROM h
        ), lines AS (
            INSERT INTO reservation_lines (drop_id, reservation_id, sku, quantity, position)
            SELECT drop, id, sku, quantity, position FROM h
        )
        INSERT INTO reservations (drop_id, id, customer_id, state, created_at, expires_at,
            changed_seq, changed_at, customer_salt)
        SELECT drop, id, customer, 'held', at, expires, seq, at, salt FROM h WHERE position = 0;
    END IF;

    IF cardinality(l_seq) > 0 THEN
        INSERT INTO ledger (drop_id, epoch, seq, line, kind, reservation_id, customer_id, sku,
            quantity, order_id, occurred_at, reference, reason, settings)
        SELECT p_drop[l.drop], p_epoch[l.drop], l.seq, l.line, l.kind, l.reservation, l.customer,
            l.sku, l.quantity, l.order_id, l.at, l.reference, l.reason, l.settings::jsonb
        FROM unnest(l_drop, l_seq, l_line, l_kind, l_reservation, l_customer, l_sku, l_quantity,
            l_order, l_at, l_reference, l_reason, l_settings)
            AS l (drop, seq, line, kind, reservation, customer, sku, quantity, order_id, at,
                reference, reason, settings);
    END IF;

    -- A hold taken again after it had expired is held for a second time.
    IF true = ANY (r_held) THEN
        INSERT INTO reservations (drop_id, id, customer_id, state, order_id, created_at, expires_at,
            changed_seq, changed_at, customer_salt)
        SELECT p_drop[r.drop], r.id, r.customer, r.state, r.order_id, r.created, r.expires, r.seq,
            r.at, r.salt
        FROM unnest(r_drop, r_held, r_id, r_customer, r_state, r_order, r_created, r_expires,
            r_seq, r_at, r_salt)
            AS r (drop, held, id, customer, state, order_id, created, expires, seq, at, salt)
        WHERE r.held
        ON CONFLICT (drop_id, id) DO UPDATE SET state = excluded.state,
            order_id = excluded.order_id, expires_at = excluded.expires_at,
            changed_seq = excluded.changed_seq, changed_at = excluded.changed_at;
    END IF;

    SELECT count(*) INTO changed FROM unnest(r_held) AS held WHERE NOT held;
    IF changed > 0 THEN
        UPDATE reservations AS old SET state = r.state, order_id = r.order_id,
            expires_at = r.expires, changed_seq = r.seq, changed_at = r.at
        FROM (SELECT * FROM unnest(r_drop, r_held, r_id, r_state, r_order, r_expires, r_seq, r_at)
            AS r (drop, held, id, state, order_id, expires, seq, at) LIMIT cardinality(r_id)) AS r
        WHERE NOT r.held AND old.drop_id = p_drop[r.drop] AND old.id = r.id;
        GET DIAGNOSTICS touched = ROW_COUNT;
        IF touched <> changed THEN
            RAISE EXCEPTION 'a reservation of this batch is not in the ledger'
                USING ERRCODE = 'DG002';
        END IF;
    END IF;

    IF cardinality(x_reservation) > 0 THEN
        DELETE FROM reservation_lines AS old
        USING (SELECT * FROM unnest(x_drop, x_reservation) AS x (drop, reservation)
            LIMIT cardinality(x_reservation)) AS x
        WHERE old.drop_id = p_drop[x.drop] AND old.reservation_id = x.reservation;
    END IF;
    IF cardinality(n_reservation) > 0 THEN
        INSERT INTO reservation_lines (drop_id, reservation_id, sku, quantity, position)
        SELECT p_drop[n.drop], n.reservation, n.sku, n.quantity, n.position
        FROM unnest(n_drop, n_reservation, n_sku, n_quantity, n_position)
            AS n (drop, reservation, sku, quantity, position)
        ON CONFLICT (drop_id, reservation_id, sku) DO UPDATE SET quantity = excluded.quantity;
    END IF;

    IF cardinality(q_key) > 0 THEN
        INSERT INTO requests (drop_id, key, fingerprint, seq, answer, occurred_at)
        SELECT p_drop[q.drop], q.key, q.fingerprint, q.seq, q.answer, q.at
        FROM unnest(q_drop, q_key, q_fingerprint, q_seq, q_answer, q_at)
            AS q (drop, key, fingerprint, seq, answer, at)
        ON CONFLICT (drop_id, key) DO UPDATE SET fingerprint = excluded.fingerprint,
            seq = excluded.seq, answer = excluded.answer, occurred_at = excluded.occurred_at;
    END IF;

    IF 'configured' = ANY (l_kind) THEN
        PERFORM dropgate_apply_settings(p_drop[l.drop], l.seq, l.sku, l.settings::jsonb)
        FROM (SELECT * FROM unnest(l_drop, l_seq, l_kind, l_sku, l_settings)
                AS u (drop, seq, kind, sku, settings)
            WHERE u.kind = 'configured' ORDER BY u.drop, u.seq) AS l;
    END IF;

    RETURN QUERY
    UPDATE stock AS old SET total = old.total + s.total, available = old.available + s.available,
        held = old.held + s.held, sold = old.sold + s.sold,
        version = GREATEST(old.version, s.version)
    FROM (SELECT * FROM unnest(s_drop, s_sku, s_total, s_available, s_held, s_sold, s_version)
        AS s (drop, sku, total, available, held, sold, version) LIMIT cardinality(s_sku)) AS s
    WHERE old.drop_id = p_drop[s.drop] AND old.sku = s.sku
    RETURNING old.*;
    GET DIAGNOSTICS touched = ROW_COUNT;
    IF touched <> cardinality(s_sku) THEN
        RAISE EXCEPTION 'a sku of this batch is not in the ledger' USING ERRCODE = 'DG002';
    END IF;
END $$;
