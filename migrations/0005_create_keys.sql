-- Keys known by a name (the answers' signing key, a channel's signing key), as key blocks under the key store's master key.

CREATE TABLE named_key (
    name       text NOT NULL CHECK (name <> ''),
    number     integer NOT NULL CHECK (number > 0),
    kind       text NOT NULL CHECK (kind IN ('terminal_master', 'mac', 'pin', 'data', 'signing')),
    block      text NOT NULL CHECK (block ~ '^D[0-9]{4}[0-9A-Za-z]+$'),
    created_at timestamptz NOT NULL,
    created_by text NOT NULL CHECK (created_by <> ''),
    PRIMARY KEY (name, number)
);
