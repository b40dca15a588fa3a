-- The same commit for less. What a batch has nothing of is not asked for. A new hold, by far the
-- most frequent event, comes as one row a line (h_…), from which its rows in ledger, reservations and
-- reservation_lines are made: a third of the values to send and to unpack. It is inserted plainly:
-- ON CONFLICT writes a tentative row and confirms it, which costs an index descent and a WAL record
-- more, and only a hold that is taken again needs it. Engines of the version before still call the
-- function of before, which has fewer parameters.

CREATE FUNCTION dropgate_commit(
    p_drop text, p_epoch bigint, p_previous text, p_seq bigint, p_chain text,
    e_seq bigint[], e_chain text[], e_at timestamptz[],
    h_seq bigint[], h_at timestamptz[], h_id uuid[], h_customer text[], h_expires timestamptz[],
    h_sku text[], h_quantity bigint[], h_position int[],
    l_seq bigint[], l_line int[], l_kind text[], l_reservation uuid[], l_customer text[],
    l_sku text[], l_quantity bigint[], l_order text[], l_at timestamptz[], l_reference text[],
    l_reason text[], l_settings text[],
    r_held bool[], r_id uuid[], r_customer text[], r_state text[], r_order text[],
    r_created timestamptz[], r_expires timestamptz[], r_seq bigint[], r_at timestamptz[],
    n_replaced uuid[], n_reservation uuid[], n_sku text[], n_quantity bigint[], n_position int[],
    q_key text[], q_fingerprint text[], q_seq bigint[], q_answer text[], q_at timestamptz[],
    s_sku text[], s_total bigint[], s_available bigint[], s_held bigint[], s_sold bigint[],
    s_version bigint[]
) RETURNS SETOF stock LANGUAGE plpgsql AS $$
DECLARE
    touched bigint;
    changed bigint;
