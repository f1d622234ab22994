-- Four eyes: proposals with what exactly was proposed, and delegations of the right to decide.

CREATE TABLE proposal (
    id              uuid PRIMARY KEY,
    kind            text NOT NULL CHECK (kind ~ '^[a-z_]+(\.[a-z_]+)*$'),
    subject         uuid NOT NULL,
    subject_version integer NOT NULL CHECK (subject_version >= 0),
    party_id        uuid NOT NULL REFERENCES party (id),
    content         jsonb NOT NULL,
    before          jsonb NOT NULL DEFAULT '{}',
    after           jsonb NOT NULL DEFAULT '{}',
    digest          text NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
    amount_minor    bigint,
    unit            text NOT NULL DEFAULT '',
    state           text NOT NULL CHECK (state IN ('proposed', 'approved', 'refused', 'expired', 'withdrawn')),
    proposed_by     text NOT NULL CHECK (proposed_by <> ''),
    why             text NOT NULL CHECK (why <> ''),
    proposed_at     timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL CHECK (expires_at > proposed_at),
    decided_by      text NOT NULL DEFAULT '',
    decided_for     text NOT NULL DEFAULT '',
    decided_why     text NOT NULL DEFAULT '',
    decided_at      timestamptz,
    version         integer NOT NULL DEFAULT 1,
    CHECK ((state = 'proposed') = (decided_at IS NULL)),
    CHECK (state <> 'approved' OR decided_by <> proposed_by)
);
CREATE INDEX proposal_party ON proposal (party_id, id);
CREATE INDEX proposal_subject ON proposal (subject, id);
CREATE INDEX proposal_open ON proposal (kind, id) WHERE state = 'proposed';

-- What was proposed stays as it was proposed; only the decision is added, once.
CREATE FUNCTION proposal_keep_content() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'proposed'
       OR (OLD.id, OLD.kind, OLD.subject, OLD.subject_version, OLD.party_id, OLD.content, OLD.before, OLD.after,
           OLD.digest, OLD.amount_minor, OLD.unit, OLD.proposed_by, OLD.why, OLD.proposed_at, OLD.expires_at)
          IS DISTINCT FROM
          (NEW.id, NEW.kind, NEW.subject, NEW.subject_version, NEW.party_id, NEW.content, NEW.before, NEW.after,
           NEW.digest, NEW.amount_minor, NEW.unit, NEW.proposed_by, NEW.why, NEW.proposed_at, NEW.expires_at)
    THEN
        RAISE EXCEPTION 'a proposal stays as it was proposed and is decided once'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER proposal_keep_content BEFORE UPDATE ON proposal FOR EACH ROW EXECUTE FUNCTION proposal_keep_content();

CREATE TABLE delegation (
    id         uuid PRIMARY KEY,
    party_id   uuid NOT NULL REFERENCES party (id),
    giver      text NOT NULL CHECK (giver <> ''),
    taker      text NOT NULL CHECK (taker <> '' AND taker <> giver),
    kinds      text[] NOT NULL CHECK (cardinality(kinds) > 0),
    from_at    timestamptz NOT NULL,
    until_at   timestamptz NOT NULL CHECK (until_at > from_at),
    revoked_at timestamptz,
    created_at timestamptz NOT NULL,
    version    integer NOT NULL DEFAULT 1
);
CREATE INDEX delegation_taker ON delegation (taker, until_at);
CREATE INDEX delegation_giver ON delegation (giver, id);
