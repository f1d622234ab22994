-- Bank channels, which merchant may use which, and the instructions that channels are given (rows C2, C20-C33).

CREATE TABLE channel (
    id uuid PRIMARY KEY REFERENCES party (id),
    code text NOT NULL UNIQUE,
    name text NOT NULL DEFAULT '',
    kind text NOT NULL,
    type text NOT NULL,
    communication text NOT NULL CHECK (communication IN ('realtime', 'batch_interface', 'batch_file')),
    state text NOT NULL DEFAULT 'on' CHECK (state IN ('on', 'off')),
    asks text[] NOT NULL DEFAULT '{}',
    units text[] NOT NULL DEFAULT '{CNY}',
    params jsonb NOT NULL DEFAULT '{}',
    settlement_party uuid NOT NULL REFERENCES party (id),
    version integer NOT NULL DEFAULT 1
);

CREATE TABLE channel_opening (
    id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL REFERENCES party (id),
    channel_id uuid NOT NULL REFERENCES channel (id),
    state text NOT NULL DEFAULT 'on' CHECK (state IN ('on', 'off')),
    priority integer NOT NULL DEFAULT 100,
    version integer NOT NULL DEFAULT 1,
    UNIQUE (merchant_id, channel_id)
);

-- One number in a block of 1,000 is taken from the database; the rest of the block is the taker's own.
-- The date stands before it, so a full turn may begin anew.
CREATE SEQUENCE instruction_number AS bigint INCREMENT BY 1000 MINVALUE 1000 MAXVALUE 999999999000 CYCLE;

CREATE TABLE instruction (
    id uuid PRIMARY KEY,
    number char(20) NOT NULL UNIQUE,
    channel_id uuid NOT NULL,
    ask text NOT NULL CHECK (ask IN ('pay', 'void', 'refund', 'reverse', 'payout', 'authorise', 'release', 'complete')),
    business text NOT NULL,
    owner_kind text NOT NULL CHECK (owner_kind IN ('operation', 'payout')),
    owner_id uuid NOT NULL,
    original_id uuid,
    original_number char(20),
    amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
    unit text NOT NULL,
    state text NOT NULL
        CHECK (state IN ('created', 'routed', 'sent', 'success', 'failed', 'unknown', 'cancelled')),
    communication text NOT NULL
        CHECK (communication IN
            ('waiting', 'in_file', 'sending', 'sent', 'acknowledged', 'answered', 'no_answer', 'send_failed')),
    result text NOT NULL DEFAULT 'unchecked'
        CHECK (result IN ('unchecked', 'matched', 'amount_differs', 'status_differs', 'missing_at_bank')),
    routing text NOT NULL DEFAULT '',
    purpose text NOT NULL DEFAULT '',
    merchant text NOT NULL DEFAULT '',
    terminal text NOT NULL DEFAULT '',
    payee_account bytea,
    payee_name bytea,
    payee_bank text NOT NULL DEFAULT '',
    bank_reference text NOT NULL DEFAULT '',
    approval_code text NOT NULL DEFAULT '',
    code text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    value_on date,
    settled_minor bigint,
    tries integer NOT NULL DEFAULT 0,
    file_id uuid,
    not_found_at timestamptz,
    created_at timestamptz NOT NULL,
    sent_at timestamptz,
    answered_at timestamptz,
    version integer NOT NULL DEFAULT 1
);

CREATE INDEX instruction_open ON instruction (channel_id, communication)
    WHERE communication IN ('waiting', 'in_file', 'sending', 'sent', 'acknowledged', 'no_answer');
CREATE INDEX instruction_owner ON instruction (owner_id);
CREATE INDEX instruction_original ON instruction (original_id) WHERE original_id IS NOT NULL;
CREATE INDEX instruction_waiting ON instruction (channel_id, number) WHERE communication = 'waiting';
CREATE INDEX instruction_file ON instruction (file_id, number) WHERE file_id IS NOT NULL;

-- Whoever keeps channels or openings in memory asks this number whether they still hold.
INSERT INTO generation (name, number) VALUES ('channels', 1) ON CONFLICT (name) DO NOTHING;

CREATE FUNCTION raise_channels_generation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE generation SET number = number + 1 WHERE name = 'channels';
    RETURN NULL;
END
$$;

CREATE TRIGGER channel_generation AFTER INSERT OR UPDATE OR DELETE ON channel
    FOR EACH STATEMENT EXECUTE FUNCTION raise_channels_generation();
CREATE TRIGGER channel_opening_generation AFTER INSERT OR UPDATE OR DELETE ON channel_opening
    FOR EACH STATEMENT EXECUTE FUNCTION raise_channels_generation();
