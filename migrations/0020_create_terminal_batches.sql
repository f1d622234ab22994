-- Batches of terminals from their settlement on: totals of both sides, what was uploaded, where the two disagree.

CREATE TABLE terminal_batch (
    id            uuid PRIMARY KEY,
    terminal      text NOT NULL,
    merchant_id   uuid NOT NULL REFERENCES merchant (id),
    number        text NOT NULL CHECK (number ~ '^[0-9]{6}$'),
    state         text NOT NULL CHECK (state IN ('closed', 'ended')),
    unit          text NOT NULL,
    ours          jsonb,
    theirs        jsonb,
    ripened_minor bigint CHECK (ripened_minor >= 0),
    end_code      text NOT NULL DEFAULT '',
    end_count     integer,
    closed_at     timestamptz NOT NULL,
    ended_at      timestamptz,
    version       integer NOT NULL DEFAULT 1
);
-- A number comes round again after a million batches; the newest one counts.
CREATE INDEX terminal_batch_number ON terminal_batch (terminal, number, id);
CREATE INDEX terminal_batch_merchant ON terminal_batch (merchant_id, id);

-- Each settlement or upload that was answered, so that its repeat gets the same answer.
CREATE TABLE terminal_batch_message (
    id            uuid PRIMARY KEY,
    batch_id      uuid NOT NULL REFERENCES terminal_batch (id),
    message_class text NOT NULL,
    trace         text NOT NULL,
    rrn           char(12) NOT NULL,
    answered_at   timestamptz NOT NULL,
    version       integer NOT NULL DEFAULT 1
);
CREATE INDEX terminal_batch_message_batch ON terminal_batch_message (batch_id);

CREATE TABLE terminal_batch_item (
    id           uuid PRIMARY KEY,
    batch_id     uuid NOT NULL REFERENCES terminal_batch (id),
    message_id   uuid NOT NULL REFERENCES terminal_batch_message (id),
    trace        text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
    card_mask    text NOT NULL DEFAULT '',
    is_foreign   boolean NOT NULL DEFAULT false,
    is_refund    boolean NOT NULL DEFAULT false,
    version      integer NOT NULL DEFAULT 1
);
CREATE INDEX terminal_batch_item_batch ON terminal_batch_item (batch_id, id);

CREATE TABLE terminal_difference (
    id             uuid PRIMARY KEY,
    batch_id       uuid NOT NULL REFERENCES terminal_batch (id),
    merchant_id    uuid NOT NULL REFERENCES merchant (id),
    kind           text NOT NULL CHECK (kind IN ('missing_at_us', 'missing_at_terminal', 'amount_differs')),
    trace          text NOT NULL,
    operation_id   uuid,
    own_minor      bigint,
    terminal_minor bigint,
    card_mask      text NOT NULL DEFAULT '',
    state          text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'resolved')),
    found_at       timestamptz NOT NULL,
    version        integer NOT NULL DEFAULT 1
);
CREATE INDEX terminal_difference_batch ON terminal_difference (batch_id, id);
CREATE INDEX terminal_difference_merchant ON terminal_difference (merchant_id, id);

ALTER TABLE terminal_batch ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON terminal_batch FOR SELECT TO tillgate_door, tillgate_read
    USING (EXISTS (SELECT FROM party p WHERE p.id = terminal_batch.merchant_id));
CREATE POLICY house ON terminal_batch TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
ALTER TABLE terminal_difference ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON terminal_difference FOR SELECT TO tillgate_door, tillgate_read
    USING (EXISTS (SELECT FROM party p WHERE p.id = terminal_difference.merchant_id));
CREATE POLICY house ON terminal_difference TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
