-- The life after a drop: it leaves Redis, and its customers can be erased from the ledger.

ALTER TABLE drops
    -- The epoch in which it was taken out of Redis. That is a fact about that epoch, and the next one
    -- is in Redis again: so nobody who knows the epoch can be wrong about it.
    ADD COLUMN evicted_epoch bigint,
    -- Since when the drop is in its epoch; of one that is older than this column, since its coming.
    ADD COLUMN raised_at timestamptz NOT NULL DEFAULT now();

-- Puts a pseudonym in the place of a customer, everywhere in one drop: all of it or nothing. The
-- epoch rises in the same transaction, so nothing that Redis has with the old id can become durable
-- any more, and the drop is rebuilt there from what stands here. DG003: the customer has a hold.
--
-- The rows of the past are looked for before the fence, which commits have to wait for.

CREATE FUNCTION dropgate_erase(p_drop text, p_customer text, p_pseudonym text)
RETURNS TABLE (erased bigint, new_epoch bigint) LANGUAGE plpgsql AS $$
DECLARE
    known bigint;
    found_seq bigint[];
    later_seq bigint[];
BEGIN
    SELECT last_seq INTO known FROM drops WHERE id = p_drop;
    SELECT COALESCE(array_agg(DISTINCT seq), '{}') INTO found_seq FROM ledger
    WHERE drop_id = p_drop AND customer_id = p_customer AND seq <= known;

    -- One that has left Redis stays out of it.
    UPDATE drops SET epoch = epoch + 1,
        evicted_epoch = CASE WHEN evicted_epoch = epoch THEN epoch + 1 END
    WHERE id = p_drop RETURNING epoch INTO new_epoch;
    PERFORM FROM reservations
    WHERE drop_id = p_drop AND customer_id = p_customer AND state = 'held';
    IF FOUND THEN
        RAISE EXCEPTION 'the customer has an active hold' USING ERRCODE = 'DG003';
    END IF;

    SELECT COALESCE(array_agg(DISTINCT seq), '{}') INTO later_seq FROM ledger
    WHERE drop_id = p_drop AND customer_id = p_customer AND seq > known;
    found_seq := found_seq || later_seq;

    -- The first answer of a hold is known by its request, of which the customer is a part: that key
    -- stays spent, and whoever comes with it again is told so.
    UPDATE requests AS q SET answer = regexp_replace(q.answer, '^(\S+ \S+) \S+',
            '\1 ' || p_pseudonym),
        fingerprint = CASE WHEN EXISTS (SELECT FROM ledger l
                WHERE l.drop_id = p_drop AND l.seq = q.seq AND l.kind = 'held')
            THEN translate(rtrim(encode(uuid_send(gen_random_uuid()), 'base64'), '='), '+/', '-_')
            ELSE q.fingerprint END
    WHERE q.drop_id = p_drop AND q.seq = ANY (found_seq);
    UPDATE ledger SET customer_id = p_pseudonym
    WHERE drop_id = p_drop AND seq = ANY (found_seq) AND customer_id = p_customer;
    UPDATE reservations SET customer_id = p_pseudonym, customer_salt = NULL,
        customer_tag = COALESCE(customer_tag,
            sha256(uuid_send(customer_salt) || convert_to(customer_id, 'UTF8')))
    WHERE drop_id = p_drop AND customer_id = p_customer;
    GET DIAGNOSTICS erased = ROW_COUNT;
    RETURN NEXT;
END $$;

-- Engines that are alive, and the protocol of each: two that can't share drops never run at once.
CREATE TABLE engines (
    name        text        PRIMARY KEY,
    protocol    bigint      NOT NULL,
    shares_from bigint      NOT NULL CHECK (shares_from <= protocol),
    version     text        NOT NULL,
    seen_at     timestamptz NOT NULL
);

-- Says that an engine is alive, unless one is with which it can't share drops: then that one is told.
-- Of two protocols the newer one decides. The lock makes engines ask one behind the other.
CREATE FUNCTION dropgate_announce(
    p_name text, p_protocol bigint, p_shares_from bigint, p_version text
) RETURNS SETOF engines LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE engines IN SHARE ROW EXCLUSIVE MODE;
    RETURN QUERY SELECT e.* FROM engines e
    WHERE e.name <> p_name AND e.seen_at > clock_timestamp() - interval '5 seconds'
        AND CASE WHEN p_protocol >= e.protocol THEN e.protocol < p_shares_from
            ELSE p_protocol < e.shares_from END
    ORDER BY e.name LIMIT 1;
    IF FOUND THEN
        RETURN;
    END IF;
    INSERT INTO engines AS e (name, protocol, shares_from, version, seen_at)
    VALUES (p_name, p_protocol, p_shares_from, p_version, clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at;
    DELETE FROM engines e WHERE e.seen_at < clock_timestamp() - interval '1 minute';
END $$;
