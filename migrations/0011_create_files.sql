-- File templates, files out and in, imported return files, reconciliation (rows C47, C52, C58-C91).

-- How a channel kind's files are written and read: tested data, versioned; one version of a kind is active at a time.
CREATE TABLE file_template (
    id uuid PRIMARY KEY,
    channel_kind text NOT NULL,
    kind text NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    body text NOT NULL,
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),
    state text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'active', 'retired')),
    sample bytea NOT NULL DEFAULT '',
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    activated_by text NOT NULL DEFAULT '',
    activated_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    UNIQUE (channel_kind, kind, number)
);
CREATE UNIQUE INDEX file_template_active ON file_template (channel_kind, kind) WHERE state = 'active';

CREATE TABLE file (
    id uuid PRIMARY KEY,
    direction text NOT NULL CHECK (direction IN ('out', 'in')),
    channel_id uuid NOT NULL REFERENCES channel (id),
    kind text NOT NULL,
    name text NOT NULL CHECK (name <> ''),
    day date NOT NULL,
    sequence integer NOT NULL,
    state text NOT NULL,
    unit text NOT NULL DEFAULT '',
    count integer NOT NULL DEFAULT 0 CHECK (count >= 0),
    amount_minor bigint NOT NULL DEFAULT 0 CHECK (amount_minor >= 0),
    size bigint NOT NULL DEFAULT 0 CHECK (size >= 0),
    digest bytea,
    content_id uuid NOT NULL,
    path text NOT NULL DEFAULT '',
    template_id uuid REFERENCES file_template (id),
    answers_id uuid REFERENCES file (id),
    duplicate_of uuid REFERENCES file (id),
    reason text NOT NULL DEFAULT '',
    error_line integer,
    error_offset bigint,
    modified_at timestamptz,
    tries integer NOT NULL DEFAULT 0,
    begun boolean NOT NULL DEFAULT false,
    resent boolean NOT NULL DEFAULT false,
    absent_at timestamptz,
    made_by text NOT NULL,
    made_at timestamptz NOT NULL,
    submitted_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    CHECK (state IN ('collecting', 'generated', 'archived', 'uploading', 'upload_unknown', 'uploaded', 'submitted',
                     'answered', 'checked', 'abandoned',
                     'expected', 'fetching', 'parsed', 'imported', 'done', 'quarantined', 'duplicate', 'superseded'))
);
CREATE INDEX file_channel ON file (channel_id, direction, day);
CREATE INDEX file_name_of ON file (channel_id, name);
CREATE INDEX file_content ON file (content_id);
CREATE INDEX file_answers ON file (answers_id) WHERE answers_id IS NOT NULL;

-- What must be unique for ever stands by itself and small.
CREATE TABLE file_name (
    id uuid PRIMARY KEY,
    channel_id uuid NOT NULL,
    direction text NOT NULL,
    name text NOT NULL,
    file_id uuid NOT NULL,
    UNIQUE (channel_id, direction, name)
);
CREATE TABLE file_digest (
    id uuid PRIMARY KEY,
    channel_id uuid NOT NULL,
    digest bytea NOT NULL,
    file_id uuid NOT NULL,
    UNIQUE (channel_id, digest)
);

-- The content, enciphered piece by piece. Every writing has a content id of its own, so that two never mix;
-- `file_spool` names those that no file has taken for its own yet.
CREATE TABLE file_piece (
    content_id uuid NOT NULL,
    place integer NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (content_id, place)
);
ALTER TABLE file_piece ALTER COLUMN sealed SET STORAGE EXTERNAL;
CREATE TABLE file_spool (
    content_id uuid PRIMARY KEY,
    begun_at timestamptz NOT NULL
);

