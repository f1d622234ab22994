-- Signed closes of book days: one line per day, as it was signed, and how far the one under way has been added up.

CREATE TABLE journal_close (
    book       text NOT NULL,
    day        date NOT NULL,
    seq        bigint NOT NULL,
    line       text NOT NULL,
    signature  bytea NOT NULL CHECK (length(signature) = 64),
    key_number integer NOT NULL,
    public_key bytea NOT NULL CHECK (length(public_key) = 32),
    signed_at  timestamptz NOT NULL,
    PRIMARY KEY (book, day),
    UNIQUE (book, seq)
);
CREATE TRIGGER journal_close_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON journal_close
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();

CREATE TABLE journal_close_draft (
    book       text NOT NULL,
    day        date NOT NULL,
    seq        bigint NOT NULL,
    reached_seq bigint NOT NULL CHECK (reached_seq <= seq),
    sums       jsonb NOT NULL,
    PRIMARY KEY (book, day)
);

-- The days that were closed, without going over everything else that happened on them.
CREATE INDEX journal_event_closings ON journal_event (book, seq) WHERE kind = 'day_closed';
