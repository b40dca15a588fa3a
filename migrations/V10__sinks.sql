-- Events to systems: who is told what the ledger says, how far each of them is, and what they did
-- not take.

-- A sink is somebody who is told: a webhook, or a broker. One engine at a time works it.
CREATE TABLE sinks (
    -- A webhook's id, `rabbitmq` or `kafka`.
    id           text        PRIMARY KEY,
    kind         text        NOT NULL CHECK (kind IN ('webhook', 'rabbitmq', 'kafka')),
    state        text        NOT NULL DEFAULT 'active'
                 CHECK (state IN ('active', 'paused', 'disabled')),
    created_at   timestamptz NOT NULL DEFAULT now(),
    -- The engine that works it, until when, and how often it has changed hands: whoever writes for
    -- it names the number, so that one who has lost it writes nothing any more.
    owner        text,
    leased_until timestamptz,
    fence        bigint      NOT NULL DEFAULT 0
);

-- The last event of a drop that a sink has taken, or that was passed over. A drop without a row is
-- told from its first event on.
CREATE TABLE sink_progress (
    sink    text   NOT NULL REFERENCES sinks (id) ON DELETE CASCADE,
    drop_id text   NOT NULL,
    epoch   bigint NOT NULL,
    seq     bigint NOT NULL CHECK (seq >= 0),
    PRIMARY KEY (sink, drop_id)
);

-- Secrets stand here as they are, for what is sent is signed with them.
CREATE TABLE webhooks (
    sink              text        PRIMARY KEY REFERENCES sinks (id) ON DELETE CASCADE,
    url               text        NOT NULL,
    -- NULL: every drop, every type.
    drops             text[]      CHECK (cardinality(drops) > 0),
    types             text[]      CHECK (cardinality(types) > 0),
    description       text        NOT NULL DEFAULT '',
    -- Events of one request at most.
    batch             int         NOT NULL DEFAULT 1 CHECK (batch BETWEEN 1 AND 100),
    secret            bytea       NOT NULL CHECK (length(secret) = 32),
    -- The secret before the last rotation, for as long as both sign.
    previous_secret   bytea       CHECK (length(previous_secret) = 32),
    previous_until    timestamptz CHECK ((previous_until IS NULL) = (previous_secret IS NULL)),
    last_delivered_at timestamptz
);

-- Requests to webhooks that have failed at least once; what goes well leaves nothing but progress.
CREATE TABLE deliveries (
    -- In the order in which they failed first.
    id        uuid        PRIMARY KEY,
    sink      text        NOT NULL REFERENCES sinks (id) ON DELETE CASCADE,
    drop_id   text        NOT NULL,
    -- The first event of the request, and the last one's seq.
    epoch     bigint      NOT NULL,
    seq       bigint      NOT NULL,
    last_seq  bigint      NOT NULL CHECK (last_seq >= seq),
    type      text        NOT NULL,
    state     text        NOT NULL CHECK (state IN ('retrying', 'delivered', 'dead')),
    attempts  int         NOT NULL CHECK (attempts > 0),
    -- Of the last answer, if there was one, and why it was none to be content with.
    status    int,
    error     text,
    first_at  timestamptz NOT NULL,
    last_at   timestamptz NOT NULL,
    -- From when on the patience with a request that is repeated counts.
    since     timestamptz NOT NULL,
    next_at   timestamptz CHECK ((next_at IS NOT NULL) = (state = 'retrying')),
    -- Somebody wants it to be sent once more.
    resend_at timestamptz
);
-- What fails holds up its drop, so there is one of a drop at most.
CREATE UNIQUE INDEX deliveries_retrying ON deliveries (sink, drop_id) WHERE state = 'retrying';
CREATE INDEX deliveries_by_sink ON deliveries (sink, id);
CREATE INDEX deliveries_by_time ON deliveries (sink, last_at);
CREATE INDEX deliveries_dead ON deliveries (sink) WHERE state = 'dead';
CREATE INDEX deliveries_to_resend ON deliveries (sink) WHERE resend_at IS NOT NULL;
