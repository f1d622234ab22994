-- Accounts, transfers, entries and holds. The newest entry of an account is its balance: no balance row is ever updated.
-- Debit is positive, credit negative. Written by the journal alone.

CREATE TABLE ledger_account (
    id        uuid PRIMARY KEY,
    party     uuid NOT NULL,
    unit      text NOT NULL CHECK (unit <> ''),
    purpose   text NOT NULL,
    item      text NOT NULL,
    book      text NOT NULL,
    seq       bigint NOT NULL,
    opened_at timestamptz NOT NULL,
    UNIQUE (party, unit, purpose, item)
);
CREATE INDEX ledger_account_opened ON ledger_account (book, seq);

CREATE TABLE ledger_transfer (
    id          uuid PRIMARY KEY,
    book        text NOT NULL,
    seq         bigint NOT NULL,
    place       integer NOT NULL,
    line        integer NOT NULL,
    kind        text NOT NULL,
    subject     uuid NOT NULL,
    change_id   uuid NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    booked_on   date NOT NULL,
    value_on    date,
    note        text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX ledger_transfer_order ON ledger_transfer (book, seq, place, line);
CREATE INDEX ledger_transfer_subject ON ledger_transfer (subject);

CREATE TABLE ledger_entry (
    account_id    uuid NOT NULL,
    version       bigint NOT NULL CHECK (version > 0),
    transfer_id   uuid NOT NULL,
    seq           bigint NOT NULL,
    amount_minor  bigint NOT NULL CHECK (amount_minor <> 0),
    balance_minor bigint NOT NULL,
    booked_on     date NOT NULL,
    PRIMARY KEY (account_id, version)
);
CREATE INDEX ledger_entry_transfer ON ledger_entry (transfer_id);

CREATE TABLE ledger_hold (
    id                uuid PRIMARY KEY,
    account_id        uuid NOT NULL,
    frozen_account_id uuid NOT NULL,
    amount_minor      bigint NOT NULL CHECK (amount_minor > 0),
    rest_minor        bigint NOT NULL CHECK (rest_minor >= 0 AND rest_minor <= amount_minor),
    kind              text NOT NULL,
    subject           uuid NOT NULL,
    state             text NOT NULL CHECK (state IN ('open', 'posted', 'voided', 'expired')),
    expires_at        timestamptz,
    version           integer NOT NULL,
    CHECK ((state = 'open') = (rest_minor > 0))
);
CREATE INDEX ledger_hold_open ON ledger_hold (frozen_account_id) WHERE state = 'open';
CREATE INDEX ledger_hold_subject ON ledger_hold (subject);

-- What is in the book stays as it was written: corrections are new postings.
CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is written once: correct by a new posting', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER ledger_account_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_account
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER ledger_transfer_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_transfer
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER ledger_entry_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
