-- Messages of terminals that were refused at the door, counted by what was wrong: their shape, never a value. Bounded:
-- whoever adds takes the oldest beyond the bound away.

CREATE TABLE refused_message (
    id          uuid PRIMARY KEY,
    dialect     text NOT NULL,
    source      text NOT NULL,
    -- of a terminal that is registered; what else a sender puts there is not kept
    terminal    text NOT NULL,
    merchant_id uuid REFERENCES merchant (id),
    mti         text NOT NULL CHECK (mti ~ '^([0-9]{4})?$'),
    code        text NOT NULL CHECK (code ~ '^([0-9A-Z]{2})?$'),
    field       integer NOT NULL CHECK (field BETWEEN 0 AND 128),
    why         text NOT NULL,
    byte_place  integer NOT NULL CHECK (byte_place >= 0),
    size_bytes  integer NOT NULL CHECK (size_bytes >= 0),
    shape       text NOT NULL CHECK (shape ~ '^[na_0#]{0,64}$'),
    count       bigint NOT NULL CHECK (count > 0),
    first_at    timestamptz NOT NULL,
    last_at     timestamptz NOT NULL CHECK (last_at >= first_at),
    UNIQUE (dialect, source, terminal, mti, code, field, why)
);
CREATE INDEX refused_message_last ON refused_message (last_at);
CREATE INDEX refused_message_merchant ON refused_message (merchant_id, last_at);

-- Those of no terminal of ours belong to the platform, which only its own scope covers.
ALTER TABLE refused_message ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON refused_message FOR SELECT TO tillgate_door, tillgate_read
    USING (CASE WHEN merchant_id IS NULL THEN EXISTS (SELECT FROM party p WHERE p.kind = 'platform')
                ELSE EXISTS (SELECT FROM party p WHERE p.id = refused_message.merchant_id) END);
CREATE POLICY house ON refused_message TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
