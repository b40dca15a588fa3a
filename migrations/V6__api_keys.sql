-- Keys of the API besides the two from the settings. A secret is shown once, to whoever made it; here
-- stands only its SHA-256. Secrets are 256 random bits, so nothing slower than that is needed.

CREATE TABLE api_keys (
    id              uuid        PRIMARY KEY,
    name            text        NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    scopes          text[]      NOT NULL CHECK (cardinality(scopes) > 0
                                AND scopes <@ ARRAY['storefront', 'admin', 'read']),
    -- NULL: every drop. Ids only: a drop may be made later.
    drops           text[]      CHECK (cardinality(drops) > 0),
    digest          bytea       NOT NULL UNIQUE CHECK (length(digest) = 32),
    -- The secret before the last rotation, for as long as both work.
    previous_digest bytea       UNIQUE CHECK (length(previous_digest) = 32),
    previous_until  timestamptz CHECK ((previous_until IS NULL) = (previous_digest IS NULL)),
    created_at      timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz,
    rotated_at      timestamptz,
    revoked_at      timestamptz,
    -- To the minute or so.
    last_used_at    timestamptz
);

-- One row that gets another stamp with every change that engines must hear of: they look at it several
-- times a second and read the keys only when it is another. Random, because a number could come
-- back with a restored backup.
CREATE TABLE api_key_changes (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    stamp    uuid    NOT NULL
);
INSERT INTO api_key_changes (stamp) VALUES (gen_random_uuid());

CREATE FUNCTION dropgate_api_keys_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The row's lock puts changes in order: whoever sees a stamp sees what came before it.
    UPDATE api_key_changes SET stamp = gen_random_uuid();
    RETURN NULL;
END $$;

-- Also when a person changes the table by hand. Not for last_used_at.
CREATE TRIGGER api_keys_changed
AFTER INSERT OR DELETE OR TRUNCATE
    OR UPDATE OF id, scopes, drops, digest, previous_digest, previous_until, expires_at, revoked_at
ON api_keys FOR EACH STATEMENT EXECUTE FUNCTION dropgate_api_keys_changed();