CREATE TABLE settle_bank_return_batch (
    id uuid PRIMARY KEY,
    file_id uuid NOT NULL REFERENCES file (id),
    channel_id uuid NOT NULL REFERENCES channel (id),
    business text NOT NULL,
    day date NOT NULL,
    unit text NOT NULL,
    state text NOT NULL
        CHECK (state IN ('importing', 'imported', 'matching', 'not_balanced', 'balanced', 'closed')),
    file_count integer NOT NULL,
    file_minor bigint NOT NULL,
    file_fee_minor bigint NOT NULL DEFAULT 0,
    own_count integer NOT NULL DEFAULT 0,
    own_minor bigint NOT NULL DEFAULT 0,
    bank_minor bigint NOT NULL DEFAULT 0,
    matched integer NOT NULL DEFAULT 0,
    different integer NOT NULL DEFAULT 0,
    missing integer NOT NULL DEFAULT 0,
    unknown integer NOT NULL DEFAULT 0,
    duplicate integer NOT NULL DEFAULT 0,
    started_by text NOT NULL DEFAULT '',
    started_at timestamptz,
    imported_at timestamptz,
    reconciled_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    UNIQUE (file_id, business, unit)
);
CREATE INDEX settle_bank_return_batch_channel ON settle_bank_return_batch (channel_id, day);

-- One row per line of a bank's file, as the bank wrote it, and what came of it.
CREATE TABLE settle_bank_return (
    id uuid PRIMARY KEY,
    batch_id uuid NOT NULL,
    file_id uuid NOT NULL,
    place integer NOT NULL,
    byte_offset bigint NOT NULL,
    number text NOT NULL,
    ask text NOT NULL DEFAULT '',
    amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
    unit text NOT NULL,
    state text NOT NULL CHECK (state IN ('success', 'failed', 'returned', 'unknown')),
    code text NOT NULL,
    text text NOT NULL,
    bank_reference text NOT NULL,
    value_on date,
    fee_minor bigint NOT NULL,
    outcome text CHECK (outcome IN ('matched', 'differs', 'unknown_to_us', 'duplicate_at_bank', 'undecided')),
    differs_in text NOT NULL DEFAULT '' CHECK (differs_in IN ('', 'amount', 'status')),
    instruction_id uuid,
    instruction_version integer,
    own_minor bigint,
    bank_minor bigint NOT NULL DEFAULT 0,
    asked boolean NOT NULL DEFAULT false,
    posted boolean NOT NULL DEFAULT false,
    transfer_id uuid,
    version integer NOT NULL DEFAULT 1,
    UNIQUE (file_id, place)
);
CREATE INDEX settle_bank_return_batch_place ON settle_bank_return (batch_id, place);
CREATE INDEX settle_bank_return_number ON settle_bank_return (number);
CREATE INDEX settle_bank_return_open ON settle_bank_return (batch_id, place) WHERE NOT posted;

-- How far the import of a file has come; a chunk of lines and this row are written together.
CREATE TABLE file_import (
    file_id uuid PRIMARY KEY REFERENCES file (id),
    lines integer NOT NULL DEFAULT 0 CHECK (lines >= 0)
);

CREATE TABLE difference (
    id uuid PRIMARY KEY,
    batch_id uuid NOT NULL REFERENCES settle_bank_return_batch (id),
    channel_id uuid NOT NULL,
    line_id uuid,
    instruction_id uuid,
    number text NOT NULL,
    kind text NOT NULL
        CHECK (kind IN ('amount_differs', 'status_differs', 'unknown_to_us', 'duplicate_at_bank', 'missing_at_bank')),
    unit text NOT NULL,
    own_minor bigint,
    file_minor bigint,
    own_state text NOT NULL DEFAULT '',
    file_state text NOT NULL DEFAULT '',
    party_id uuid,
    suspense_item text NOT NULL DEFAULT '',
    suspense_minor bigint NOT NULL DEFAULT 0,
    state text NOT NULL CHECK (state IN ('open', 'resolved')),
    how text NOT NULL DEFAULT '',
    note text NOT NULL DEFAULT '',
    opened_at timestamptz NOT NULL,
    resolved_at timestamptz,
    resolved_by text NOT NULL DEFAULT '',
    transfer_id uuid,
    version integer NOT NULL DEFAULT 1
);
CREATE INDEX difference_batch ON difference (batch_id);
CREATE INDEX difference_open ON difference (channel_id, opened_at) WHERE state = 'open';
CREATE UNIQUE INDEX difference_line ON difference (line_id) WHERE line_id IS NOT NULL;
CREATE UNIQUE INDEX difference_missing ON difference (instruction_id) WHERE kind = 'missing_at_bank' AND state = 'open';
