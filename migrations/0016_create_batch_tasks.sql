-- Batch tasks with their schedules and trace (rows A15-A27), the remote sources they pull from (A16, P33), and what the
-- pull of raw transactions stores: the rows as they came and one profit entry per taker (worked example 8).

CREATE TABLE batch_schedule (
    id          uuid PRIMARY KEY,
    kind        text NOT NULL,
    name        text NOT NULL,
    params      jsonb NOT NULL DEFAULT '{}',
    chunk_size  integer NOT NULL CHECK (chunk_size BETWEEN 1 AND 2000),
    concurrency integer NOT NULL CHECK (concurrency BETWEEN 1 AND 256),
    after_loss  text NOT NULL CHECK (after_loss IN ('resume', 'wait')),
    -- a cron line read in the zone's local time, or one instant
    cron        text NOT NULL DEFAULT '',
    zone        text NOT NULL DEFAULT 'Asia/Shanghai',
    once_at     timestamptz,
    catch_up    text NOT NULL DEFAULT 'once' CHECK (catch_up IN ('once', 'skip')),
    state       text NOT NULL CHECK (state IN ('active', 'paused', 'ended')),
    next_at     timestamptz,
    last_at     timestamptz,
    last_task   uuid,
    last_note   text NOT NULL DEFAULT '',
    created_by  text NOT NULL,
    created_at  timestamptz NOT NULL,
    version     integer NOT NULL DEFAULT 1,
    CHECK ((cron = '') = (once_at IS NOT NULL)),
    CHECK ((state = 'active') = (next_at IS NOT NULL))
);

CREATE TABLE batch_task (
    id           uuid PRIMARY KEY,
    kind         text NOT NULL,
    -- of all tasks of one kind with the same exclusive at most one is open (a counter of the journal keeps it so)
    exclusive    text NOT NULL DEFAULT '',
    params       jsonb NOT NULL DEFAULT '{}',
    state        text NOT NULL
                 CHECK (state IN ('waiting', 'running', 'interrupted', 'failed', 'done', 'cancelled')),
    chunk_size   integer NOT NULL CHECK (chunk_size BETWEEN 1 AND 2000),
    concurrency  integer NOT NULL CHECK (concurrency BETWEEN 1 AND 256),
    after_loss   text NOT NULL CHECK (after_loss IN ('resume', 'wait')),
    schedule_id  uuid REFERENCES batch_schedule (id),
    -- how far the run has come, and its counts; earlier runs are told by their chunks
    cursor       text NOT NULL DEFAULT '',
    run          integer NOT NULL DEFAULT 0,
    chunks       integer NOT NULL DEFAULT 0,
    rows_read    bigint NOT NULL DEFAULT 0,
    stored       bigint NOT NULL DEFAULT 0,
    skipped      bigint NOT NULL DEFAULT 0,
    failed       bigint NOT NULL DEFAULT 0,
    total        bigint,
    takeovers    integer NOT NULL DEFAULT 0,
    reason       text NOT NULL DEFAULT '',
    failed_chunk integer,
    failed_row   text,
    owner        text NOT NULL DEFAULT '',
    created_by   text NOT NULL,
    created_at   timestamptz NOT NULL,
    due_at       timestamptz NOT NULL,
    started_at   timestamptz,
    ended_at     timestamptz,
    version      integer NOT NULL DEFAULT 1,
    CHECK (rows_read = stored + skipped + failed)
);
CREATE INDEX batch_task_by_state ON batch_task (state, kind, id);

CREATE TABLE batch_task_chunk (
    id            uuid PRIMARY KEY,
    task_id       uuid NOT NULL REFERENCES batch_task (id),
    run           integer NOT NULL,
    number        integer NOT NULL,
    cursor_before text NOT NULL,
    cursor_after  text NOT NULL,
    rows_read     integer NOT NULL,
    stored        integer NOT NULL,
    skipped       integer NOT NULL,
    failed        integer NOT NULL,
    -- what the kind counted beside, as rules read from the database
    figures       jsonb NOT NULL DEFAULT '{}',
    owner         text NOT NULL,
    began_at      timestamptz NOT NULL,
    ended_at      timestamptz NOT NULL,
    UNIQUE (task_id, run, number)
);

-- Rows that failed; those that were stored name their task and chunk themselves.
CREATE TABLE batch_task_row (
    id       uuid PRIMARY KEY,
    task_id  uuid NOT NULL REFERENCES batch_task (id),
    run      integer NOT NULL,
    chunk    integer NOT NULL,
    place    integer NOT NULL,
    row_id   text NOT NULL,
    why      text NOT NULL,
    began_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    UNIQUE (task_id, run, chunk, place)
);

-- Whom we ask by GET {address}?cursor=&limit=, signed; the secret is sealed by the key store.
CREATE TABLE remote_source (
    id          uuid PRIMARY KEY,
    code        text NOT NULL UNIQUE CHECK (code ~ '^[a-z0-9][a-z0-9._-]{0,39}$'),
    name        text NOT NULL DEFAULT '',
    address     text NOT NULL CHECK (address LIKE 'https://%'),
    authorities text NOT NULL DEFAULT '',
    keyid       text NOT NULL,
    secret      bytea NOT NULL,
    page_most   integer NOT NULL DEFAULT 500 CHECK (page_most BETWEEN 1 AND 5000),
    state       text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'closed')),
    created_at  timestamptz NOT NULL,
    version     integer NOT NULL DEFAULT 1
);

-- A transaction as a source told it; known for ever by the source's own id of it. Rows come by the thousand in one
-- change, so what they point to (task, agent, rule version; none of which is ever deleted) is not looked up again here.
CREATE TABLE raw_transaction (
    id           uuid PRIMARY KEY,
    source_id    uuid NOT NULL,
    row_id       text NOT NULL,
    digest       text NOT NULL,
    task_id      uuid NOT NULL,
    run          integer NOT NULL,
    chunk        integer NOT NULL,
    device       text NOT NULL,
    agent_id     uuid NOT NULL,
    merchant     text NOT NULL,
    unit         text NOT NULL,
    amount_minor bigint NOT NULL,
    fee_minor    bigint NOT NULL,
    cost_minor   bigint NOT NULL,
    state        text NOT NULL,
    occurred_at  timestamptz NOT NULL,
    profit_minor bigint NOT NULL,
    rule_version uuid,
    -- why there is no profit: '' where there is
    no_profit    text NOT NULL DEFAULT '' CHECK (no_profit IN ('', 'no_rule', 'not_successful')),
    recorded_at  timestamptz NOT NULL,
    UNIQUE (source_id, row_id),
    CHECK ((rule_version IS NULL) = (no_profit <> '')),
    CHECK (rule_version IS NOT NULL OR profit_minor = 0)
);
CREATE INDEX raw_transaction_by_task ON raw_transaction (task_id);

-- One share of one transaction's profit.
CREATE TABLE profit_entry (
    id             uuid PRIMARY KEY,
    transaction_id uuid NOT NULL,
    place          smallint NOT NULL,
    item           text NOT NULL,
    -- the party that takes the share; null is the platform
    party_id       uuid,
    unit           text NOT NULL,
    amount_minor   bigint NOT NULL CHECK (amount_minor >= 0),
    UNIQUE (transaction_id, place)
);
