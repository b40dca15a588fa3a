-- What the commit of new holds (src/ledger/holds.sql) needs besides plain SQL.

-- The seals of a drop's entries, from the one before them and the entries' digests.
CREATE FUNCTION dropgate_seals(p_head bytea, p_digests bytea[]) RETURNS bytea[]
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    head bytea := p_head;
    digest bytea;
    seals bytea[] := '{}';
BEGIN
    FOREACH digest IN ARRAY p_digests LOOP
        head := sha256(head || digest);
        seals := seals || head;
    END LOOP;
    RETURN seals;
END $$;

-- Ends a commit that moves a SKU which is not there, and so takes all of it back.
CREATE FUNCTION dropgate_refuse() RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a sku of this batch is not in the ledger' USING ERRCODE = 'DG002';
END $$;
