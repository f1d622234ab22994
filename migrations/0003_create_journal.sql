-- The journal: one head per book, batches in a hash chain, idempotency keys, limit counters, the event feed.
-- Batches and events are partitioned by range of their own number, so a cursor reads only what lies beyond it.

-- The fence of every batch: a batch is written only where `seq` is still what it was decided on.
CREATE TABLE journal_head (
    book        text PRIMARY KEY,
    seq         bigint NOT NULL,
    hash        bytea NOT NULL CHECK (length(hash) = 32),
    open_day    date NOT NULL,
    recorded_at timestamptz NOT NULL
);

CREATE TABLE journal_batch (
    book        text NOT NULL,
    seq         bigint NOT NULL,
    batch_id    uuid NOT NULL,
    prev_hash   bytea NOT NULL CHECK (length(prev_hash) = 32),
    hash        bytea NOT NULL CHECK (length(hash) = 32),
    changes     integer NOT NULL,
    recorded_at timestamptz NOT NULL,
    booked_on   date NOT NULL,
    writer      text NOT NULL,
    -- Leaves of the idempotency keys that were used, 20 bytes each: they outlive the keys.
    keys        bytea,
    PRIMARY KEY (book, seq)
) PARTITION BY RANGE (seq);
CREATE TABLE journal_batch_default PARTITION OF journal_batch DEFAULT;
CREATE UNIQUE INDEX journal_batch_default_id ON journal_batch_default (batch_id);
CREATE INDEX journal_batch_recorded ON journal_batch (book, recorded_at, seq);
CREATE INDEX journal_batch_day ON journal_batch (book, booked_on, seq);

CREATE TABLE journal_key (
    scope          text NOT NULL,
    name           text NOT NULL,
    digest         bytea NOT NULL,
    digest_version integer NOT NULL,
    subject        uuid NOT NULL,
    change_id      uuid NOT NULL,
    seq            bigint NOT NULL,
    expires_at     timestamptz NOT NULL,
    PRIMARY KEY (scope, name)
) PARTITION BY HASH (scope, name);
CREATE TABLE journal_key_0 PARTITION OF journal_key FOR VALUES WITH (MODULUS 8, REMAINDER 0);
CREATE TABLE journal_key_1 PARTITION OF journal_key FOR VALUES WITH (MODULUS 8, REMAINDER 1);
CREATE TABLE journal_key_2 PARTITION OF journal_key FOR VALUES WITH (MODULUS 8, REMAINDER 2);
CREATE TABLE journal_key_3 PARTITION OF journal_key FOR VALUES WITH (MODULUS 8, REMAINDER 3);
CREATE TABLE journal_key_4 PARTITION OF journal_key FOR VALUES WITH (MODULUS 8, REMAINDER 4);
CREATE TABLE journal_key_5 PARTITION OF journal_key FOR VALUES WITH (MODULUS 8, REMAINDER 5);
CREATE TABLE journal_key_6 PARTITION OF journal_key FOR VALUES WITH (MODULUS 8, REMAINDER 6);
CREATE TABLE journal_key_7 PARTITION OF journal_key FOR VALUES WITH (MODULUS 8, REMAINDER 7);
CREATE INDEX journal_key_expiry ON journal_key (expires_at);

CREATE TABLE journal_counter (
    scope text NOT NULL,
    name  text NOT NULL,
    value bigint NOT NULL,
    PRIMARY KEY (scope, name)
);

-- Every insert and move of a record with a history, and what a change says beside; (seq, place, line) is commit order.
CREATE TABLE journal_event (
    book        text NOT NULL,
    seq         bigint NOT NULL,
    place       integer NOT NULL,
    line        integer NOT NULL,
    kind        text NOT NULL,
    subject     uuid NOT NULL,
    version     integer,
    state       text,
    who         text NOT NULL,
    why         text NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    change_id   uuid NOT NULL,
    data        jsonb,
    -- On a change's first line: salt (16 bytes) and digest (32) of all it tells; an erased change keeps the digest.
    told        bytea CHECK (length(told) IN (32, 48)),
    CHECK ((told IS NULL) = (line > 1)),
    PRIMARY KEY (book, seq, place, line)
) PARTITION BY RANGE (seq);
CREATE TABLE journal_event_default PARTITION OF journal_event DEFAULT;
CREATE INDEX journal_event_subject ON journal_event (subject, seq);

-- Changes that the database refused for a reason nobody foresaw: kept without their values, for a person.
CREATE TABLE journal_poison (
    id        uuid PRIMARY KEY,
    change_id uuid NOT NULL,
    book      text NOT NULL,
    kept_at   timestamptz NOT NULL,
    error     text NOT NULL,
    content   jsonb NOT NULL
);

CREATE TRIGGER journal_batch_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON journal_batch
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER journal_event_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON journal_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER journal_batch_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON journal_batch_default
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER journal_event_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON journal_event_default
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();

-- Fails the statement of a batch where a record was moved past the journal since the batch was decided.
CREATE FUNCTION journal_expect(have bigint, wanted bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF have <> wanted THEN
        RAISE EXCEPTION 'a record was moved past the journal' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN true;
END $$;
