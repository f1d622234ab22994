-- Keys known by a name (the answers' signing key, a channel's signing or zone key, a base derivation key), as key blocks under
-- the key store's master key: TR-31 version D of the software store, version 1 of a module.

CREATE TABLE named_key (
    id         uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    name       text NOT NULL CHECK (name <> ''),
    number     integer NOT NULL CHECK (number > 0),
    kind       text NOT NULL CHECK (kind IN ('terminal_master', 'mac', 'pin', 'data', 'signing', 'zone_master', 'zone_pin',
                                             'base_derivation', 'transport')),
    block      text NOT NULL CHECK (block ~ '^[D1][0-9]{4}[0-9A-Za-z]+$'),
    created_at timestamptz NOT NULL,
    created_by text NOT NULL CHECK (created_by <> ''),
    version    integer NOT NULL DEFAULT 1,
    PRIMARY KEY (name, number)
);

-- Ceremonies: a key that is entered in components (entry), or handed out on slips (slips). `block` is what has been entered so
-- far, or the share of the first slip; `key` the key that is handed out. Both are empty once the ceremony is over.
CREATE TABLE key_ceremony (
    id         uuid PRIMARY KEY,
    purpose    text NOT NULL CHECK (purpose IN ('entry', 'slips')),
    target     text NOT NULL CHECK (target ~ '^(name|terminal):.+$'),
    kind       text NOT NULL CHECK (kind IN ('terminal_master', 'zone_master', 'base_derivation', 'transport')),
    cipher     text NOT NULL CHECK (cipher IN ('triple_des', 'aes', 'sm4')),
    parts      integer NOT NULL CHECK (parts BETWEEN 2 AND 9),
    placed     integer NOT NULL DEFAULT 0 CHECK (placed BETWEEN 0 AND parts),
    block      text NOT NULL DEFAULT '',
    key        text NOT NULL DEFAULT '',
    state      text NOT NULL CHECK (state IN ('open', 'done', 'cancelled', 'expired')),
    why        text NOT NULL CHECK (why <> ''),
    started_by text NOT NULL CHECK (started_by <> ''),
    started_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > started_at),
    version    integer NOT NULL DEFAULT 1,
    CHECK (state = 'open' OR (block = '' AND key = ''))
);
CREATE INDEX key_ceremony_open ON key_ceremony (expires_at) WHERE state = 'open';

-- One part, by one person: nobody has two of one ceremony.
CREATE TABLE key_part (
    id          uuid PRIMARY KEY,
    ceremony_id uuid NOT NULL REFERENCES key_ceremony (id),
    place       integer NOT NULL CHECK (place > 0),
    person      text NOT NULL CHECK (person <> ''),
    check_value text NOT NULL CHECK (check_value ~ '^[0-9A-F]{8}$'),
    placed_at   timestamptz NOT NULL,
    version     integer NOT NULL DEFAULT 1,
    UNIQUE (ceremony_id, place),
    UNIQUE (ceremony_id, person)
);
