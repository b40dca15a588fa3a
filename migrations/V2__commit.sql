-- One batch of journal entries becomes durable in one statement, so that nobody can freeze with
-- an open transaction. The first UPDATE is the fence: only the writer that knows the epoch and
-- the chain on which its batch builds gets through, and cursor and effect share the transaction.
--
-- DG001: fenced, somebody else committed or the drop was rebuilt. DG002: the batch speaks of
-- something that the ledger doesn't have; the drop must stop, for an event is never skipped.

CREATE FUNCTION dropgate_apply_settings(p_drop text, p_seq bigint, p_sku text, p jsonb)
RETURNS void LANGUAGE plpgsql AS $$
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
                THEN (p ->> 'limit_per_customer')::bigint ELSE limit_per_customer END
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

CREATE FUNCTION dropgate_commit(
    p_drop text, p_epoch bigint, p_previous text, p_seq bigint, p_chain text,
    e_seq bigint[], e_chain text[], e_at timestamptz[],
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
    i int;
BEGIN
    UPDATE drops SET last_seq = p_seq, last_chain = p_chain
    WHERE id = p_drop AND epoch = p_epoch AND last_chain = p_previous AND last_seq < p_seq;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'fenced' USING ERRCODE = 'DG001';
    END IF;

    INSERT INTO entries (drop_id, seq, epoch, chain, occurred_at)
    SELECT p_drop, e.seq, p_epoch, e.chain, e.at
    FROM unnest(e_seq, e_chain, e_at) AS e (seq, chain, at);

    INSERT INTO ledger (drop_id, epoch, seq, line, kind, reservation_id, customer_id, sku,
        quantity, order_id, occurred_at, reference, reason, settings)
    SELECT p_drop, p_epoch, l.seq, l.line, l.kind, l.reservation, l.customer, l.sku, l.quantity,
        l.order_id, l.at, l.reference, l.reason, l.settings::jsonb
    FROM unnest(l_seq, l_line, l_kind, l_reservation, l_customer, l_sku, l_quantity, l_order, l_at,
        l_reference, l_reason, l_settings)
        AS l (seq, line, kind, reservation, customer, sku, quantity, order_id, at, reference,
            reason, settings);

    -- A hold taken again after it had expired is held for a second time.
    INSERT INTO reservations (drop_id, id, customer_id, state, order_id, created_at, expires_at,
        changed_seq, changed_at)
    SELECT p_drop, r.id, r.customer, r.state, r.order_id, r.created, r.expires, r.seq, r.at
    FROM unnest(r_held, r_id, r_customer, r_state, r_order, r_created, r_expires, r_seq, r_at)
        AS r (held, id, customer, state, order_id, created, expires, seq, at)
    WHERE r.held
    ON CONFLICT (drop_id, id) DO UPDATE SET state = excluded.state,
        order_id = excluded.order_id, expires_at = excluded.expires_at,
        changed_seq = excluded.changed_seq, changed_at = excluded.changed_at;

    UPDATE reservations AS old SET state = r.state, order_id = r.order_id,
        expires_at = r.expires, changed_seq = r.seq, changed_at = r.at
    FROM unnest(r_held, r_id, r_state, r_order, r_expires, r_seq, r_at)
        AS r (held, id, state, order_id, expires, seq, at)
    WHERE NOT r.held AND old.drop_id = p_drop AND old.id = r.id;
    GET DIAGNOSTICS touched = ROW_COUNT;
    IF touched <> (SELECT count(*) FROM unnest(r_held) AS held WHERE NOT held) THEN
        RAISE EXCEPTION 'a reservation of this batch is not in the ledger'
            USING ERRCODE = 'DG002';
    END IF;

    IF cardinality(n_replaced) > 0 THEN
        DELETE FROM reservation_lines
        WHERE drop_id = p_drop AND reservation_id = ANY (n_replaced);
    END IF;
    INSERT INTO reservation_lines (drop_id, reservation_id, sku, quantity, position)
    SELECT p_drop, n.reservation, n.sku, n.quantity, n.position
    FROM unnest(n_reservation, n_sku, n_quantity, n_position)
        AS n (reservation, sku, quantity, position)
    ON CONFLICT (drop_id, reservation_id, sku) DO UPDATE SET quantity = excluded.quantity;

    INSERT INTO requests (drop_id, key, fingerprint, seq, answer, occurred_at)
    SELECT p_drop, q.key, q.fingerprint, q.seq, q.answer, q.at
    FROM unnest(q_key, q_fingerprint, q_seq, q_answer, q_at)
        AS q (key, fingerprint, seq, answer, at)
    ON CONFLICT (drop_id, key) DO UPDATE SET fingerprint = excluded.fingerprint,
        seq = excluded.seq, answer = excluded.answer, occurred_at = excluded.occurred_at;

    FOR i IN 1 .. cardinality(l_seq) LOOP
        IF l_kind[i] = 'configured' THEN
            PERFORM dropgate_apply_settings(p_drop, l_seq[i], l_sku[i], l_settings[i]::jsonb);
        END IF;
    END LOOP;

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
