-- Accounts, transfers, entries and holds. The newest entry of an account is its balance: no balance row is ever updated.
-- Debit is positive, credit negative. Written by the journal alone.
--
-- What grows for ever is partitioned by range of its own UUIDv7 id, month by month; the months are made by the gateway
-- (`part`), ahead of time, each like the default partition, which catches what no month takes. Months that are kept no
-- longer are detached into `archive`; `whole` then has views over both, for whoever proves the books.

CREATE SCHEMA part;
CREATE SCHEMA archive;
CREATE SCHEMA whole;

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
) PARTITION BY RANGE (id);
CREATE INDEX ledger_transfer_order ON ledger_transfer (book, seq, place, line);
CREATE INDEX ledger_transfer_subject ON ledger_transfer (subject);

CREATE TABLE ledger_transfer_default PARTITION OF ledger_transfer DEFAULT;

-- Entries lie in their transfer's month. (account_id, version) is unique inside a month by the index that each partition
-- has of its own, across months by the journal's fence; `verify` proves it.
CREATE TABLE ledger_entry (
    account_id    uuid NOT NULL,
    version       bigint NOT NULL CHECK (version > 0),
    transfer_id   uuid NOT NULL,
    seq           bigint NOT NULL,
    amount_minor  bigint NOT NULL CHECK (amount_minor <> 0),
    balance_minor bigint NOT NULL,
    booked_on     date NOT NULL,
    PRIMARY KEY (transfer_id, account_id)
) PARTITION BY RANGE (transfer_id);
CREATE TABLE ledger_entry_default PARTITION OF ledger_entry DEFAULT;
CREATE UNIQUE INDEX ledger_entry_default_version ON ledger_entry_default (account_id, version);

-- How every account that moved on a book day stood at its end, `seq` being the day's last batch: written after the close.
CREATE TABLE ledger_snapshot (
    account_id    uuid NOT NULL,
    booked_on     date NOT NULL,
    version       bigint NOT NULL,
    balance_minor bigint NOT NULL,
    seq           bigint NOT NULL,
    PRIMARY KEY (account_id, booked_on)
);

-- How far the snapshot of a book's day has come: every batch up to `reached_seq` is in it, it is whole at `seq`.
CREATE TABLE ledger_snapshot_day (
    book        text NOT NULL,
    booked_on   date NOT NULL,
    seq         bigint NOT NULL,
    reached_seq bigint NOT NULL CHECK (reached_seq <= seq),
    PRIMARY KEY (book, booked_on)
);

-- Entries of transfers below `opened_from` are closed: snapshots cover them and nothing more is written there.
CREATE TABLE ledger_horizon (
    is_only     boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    opened_from uuid NOT NULL
);
INSERT INTO ledger_horizon (opened_from) VALUES ('00000000-0000-0000-0000-000000000000');

CREATE FUNCTION ledger_refuse_closed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.transfer_id < (SELECT opened_from FROM ledger_horizon) THEN
        RAISE EXCEPTION 'the month of transfer % is closed', NEW.transfer_id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_entry_closed BEFORE INSERT ON ledger_entry_default
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_closed();

-- Every account as it stands: the newest of its entries in the open months and its last snapshot.
CREATE VIEW ledger_standing AS
SELECT a.id, a.party, a.unit, a.purpose, a.item, a.book, newest.version, newest.balance_minor
FROM ledger_account a
CROSS JOIN LATERAL (
    SELECT known.version, known.balance_minor
    FROM ((SELECT e.version, e.balance_minor, 1 AS place FROM ledger_entry e
           WHERE e.account_id = a.id AND e.transfer_id >= (SELECT h.opened_from FROM ledger_horizon h)
           ORDER BY e.version DESC LIMIT 1)
          UNION ALL
          (SELECT s.version, s.balance_minor, 2 FROM ledger_snapshot s
           WHERE s.account_id = a.id ORDER BY s.booked_on DESC LIMIT 1)) known
    ORDER BY known.version DESC, known.place LIMIT 1) newest;

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
CREATE INDEX ledger_hold_expiry ON ledger_hold (expires_at) WHERE state = 'open' AND expires_at IS NOT NULL;

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
CREATE TRIGGER ledger_transfer_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_transfer_default
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER ledger_entry_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entry_default
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