BEGIN
    UPDATE drops SET last_seq = p_seq, last_chain = p_chain
    WHERE id = p_drop AND epoch = p_epoch AND last_chain = p_previous AND last_seq < p_seq;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'fenced' USING ERRCODE = 'DG001';
    END IF;

    INSERT INTO entries (drop_id, seq, epoch, chain, occurred_at)
    SELECT p_drop, e.seq, p_epoch, e.chain, e.at
    FROM unnest(e_seq, e_chain, e_at) AS e (seq, chain, at);

    WITH h AS MATERIALIZED (
        SELECT * FROM unnest(h_seq, h_at, h_id, h_customer, h_expires, h_sku, h_quantity,
            h_position) AS h (seq, at, id, customer, expires, sku, quantity, position)
    ), facts AS (
        INSERT INTO ledger (drop_id, epoch, seq, line, kind, reservation_id, customer_id, sku,
            quantity, occurred_at)
        SELECT p_drop, p_epoch, seq, position, 'held', id, customer, sku, quantity, at FROM h
    ), lines AS (
        INSERT INTO reservation_lines (drop_id, reservation_id, sku, quantity, position)
        SELECT p_drop, id, sku, quantity, position FROM h
    )
    INSERT INTO reservations (drop_id, id, customer_id, state, created_at, expires_at,
        changed_seq, changed_at)
    SELECT p_drop, id, customer, 'held', at, expires, seq, at FROM h WHERE position = 0;

    IF cardinality(l_seq) > 0 THEN
        INSERT INTO ledger (drop_id, epoch, seq, line, kind, reservation_id, customer_id, sku,
            quantity, order_id, occurred_at, reference, reason, settings)
        SELECT p_drop, p_epoch, l.seq, l.line, l.kind, l.reservation, l.customer, l.sku,
            l.quantity, l.order_id, l.at, l.reference, l.reason, l.settings::jsonb
        FROM unnest(l_seq, l_line, l_kind, l_reservation, l_customer, l_sku, l_quantity, l_order,
            l_at, l_reference, l_reason, l_settings)
            AS l (seq, line, kind, reservation, customer, sku, quantity, order_id, at, reference,
                reason, settings);
    END IF;

    -- A hold taken again after it had expired is held for a second time.
    IF true = ANY (r_held) THEN
        INSERT INTO reservations (drop_id, id, customer_id, state, order_id, created_at, expires_at,
            changed_seq, changed_at)
        SELECT p_drop, r.id, r.customer, r.state, r.order_id, r.created, r.expires, r.seq, r.at
        FROM unnest(r_held, r_id, r_customer, r_state, r_order, r_created, r_expires, r_seq, r_at)
            AS r (held, id, customer, state, order_id, created, expires, seq, at)
        WHERE r.held
        ON CONFLICT (drop_id, id) DO UPDATE SET state = excluded.state,
            order_id = excluded.order_id, expires_at = excluded.expires_at,
            changed_seq = excluded.changed_seq, changed_at = excluded.changed_at;
    END IF;

    SELECT count(*) INTO changed FROM unnest(r_held) AS held WHERE NOT held;
    IF changed > 0 THEN
        UPDATE reservations AS old SET state = r.state, order_id = r.order_id,
            expires_at = r.expires, changed_seq = r.seq, changed_at = r.at
        FROM unnest(r_held, r_id, r_state, r_order, r_expires, r_seq, r_at)
            AS r (held, id, state, order_id, expires, seq, at)
        WHERE NOT r.held AND old.drop_id = p_drop AND old.id = r.id;
        GET DIAGNOSTICS touched = ROW_COUNT;
        IF touched <> changed THEN
            RAISE EXCEPTION 'a reservation of this batch is not in the ledger'
                USING ERRCODE = 'DG002';
        END IF;
    END IF;

    IF cardinality(n_replaced) > 0 THEN
        DELETE FROM reservation_lines
        WHERE drop_id = p_drop AND reservation_id = ANY (n_replaced);
    END IF;
    IF cardinality(n_reservation) > 0 THEN
        INSERT INTO reservation_lines (drop_id, reservation_id, sku, quantity, position)
        SELECT p_drop, n.reservation, n.sku, n.quantity, n.position
        FROM unnest(n_reservation, n_sku, n_quantity, n_position)
            AS n (reservation, sku, quantity, position)
        ON CONFLICT (drop_id, reservation_id, sku) DO UPDATE SET quantity = excluded.quantity;
    END IF;

    IF cardinality(q_key) > 0 THEN
        INSERT INTO requests (drop_id, key, fingerprint, seq, answer, occurred_at)
        SELECT p_drop, q.key, q.fingerprint, q.seq, q.answer, q.at
        FROM unnest(q_key, q_fingerprint, q_seq, q_answer, q_at)
            AS q (key, fingerprint, seq, answer, at)
        ON CONFLICT (drop_id, key) DO UPDATE SET fingerprint = excluded.fingerprint,
            seq = excluded.seq, answer = excluded.answer, occurred_at = excluded.occurred_at;
    END IF;

    IF 'configured' = ANY (l_kind) THEN
        PERFORM dropgate_apply_settings(p_drop, l.seq, l.sku, l.settings::jsonb)
        FROM (SELECT * FROM unnest(l_seq, l_kind, l_sku, l_settings) AS u (seq, kind, sku, settings)
            WHERE u.kind = 'configured' ORDER BY u.seq) AS l;
    END IF;

    RETURN QUERY
    UPDATE stock AS old SET total = old.total + s.total, available = old.available + s.available,
        held = old.held + s.held, sold = old.sold + s.sold,
        version = GREATEST(old.version, s.version)
    FROM unnest(s_sku, s_total, s_available, s_held, s_sold, s_version)
        AS s (sku, total, available, held, sold, version)
    WHERE old.drop_id = p_drop AND old.sku = s.sku
    RETURNING old.*;
    GET DIAGNOSTICS touched = ROW_COUNT;
    IF touched <> cardinality(s_sku) THEN
        RAISE EXCEPTION 'a sku of this batch is not in the ledger' USING ERRCODE = 'DG002';
    END IF;
END $$;
