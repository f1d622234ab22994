-- API keys: who may call the HTTP API, how their requests are signed, and what they may do.

CREATE TABLE api_key (
    id         uuid PRIMARY KEY,
    keyid      text NOT NULL UNIQUE CHECK (keyid ~ '^[A-Za-z0-9._:-]{1,64}$'),
    algorithm  text NOT NULL CHECK (algorithm IN ('ed25519', 'rsa-pss-sha512', 'ecdsa-p256-sha256', 'hmac-sha256')),
    public_key bytea,
    secret     bytea,
    party_id   uuid NOT NULL REFERENCES party (id),
    scopes     text[] NOT NULL CHECK (cardinality(scopes) > 0),
    state      text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'revoked')),
    created_at timestamptz NOT NULL,
    version    integer NOT NULL DEFAULT 1,
    CHECK ((algorithm = 'hmac-sha256') = (secret IS NOT NULL)),
    CHECK ((algorithm = 'hmac-sha256') = (public_key IS NULL))
);
CREATE INDEX api_key_party ON api_key (party_id);
