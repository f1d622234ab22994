-- Fee items, their factors, and the real rates of parties as versions that are never changed (rows S27-S48).

CREATE TABLE fee_item (
    id uuid PRIMARY KEY,
    code text NOT NULL UNIQUE,
    business text NOT NULL,
    mode text NOT NULL,
    name text NOT NULL DEFAULT '',
    unit text NOT NULL,
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'closed')),
    version integer NOT NULL DEFAULT 1,
    UNIQUE (business, mode, code)
);

CREATE TABLE fee_factor (
    id uuid PRIMARY KEY,
    item_id uuid NOT NULL REFERENCES fee_item (id),
    name text NOT NULL CHECK (name ~ '^[a-z][a-z_0-9]{0,39}$'),
    source text NOT NULL CHECK (source IN ('fact', 'instance', 'plug_in')),
    address text NOT NULL DEFAULT '',
    version integer NOT NULL DEFAULT 1,
    UNIQUE (item_id, name)
);

-- party_id is null for the rate of everybody who has none of their own.
CREATE TABLE fee_instance (
    id uuid PRIMARY KEY,
    item_id uuid NOT NULL REFERENCES fee_item (id),
    party_id uuid REFERENCES party (id),
    place integer NOT NULL DEFAULT 1,
    fee_type text NOT NULL,
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'closed')),
    version integer NOT NULL DEFAULT 1,
    UNIQUE NULLS NOT DISTINCT (item_id, party_id, place)
);

CREATE TABLE fee_version (
    id uuid PRIMARY KEY,
    instance_id uuid NOT NULL REFERENCES fee_instance (id),
    number integer NOT NULL CHECK (number > 0),
    effective_from timestamptz NOT NULL,
    kind text NOT NULL CHECK (kind IN ('fixed_amount', 'fixed_ratio', 'tiered_ratio', 'split_tiers')),
    condition text NOT NULL DEFAULT '',
    expression text NOT NULL,
    ratio numeric CHECK (ratio >= 0),
    fixed_minor bigint CHECK (fixed_minor >= 0),
    tier_factor text,
    minimum_minor bigint CHECK (minimum_minor >= 0),
    maximum_minor bigint CHECK (maximum_minor >= minimum_minor),
    rounding text NOT NULL DEFAULT 'half_up' CHECK (rounding IN ('half_up', 'down', 'up')),
    takers jsonb NOT NULL,
    recorded_at timestamptz NOT NULL,
    who text NOT NULL,
    version integer NOT NULL DEFAULT 1,
    UNIQUE (instance_id, number),
    UNIQUE (instance_id, effective_from)
);

CREATE TABLE fee_detail (
    id uuid PRIMARY KEY,
    version_id uuid NOT NULL REFERENCES fee_version (id),
    place integer NOT NULL,
    lower numeric NOT NULL,
    upper numeric CHECK (upper > lower),
    ratio numeric CHECK (ratio >= 0),
    fixed_minor bigint CHECK (fixed_minor >= 0),
    expression text NOT NULL DEFAULT '',
    version integer NOT NULL DEFAULT 1,
    UNIQUE (version_id, place)
);

CREATE FUNCTION refuse_change_of_fee_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a fee version is never changed: add a new one';
END
$$;

CREATE TRIGGER fee_version_is_final BEFORE UPDATE OR DELETE ON fee_version
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_fee_version();
CREATE TRIGGER fee_detail_is_final BEFORE UPDATE OR DELETE ON fee_detail
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_fee_version();

-- Whoever keeps the rates in memory asks this number whether they still hold.
INSERT INTO generation (name, number) VALUES ('fees', 1) ON CONFLICT (name) DO NOTHING;

CREATE FUNCTION raise_fees_generation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE generation SET number = number + 1 WHERE name = 'fees';
    RETURN NULL;
END
$$;

CREATE TRIGGER fee_item_generation AFTER INSERT OR UPDATE ON fee_item
    FOR EACH STATEMENT EXECUTE FUNCTION raise_fees_generation();
CREATE TRIGGER fee_instance_generation AFTER INSERT OR UPDATE ON fee_instance
    FOR EACH STATEMENT EXECUTE FUNCTION raise_fees_generation();
CREATE TRIGGER fee_version_generation AFTER INSERT ON fee_version
    FOR EACH STATEMENT EXECUTE FUNCTION raise_fees_generation();
