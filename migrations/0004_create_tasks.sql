-- Timers: what is to be done, about which record, and when. Armed through the journal, taken by workers with a lease.

-- Every arming and every taking draws a number, so a worker that lost its timer can never end a later one.
CREATE SEQUENCE timer_fence AS bigint;

CREATE TABLE timer (
    kind        text NOT NULL,
    subject     uuid NOT NULL,
    due_at      timestamptz NOT NULL,
    state       text NOT NULL DEFAULT 'armed' CHECK (state IN ('armed', 'taken', 'parked')),
    tries       integer NOT NULL DEFAULT 0,
    fence       bigint NOT NULL DEFAULT nextval('timer_fence'),
    owner       text,
    lease_until timestamptz,
    data        jsonb NOT NULL DEFAULT '{}',
    last_error  text,
    PRIMARY KEY (kind, subject),
    CHECK ((state = 'taken') = (lease_until IS NOT NULL))
);
CREATE INDEX timer_next ON timer (coalesce(lease_until, due_at)) WHERE state <> 'parked';
CREATE INDEX timer_parked ON timer (kind) WHERE state = 'parked';
