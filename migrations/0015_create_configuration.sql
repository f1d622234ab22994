-- Values of parameters (their types, bounds and defaults are declared in code), the error and the business dictionary.

INSERT INTO generation (name) VALUES ('configuration');

-- A value that is NULL again means: as if it had never been set.
CREATE TABLE parameter_value (
    id       uuid PRIMARY KEY,
    code     text NOT NULL CHECK (code ~ '^[a-z_]+(\.[a-z_]+)+$'),
    party_id uuid REFERENCES party (id),
    value    jsonb CHECK (jsonb_typeof(value) IN ('number', 'boolean', 'string')),
    version  integer NOT NULL DEFAULT 1,
    UNIQUE NULLS NOT DISTINCT (code, party_id)
);
CREATE INDEX parameter_value_party ON parameter_value (party_id);

-- What people are told where a bank answers with `code`; `channel` '*' stands for every channel.
CREATE TABLE error_text (
    id      uuid PRIMARY KEY,
    channel text NOT NULL CHECK (channel <> ''),
    code    text NOT NULL CHECK (code <> ''),
    reason  text NOT NULL CHECK (reason ~ '^[a-z_]+$'),
    text_zh text NOT NULL CHECK (text_zh <> ''),
    text_en text NOT NULL CHECK (text_en <> ''),
    state   text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'retired')),
    version integer NOT NULL DEFAULT 1,
    UNIQUE (channel, code)
);

CREATE TABLE dictionary_word (
    id         uuid PRIMARY KEY,
    dictionary text NOT NULL CHECK (dictionary ~ '^[a-z][a-z0-9_]{0,39}$'),
    code       text NOT NULL CHECK (code <> ''),
    text_zh    text NOT NULL CHECK (text_zh <> ''),
    text_en    text NOT NULL CHECK (text_en <> ''),
    place      integer NOT NULL DEFAULT 0,
    state      text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'retired')),
    version    integer NOT NULL DEFAULT 1,
    UNIQUE (dictionary, code)
);

CREATE FUNCTION configuration_touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE generation SET number = number + 1 WHERE name = 'configuration';
    RETURN NULL;
END $$;
CREATE TRIGGER parameter_value_touch AFTER INSERT OR UPDATE OR DELETE ON parameter_value
    FOR EACH STATEMENT EXECUTE FUNCTION configuration_touch();
CREATE TRIGGER error_text_touch AFTER INSERT OR UPDATE OR DELETE ON error_text
    FOR EACH STATEMENT EXECUTE FUNCTION configuration_touch();
CREATE TRIGGER dictionary_word_touch AFTER INSERT OR UPDATE OR DELETE ON dictionary_word
    FOR EACH STATEMENT EXECUTE FUNCTION configuration_touch();

-- Merchant category codes (ISO 18245) that a new installation starts with.
INSERT INTO dictionary_word (id, dictionary, code, text_zh, text_en, place) VALUES
    ('00000000-0000-7000-8000-00000000d001', 'mcc', '5311', '百货商店', 'Department stores', 1),
    ('00000000-0000-7000-8000-00000000d002', 'mcc', '5411', '超市、杂货店', 'Grocery stores, supermarkets', 2),
    ('00000000-0000-7000-8000-00000000d003', 'mcc', '5499', '便利店及食品专卖店', 'Convenience and speciality food stores', 3),
    ('00000000-0000-7000-8000-00000000d004', 'mcc', '5541', '加油站', 'Service stations', 4),
    ('00000000-0000-7000-8000-00000000d005', 'mcc', '5812', '餐馆', 'Eating places, restaurants', 5),
    ('00000000-0000-7000-8000-00000000d006', 'mcc', '5814', '快餐店', 'Fast food restaurants', 6),
    ('00000000-0000-7000-8000-00000000d007', 'mcc', '5912', '药店', 'Drug stores, pharmacies', 7),
    ('00000000-0000-7000-8000-00000000d008', 'mcc', '5942', '书店', 'Book stores', 8),
    ('00000000-0000-7000-8000-00000000d009', 'mcc', '7011', '住宿服务', 'Hotels and lodging', 9),
    ('00000000-0000-7000-8000-00000000d010', 'mcc', '5999', '其他零售', 'Miscellaneous retail', 10);
