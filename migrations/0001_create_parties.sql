-- The party tree, bank cards, withdrawal passwords, generations of cached facts, and the trail of record edits.

CREATE TABLE generation (
    name   text PRIMARY KEY,
    number bigint NOT NULL DEFAULT 1 CHECK (number > 0)
);

CREATE TABLE record_edit (
    id         uuid PRIMARY KEY,
    key        text NOT NULL,
    digest     bytea NOT NULL,
    who        text NOT NULL CHECK (who <> ''),
    why        text NOT NULL CHECK (why <> ''),
    edited_at  timestamptz NOT NULL
);
CREATE UNIQUE INDEX record_edit_key ON record_edit (key);
CREATE INDEX record_edit_who ON record_edit (who, id);

CREATE TABLE record_edit_line (
    edit_id    uuid NOT NULL REFERENCES record_edit (id),
    place      integer NOT NULL,
    table_name text NOT NULL,
    subject    uuid NOT NULL,
    before     jsonb,
    after      jsonb,
    PRIMARY KEY (edit_id, place),
    CHECK (before IS NOT NULL OR after IS NOT NULL)
);
CREATE INDEX record_edit_line_subject ON record_edit_line (subject, edit_id);

-- Nonces of signed requests that were edits; those of changes stand among the journal's keys.
CREATE TABLE edit_nonce (
    scope      text NOT NULL,
    name       text NOT NULL,
    digest     bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (scope, name)
);
CREATE INDEX edit_nonce_expiry ON edit_nonce (expires_at);

CREATE TABLE party (
    id         uuid PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN ('platform', 'institution', 'agent', 'merchant', 'shop', 'member', 'channel', 'bank_account')),
    code       text NOT NULL CHECK (code <> ''),
    name       text NOT NULL CHECK (name <> ''),
    parent_id  uuid REFERENCES party (id),
    path       text NOT NULL,
    state      text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'suspended', 'closed')),
    created_at timestamptz NOT NULL,
    version    integer NOT NULL DEFAULT 1,
    UNIQUE (kind, code),
    CHECK ((kind = 'platform') = (parent_id IS NULL))
);
CREATE UNIQUE INDEX party_one_platform ON party (kind) WHERE kind = 'platform';
CREATE INDEX party_path ON party (path text_pattern_ops);
CREATE INDEX party_parent ON party (parent_id);

-- A party's path is its parent's path and its own id: '/<32 hex>/<32 hex>/'. A subtree is one prefix.
CREATE FUNCTION party_set_path() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.path := coalesce((SELECT path FROM party WHERE id = NEW.parent_id), '/') || replace(NEW.id::text, '-', '') || '/';
    RETURN NEW;
END $$;
CREATE TRIGGER party_set_path BEFORE INSERT ON party FOR EACH ROW EXECUTE FUNCTION party_set_path();

CREATE FUNCTION party_keep_place() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a party stays where it is in the tree' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER party_keep_place BEFORE UPDATE ON party FOR EACH ROW
    WHEN (OLD.id IS DISTINCT FROM NEW.id OR OLD.kind IS DISTINCT FROM NEW.kind
          OR OLD.parent_id IS DISTINCT FROM NEW.parent_id OR OLD.path IS DISTINCT FROM NEW.path)
    EXECUTE FUNCTION party_keep_place();

INSERT INTO party (id, kind, code, name, parent_id, path, created_at)
VALUES ('00000000-0000-7000-8000-000000000001', 'platform', 'platform', 'Tillgate', NULL, '', '2000-01-01T00:00:00Z');

CREATE TABLE bank_card (
    id                  uuid PRIMARY KEY,
    party_id            uuid NOT NULL REFERENCES party (id),
    number              smallint NOT NULL CHECK (number BETWEEN 1 AND 99),
    account_sealed      bytea NOT NULL,
    fingerprint         bytea NOT NULL,
    fingerprint_version integer NOT NULL,
    mask                text NOT NULL CHECK (mask ~ '\*'),
    name_sealed         bytea NOT NULL,
    bank                text NOT NULL,
    state               text NOT NULL DEFAULT 'bound' CHECK (state IN ('bound', 'unbound')),
    bound_at            timestamptz NOT NULL,
    version             integer NOT NULL DEFAULT 1,
    UNIQUE (party_id, number)
);
CREATE UNIQUE INDEX bank_card_bound_once ON bank_card (party_id, fingerprint) WHERE state = 'bound';
CREATE INDEX bank_card_fingerprint ON bank_card (fingerprint);

CREATE TABLE withdrawal_password (
    id           uuid PRIMARY KEY REFERENCES party (id),
    hash         text NOT NULL CHECK (hash LIKE '$argon2id$%'),
    wrong_tries  integer NOT NULL DEFAULT 0,
    locked_until timestamptz,
    changed_at   timestamptz NOT NULL,
    version      integer NOT NULL DEFAULT 1
);
