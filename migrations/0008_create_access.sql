-- Permission items, roles and API keys: what there is to be permitted, in which bundles, and which systems may call.

-- `is_system`: the code asks for it, so it is neither renamed nor deleted. `for_operators`: nobody else ever has it.
CREATE TABLE permission_item (
    id            uuid PRIMARY KEY,
    code          text NOT NULL UNIQUE CHECK (code ~ '^[a-z][a-z0-9-]*:[a-z][a-z0-9-]*$'),
    title_zh      text NOT NULL,
    title_en      text NOT NULL,
    for_operators boolean NOT NULL DEFAULT false,
    is_system     boolean NOT NULL DEFAULT false,
    version       integer NOT NULL DEFAULT 1
);

-- `holds_all`: every permission item that there is, also those to come.
CREATE TABLE role (
    id         uuid PRIMARY KEY,
    code       text NOT NULL UNIQUE CHECK (code ~ '^[a-z][a-z0-9_]{0,63}$'),
    title_zh   text NOT NULL,
    title_en   text NOT NULL,
    holds_all  boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    version    integer NOT NULL DEFAULT 1
);

CREATE TABLE role_permission (
    id            uuid PRIMARY KEY,
    role_id       uuid NOT NULL REFERENCES role (id),
    permission_id uuid NOT NULL REFERENCES permission_item (id),
    version       integer NOT NULL DEFAULT 1,
    UNIQUE (role_id, permission_id)
);
CREATE INDEX role_permission_item ON role_permission (permission_id);

CREATE TABLE api_key (
    id         uuid PRIMARY KEY,
    keyid      text NOT NULL UNIQUE CHECK (keyid ~ '^[A-Za-z0-9._:-]{1,64}$'),
    algorithm  text NOT NULL CHECK (algorithm IN ('ed25519', 'rsa-pss-sha512', 'ecdsa-p256-sha256', 'hmac-sha256')),
    public_key bytea,
    secret     bytea,
    party_id   uuid NOT NULL REFERENCES party (id),
    state      text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'revoked')),
    created_at timestamptz NOT NULL,
    version    integer NOT NULL DEFAULT 1,
    CHECK ((algorithm = 'hmac-sha256') = (secret IS NOT NULL)),
    CHECK ((algorithm = 'hmac-sha256') = (public_key IS NULL))
);
CREATE INDEX api_key_party ON api_key (party_id);

CREATE TABLE api_key_permission (
    id            uuid PRIMARY KEY,
    key_id        uuid NOT NULL REFERENCES api_key (id),
    permission_id uuid NOT NULL REFERENCES permission_item (id),
    version       integer NOT NULL DEFAULT 1,
    UNIQUE (key_id, permission_id)
);
CREATE INDEX api_key_permission_item ON api_key_permission (permission_id);
