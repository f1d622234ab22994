-- What is known of a merchant beside what is paid by: its profile, its documents, its shops.

CREATE TABLE merchant_profile (
    id             uuid PRIMARY KEY REFERENCES merchant (id),
    kind           text NOT NULL CHECK (kind IN ('enterprise', 'sole_trader', 'micro')),
    mcc            text NOT NULL DEFAULT '' CHECK (mcc ~ '^([0-9]{4})?$'),
    address        text NOT NULL DEFAULT '',
    contact_sealed bytea,
    phone_sealed   bytea,
    phone_mask     text NOT NULL DEFAULT '',
    version        integer NOT NULL DEFAULT 1
);

-- A document's number is sealed and found by its keyed fingerprint; its file is known by its SHA-256.
CREATE TABLE merchant_document (
    id                  uuid PRIMARY KEY,
    merchant_id         uuid NOT NULL REFERENCES merchant (id),
    kind                text NOT NULL CHECK (kind IN ('business_licence', 'identity_card', 'account_permit', 'premises_proof', 'agreement')),
    number_sealed       bytea NOT NULL,
    number_mask         text NOT NULL CHECK (number_mask ~ '\*'),
    fingerprint         bytea NOT NULL,
    fingerprint_version integer NOT NULL,
    file_digest         text NOT NULL CHECK (file_digest ~ '^[0-9a-f]{64}$'),
    valid_until         date,
    state               text NOT NULL DEFAULT 'held' CHECK (state IN ('held', 'retired')),
    added_at            timestamptz NOT NULL,
    version             integer NOT NULL DEFAULT 1
);
CREATE INDEX merchant_document_merchant ON merchant_document (merchant_id);
CREATE INDEX merchant_document_fingerprint ON merchant_document (fingerprint);

-- A shop is a party under its merchant; this is its address.
CREATE TABLE shop (
    id          uuid PRIMARY KEY REFERENCES party (id),
    merchant_id uuid NOT NULL REFERENCES merchant (id),
    address     text NOT NULL DEFAULT '',
    version     integer NOT NULL DEFAULT 1
);
CREATE INDEX shop_merchant ON shop (merchant_id);
