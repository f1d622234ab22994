-- Merchants and terminals as records, and the generations that tell caches they have changed.

INSERT INTO generation (name) VALUES ('merchants'), ('terminals');

CREATE TABLE merchant (
    id         uuid PRIMARY KEY REFERENCES party (id),
    number     text NOT NULL UNIQUE CHECK (number ~ '^[0-9A-Za-z]{15}$'),
    state      text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'review', 'open', 'suspended', 'closed')),
    ripening   text NOT NULL DEFAULT 'batch_settled'
               CHECK (ripening ~ '^(at_once|batch_settled|channel_paid|after_days:[1-9][0-9]{0,2})$'),
    settings   jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    version    integer NOT NULL DEFAULT 1
);

CREATE TABLE terminal (
    id               uuid PRIMARY KEY,
    number           text NOT NULL UNIQUE CHECK (number ~ '^[0-9A-Za-z]{8}$'),
    merchant_id      uuid NOT NULL REFERENCES merchant (id),
    dialect          text NOT NULL CHECK (dialect ~ '^[a-z0-9-]+$'),
    state            text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'locked')),
    family           text NOT NULL DEFAULT '',
    serial           text NOT NULL DEFAULT '',
    model            text NOT NULL DEFAULT '',
    shop_id          uuid REFERENCES party (id),
    tmk              text,
    mac_key          text,
    pin_key          text,
    previous_mac_key text,
    previous_pin_key text,
    offered_mac_key  text,
    offered_pin_key  text,
    batch_no         text NOT NULL DEFAULT '000001' CHECK (batch_no ~ '^[0-9]{6}$'),
    batch_state      text NOT NULL DEFAULT 'open' CHECK (batch_state IN ('open', 'closed', 'settled')),
    signed_in_at     timestamptz,
    last_seen        timestamptz,
    wrong_macs       integer NOT NULL DEFAULT 0,
    settings         jsonb NOT NULL DEFAULT '{}',
    created_at       timestamptz NOT NULL,
    version          integer NOT NULL DEFAULT 1,
    generation       bigint NOT NULL DEFAULT 0
);
CREATE INDEX terminal_merchant ON terminal (merchant_id);
-- One device stands once in the register, so with one merchant.
CREATE UNIQUE INDEX terminal_serial ON terminal (serial) WHERE serial <> '';
CREATE INDEX terminal_generation ON terminal (generation);

-- 'merchants' moves with every change of who may do what (a merchant's row, a terminal's standing): decisions are made
-- on it. 'terminals' moves with every change of a terminal's row, its keys and batch included: caches follow it.
-- The statement takes both rows first, always in this order, so numbers are given in commit order and nobody deadlocks.
CREATE FUNCTION merchant_touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE generation SET number = number + 1 WHERE name = 'merchants';
    RETURN NULL;
END $$;
CREATE TRIGGER merchant_touch BEFORE INSERT OR UPDATE OR DELETE ON merchant
    FOR EACH STATEMENT EXECUTE FUNCTION merchant_touch();

CREATE FUNCTION terminal_touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM generation WHERE name IN ('merchants', 'terminals') ORDER BY name FOR UPDATE;
    UPDATE generation SET number = number + 1 WHERE name = 'terminals';
    RETURN NULL;
END $$;
CREATE TRIGGER terminal_touch BEFORE INSERT OR UPDATE OR DELETE ON terminal
    FOR EACH STATEMENT EXECUTE FUNCTION terminal_touch();

CREATE FUNCTION terminal_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        UPDATE generation SET number = number + 1 WHERE name = 'merchants';
        RETURN OLD;
    END IF;
    NEW.generation := (SELECT number FROM generation WHERE name = 'terminals');
    IF TG_OP = 'UPDATE' AND (OLD.state, OLD.merchant_id, OLD.dialect) IS DISTINCT FROM (NEW.state, NEW.merchant_id, NEW.dialect) THEN
        UPDATE generation SET number = number + 1 WHERE name = 'merchants';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER terminal_stamp BEFORE INSERT OR UPDATE OR DELETE ON terminal FOR EACH ROW EXECUTE FUNCTION terminal_stamp();
