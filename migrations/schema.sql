-- What all migrations add up to; made by `python -m gateway.kernel.postgres.schema`, compared by a test.

SET check_function_bodies = off;

CREATE SEQUENCE instruction_number AS bigint INCREMENT BY 1000 MINVALUE 1000 MAXVALUE 999999999000 START WITH 1000 CACHE 1 CYCLE;
CREATE SEQUENCE timer_fence AS bigint INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1;
CREATE OR REPLACE FUNCTION public.journal_expect(have bigint, wanted bigint)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF have <> wanted THEN
        RAISE EXCEPTION 'a record was moved past the journal' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN true;
END $function$
;
CREATE OR REPLACE FUNCTION public.merchant_touch()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    UPDATE generation SET number = number + 1 WHERE name = 'merchants';
    RETURN NULL;
END $function$
;
CREATE OR REPLACE FUNCTION public.party_keep_place()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    RAISE EXCEPTION 'a party stays where it is in the tree' USING ERRCODE = 'restrict_violation';
END $function$
;
CREATE OR REPLACE FUNCTION public.party_set_path()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    NEW.path := coalesce((SELECT path FROM party WHERE id = NEW.parent_id), '/') || replace(NEW.id::text, '-', '') || '/';
    RETURN NEW;
END $function$
;
CREATE OR REPLACE FUNCTION public.raise_channels_generation()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    UPDATE generation SET number = number + 1 WHERE name = 'channels';
    RETURN NULL;
END
$function$
;
CREATE OR REPLACE FUNCTION public.raise_fees_generation()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    UPDATE generation SET number = number + 1 WHERE name = 'fees';
    RETURN NULL;
END
$function$
;
CREATE OR REPLACE FUNCTION public.refuse_change_of_fee_version()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    RAISE EXCEPTION 'a fee version is never changed: add a new one';
END
$function$
;
CREATE OR REPLACE FUNCTION public.refuse_rewriting()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    RAISE EXCEPTION '% is written once: correct by a new posting', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $function$
;
CREATE OR REPLACE FUNCTION public.terminal_stamp()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
END $function$
;
CREATE OR REPLACE FUNCTION public.terminal_touch()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM 1 FROM generation WHERE name IN ('merchants', 'terminals') ORDER BY name FOR UPDATE;
    UPDATE generation SET number = number + 1 WHERE name = 'terminals';
    RETURN NULL;
END $function$
;
CREATE TABLE api_key (
    id uuid NOT NULL,
    keyid text NOT NULL,
    algorithm text NOT NULL,
    public_key bytea,
    secret bytea,
    party_id uuid NOT NULL,
    scopes text[] NOT NULL,
    state text DEFAULT 'active'::text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE bank_card (
    id uuid NOT NULL,
    party_id uuid NOT NULL,
    number smallint NOT NULL,
    account_sealed bytea NOT NULL,
    fingerprint bytea NOT NULL,
    fingerprint_version integer NOT NULL,
    mask text NOT NULL,
    name_sealed bytea NOT NULL,
    bank text NOT NULL,
    state text DEFAULT 'bound'::text NOT NULL,
    bound_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE channel (
    id uuid NOT NULL,
    code text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    kind text NOT NULL,
    type text NOT NULL,
    communication text NOT NULL,
    state text DEFAULT 'on'::text NOT NULL,
    asks text[] DEFAULT '{}'::text[] NOT NULL,
    units text[] DEFAULT '{CNY}'::text[] NOT NULL,
    params jsonb DEFAULT '{}'::jsonb NOT NULL,
    settlement_party uuid NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE channel_opening (
    id uuid NOT NULL,
    merchant_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    state text DEFAULT 'on'::text NOT NULL,
    priority integer DEFAULT 100 NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE difference (
    id uuid NOT NULL,
    batch_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    line_id uuid,
    instruction_id uuid,
    number text NOT NULL,
    kind text NOT NULL,
    unit text NOT NULL,
    own_minor bigint,
    file_minor bigint,
    own_state text DEFAULT ''::text NOT NULL,
    file_state text DEFAULT ''::text NOT NULL,
    party_id uuid,
    suspense_item text DEFAULT ''::text NOT NULL,
    suspense_minor bigint DEFAULT 0 NOT NULL,
    state text NOT NULL,
    how text DEFAULT ''::text NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    resolved_at timestamp with time zone,
    resolved_by text DEFAULT ''::text NOT NULL,
    transfer_id uuid,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE fee_detail (
    id uuid NOT NULL,
    version_id uuid NOT NULL,
    place integer NOT NULL,
    lower numeric NOT NULL,
    upper numeric,
    ratio numeric,
    fixed_minor bigint,
    expression text DEFAULT ''::text NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE fee_factor (
    id uuid NOT NULL,
    item_id uuid NOT NULL,
    name text NOT NULL,
    source text NOT NULL,
    address text DEFAULT ''::text NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE fee_instance (
    id uuid NOT NULL,
    item_id uuid NOT NULL,
    party_id uuid,
    place integer DEFAULT 1 NOT NULL,
    fee_type text NOT NULL,
    state text DEFAULT 'active'::text NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE fee_item (
    id uuid NOT NULL,
    code text NOT NULL,
    business text NOT NULL,
    mode text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    unit text NOT NULL,
    state text DEFAULT 'active'::text NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE fee_version (
    id uuid NOT NULL,
    instance_id uuid NOT NULL,
    number integer NOT NULL,
    effective_from timestamp with time zone NOT NULL,
    kind text NOT NULL,
    condition text DEFAULT ''::text NOT NULL,
    expression text NOT NULL,
    ratio numeric,
    fixed_minor bigint,
    tier_factor text,
    minimum_minor bigint,
    maximum_minor bigint,
    rounding text DEFAULT 'half_up'::text NOT NULL,
    takers jsonb NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    who text NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE file (
    id uuid NOT NULL,
    direction text NOT NULL,
    channel_id uuid NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    day date NOT NULL,
    sequence integer NOT NULL,
    state text NOT NULL,
    unit text DEFAULT ''::text NOT NULL,
    count integer DEFAULT 0 NOT NULL,
    amount_minor bigint DEFAULT 0 NOT NULL,
    size bigint DEFAULT 0 NOT NULL,
    digest bytea,
    path text DEFAULT ''::text NOT NULL,
    template_id uuid,
    answers_id uuid,
    duplicate_of uuid,
    reason text DEFAULT ''::text NOT NULL,
    error_line integer,
    error_offset bigint,
    modified_at timestamp with time zone,
    tries integer DEFAULT 0 NOT NULL,
    begun boolean DEFAULT false NOT NULL,
    resent boolean DEFAULT false NOT NULL,
    absent_at timestamp with time zone,
    made_by text NOT NULL,
    made_at timestamp with time zone NOT NULL,
    submitted_at timestamp with time zone,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE file_digest (
    id uuid NOT NULL,
    channel_id uuid NOT NULL,
    digest bytea NOT NULL,
    file_id uuid NOT NULL
);
CREATE TABLE file_import (
    file_id uuid NOT NULL,
    lines integer DEFAULT 0 NOT NULL
);
CREATE TABLE file_name (
    id uuid NOT NULL,
    channel_id uuid NOT NULL,
    direction text NOT NULL,
    name text NOT NULL,
    file_id uuid NOT NULL
);
CREATE TABLE file_piece (
    file_id uuid NOT NULL,
    place integer NOT NULL,
    sealed bytea NOT NULL
);
CREATE TABLE file_spool (
    file_id uuid NOT NULL,
    begun_at timestamp with time zone NOT NULL
);
CREATE TABLE file_template (
    id uuid NOT NULL,
    channel_kind text NOT NULL,
    kind text NOT NULL,
    number integer NOT NULL,
    body text NOT NULL,
    sha256 bytea NOT NULL,
    state text DEFAULT 'draft'::text NOT NULL,
    sample bytea DEFAULT '\x'::bytea NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    activated_by text DEFAULT ''::text NOT NULL,
    activated_at timestamp with time zone,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE generation (
    name text NOT NULL,
    number bigint DEFAULT 1 NOT NULL
);
CREATE TABLE instruction (
    id uuid NOT NULL,
    number character(20) NOT NULL,
    channel_id uuid NOT NULL,
    ask text NOT NULL,
    business text NOT NULL,
    owner_kind text NOT NULL,
    owner_id uuid NOT NULL,
    original_id uuid,
    original_number character(20),
    amount_minor bigint NOT NULL,
    unit text NOT NULL,
    state text NOT NULL,
    communication text NOT NULL,
    result text DEFAULT 'unchecked'::text NOT NULL,
    routing text DEFAULT ''::text NOT NULL,
    purpose text DEFAULT ''::text NOT NULL,
    merchant text DEFAULT ''::text NOT NULL,
    terminal text DEFAULT ''::text NOT NULL,
    payee_account bytea,
    payee_name bytea,
    payee_bank text DEFAULT ''::text NOT NULL,
    bank_reference text DEFAULT ''::text NOT NULL,
    approval_code text DEFAULT ''::text NOT NULL,
    code text DEFAULT ''::text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    value_on date,
    settled_minor bigint,
    tries integer DEFAULT 0 NOT NULL,
    file_id uuid,
    not_found_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    sent_at timestamp with time zone,
    answered_at timestamp with time zone,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE journal_batch (
    book text NOT NULL,
    seq bigint NOT NULL,
    batch_id uuid NOT NULL,
    prev_hash bytea NOT NULL,
    hash bytea NOT NULL,
    changes integer NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    booked_on date NOT NULL,
    writer text NOT NULL
);
CREATE TABLE journal_counter (
    scope text NOT NULL,
    name text NOT NULL,
    value bigint NOT NULL
);
CREATE TABLE journal_event (
    book text NOT NULL,
    seq bigint NOT NULL,
    place integer NOT NULL,
    line integer NOT NULL,
    kind text NOT NULL,
    subject uuid NOT NULL,
    version integer,
    state text,
    who text NOT NULL,
    why text NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    change_id uuid NOT NULL,
    data jsonb
);
CREATE TABLE journal_head (
    book text NOT NULL,
    seq bigint NOT NULL,
    hash bytea NOT NULL,
    open_day date NOT NULL,
    recorded_at timestamp with time zone NOT NULL
);
CREATE TABLE journal_key (
    scope text NOT NULL,
    name text NOT NULL,
    digest bytea NOT NULL,
    digest_version integer NOT NULL,
    subject uuid NOT NULL,
    change_id uuid NOT NULL,
    seq bigint NOT NULL,
    expires_at timestamp with time zone NOT NULL
) PARTITION BY HASH (scope, name);
CREATE TABLE journal_poison (
    id uuid NOT NULL,
    change_id uuid NOT NULL,
    book text NOT NULL,
    kept_at timestamp with time zone NOT NULL,
    error text NOT NULL,
    content jsonb NOT NULL
);
CREATE TABLE ledger_account (
    id uuid NOT NULL,
    party uuid NOT NULL,
    unit text NOT NULL,
    purpose text NOT NULL,
    item text NOT NULL,
    book text NOT NULL,
    seq bigint NOT NULL,
    opened_at timestamp with time zone NOT NULL
);
CREATE TABLE ledger_entry (
    account_id uuid NOT NULL,
    version bigint NOT NULL,
    transfer_id uuid NOT NULL,
    seq bigint NOT NULL,
    amount_minor bigint NOT NULL,
    balance_minor bigint NOT NULL,
    booked_on date NOT NULL
);
CREATE TABLE ledger_hold (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    frozen_account_id uuid NOT NULL,
    amount_minor bigint NOT NULL,
    rest_minor bigint NOT NULL,
    kind text NOT NULL,
    subject uuid NOT NULL,
    state text NOT NULL,
    expires_at timestamp with time zone,
    version integer NOT NULL
);
CREATE TABLE ledger_transfer (
    id uuid NOT NULL,
    book text NOT NULL,
    seq bigint NOT NULL,
    place integer NOT NULL,
    line integer NOT NULL,
    kind text NOT NULL,
    subject uuid NOT NULL,
    change_id uuid NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    booked_on date NOT NULL,
    value_on date,
    note text DEFAULT ''::text NOT NULL
);
CREATE TABLE merchant (
    id uuid NOT NULL,
    number text NOT NULL,
    state text DEFAULT 'draft'::text NOT NULL,
    ripening text DEFAULT 'batch_settled'::text NOT NULL,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE named_key (
    name text NOT NULL,
    number integer NOT NULL,
    kind text NOT NULL,
    block text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by text NOT NULL
);
CREATE TABLE operation (
    id uuid NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    source text NOT NULL,
    terminal text NOT NULL,
    merchant_id uuid NOT NULL,
    merchant text NOT NULL,
    batch text NOT NULL,
    trace text NOT NULL,
    message_class text NOT NULL,
    rrn character(12) NOT NULL,
    channel_id uuid,
    instruction_id uuid,
    instruction_number character(20),
    original_id uuid,
    counter_id uuid,
    amount_minor bigint NOT NULL,
    unit text NOT NULL,
    rest_minor bigint DEFAULT 0 NOT NULL,
    reversed_minor bigint DEFAULT 0 NOT NULL,
    voided boolean DEFAULT false NOT NULL,
    fee_minor bigint DEFAULT 0 NOT NULL,
    fee_version uuid,
    fee_shares jsonb DEFAULT '[]'::jsonb NOT NULL,
    cost_minor bigint DEFAULT 0 NOT NULL,
    cost_version uuid,
    cost_back_minor bigint DEFAULT 0 NOT NULL,
    unripe_minor bigint DEFAULT 0 NOT NULL,
    hold_id uuid,
    transfer_id uuid,
    card_sealed bytea,
    card_fingerprint bytea,
    card_version integer,
    card_mask text DEFAULT ''::text NOT NULL,
    expiry_sealed bytea,
    entry_mode text DEFAULT ''::text NOT NULL,
    approval_code text DEFAULT ''::text NOT NULL,
    bank_code text DEFAULT ''::text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    text text DEFAULT ''::text NOT NULL,
    told text DEFAULT ''::text NOT NULL,
    settled_on date,
    reversal_reason text DEFAULT ''::text NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    answer_by timestamp with time zone NOT NULL,
    answered_at timestamp with time zone,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE party (
    id uuid NOT NULL,
    kind text NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    parent_id uuid,
    path text NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE payment_exception (
    id uuid NOT NULL,
    kind text NOT NULL,
    operation_id uuid NOT NULL,
    instruction_id uuid,
    detail text NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    resolved_at timestamp with time zone,
    resolution text DEFAULT ''::text NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE payout (
    id uuid NOT NULL,
    kind text NOT NULL,
    party_id uuid NOT NULL,
    bank_card_id uuid,
    amount_minor bigint NOT NULL,
    fee_minor bigint NOT NULL,
    unit text NOT NULL,
    fee_version text DEFAULT ''::text NOT NULL,
    state text NOT NULL,
    hold_id uuid,
    instruction_id uuid,
    reason text DEFAULT ''::text NOT NULL,
    code text DEFAULT ''::text NOT NULL,
    value_on date,
    limit_day date,
    asked_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    confirm_by timestamp with time zone,
    finished_at timestamp with time zone,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE record_edit (
    id uuid NOT NULL,
    key text NOT NULL,
    digest bytea NOT NULL,
    who text NOT NULL,
    why text NOT NULL,
    edited_at timestamp with time zone NOT NULL
);
CREATE TABLE record_edit_line (
    edit_id uuid NOT NULL,
    place integer NOT NULL,
    table_name text NOT NULL,
    subject uuid NOT NULL,
    before jsonb,
    after jsonb NOT NULL
);
CREATE TABLE schema_migration (
    version text NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE settle_bank_return (
    id uuid NOT NULL,
    batch_id uuid NOT NULL,
    file_id uuid NOT NULL,
    place integer NOT NULL,
    byte_offset bigint NOT NULL,
    number text NOT NULL,
    ask text DEFAULT ''::text NOT NULL,
    amount_minor bigint NOT NULL,
    unit text NOT NULL,
    state text NOT NULL,
    code text NOT NULL,
    text text NOT NULL,
    bank_reference text NOT NULL,
    value_on date,
    fee_minor bigint NOT NULL,
    outcome text,
    differs_in text DEFAULT ''::text NOT NULL,
    instruction_id uuid,
    instruction_version integer,
    own_minor bigint,
    bank_minor bigint DEFAULT 0 NOT NULL,
    asked boolean DEFAULT false NOT NULL,
    posted boolean DEFAULT false NOT NULL,
    transfer_id uuid,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE settle_bank_return_batch (
    id uuid NOT NULL,
    file_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    business text NOT NULL,
    day date NOT NULL,
    unit text NOT NULL,
    state text NOT NULL,
    file_count integer NOT NULL,
    file_minor bigint NOT NULL,
    file_fee_minor bigint DEFAULT 0 NOT NULL,
    own_count integer DEFAULT 0 NOT NULL,
    own_minor bigint DEFAULT 0 NOT NULL,
    bank_minor bigint DEFAULT 0 NOT NULL,
    matched integer DEFAULT 0 NOT NULL,
    different integer DEFAULT 0 NOT NULL,
    missing integer DEFAULT 0 NOT NULL,
    unknown integer DEFAULT 0 NOT NULL,
    duplicate integer DEFAULT 0 NOT NULL,
    started_by text DEFAULT ''::text NOT NULL,
    started_at timestamp with time zone,
    imported_at timestamp with time zone,
    reconciled_at timestamp with time zone,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE terminal (
    id uuid NOT NULL,
    number text NOT NULL,
    merchant_id uuid NOT NULL,
    dialect text NOT NULL,
    state text DEFAULT 'active'::text NOT NULL,
    family text DEFAULT ''::text NOT NULL,
    serial text DEFAULT ''::text NOT NULL,
    tmk text,
    mac_key text,
    pin_key text,
    previous_mac_key text,
    previous_pin_key text,
    offered_mac_key text,
    offered_pin_key text,
    batch_no text DEFAULT '000001'::text NOT NULL,
    batch_state text DEFAULT 'open'::text NOT NULL,
    signed_in_at timestamp with time zone,
    last_seen timestamp with time zone,
    wrong_macs integer DEFAULT 0 NOT NULL,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    generation bigint DEFAULT 0 NOT NULL
);
CREATE TABLE timer (
    kind text NOT NULL,
    subject uuid NOT NULL,
    due_at timestamp with time zone NOT NULL,
    state text DEFAULT 'armed'::text NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    fence bigint DEFAULT nextval('timer_fence'::regclass) NOT NULL,
    owner text,
    lease_until timestamp with time zone,
    data jsonb DEFAULT '{}'::jsonb NOT NULL,
    last_error text
);
CREATE TABLE withdrawal_password (
    id uuid NOT NULL,
    hash text NOT NULL,
    wrong_tries integer DEFAULT 0 NOT NULL,
    locked_until timestamp with time zone,
    changed_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE journal_key_0 PARTITION OF journal_key FOR VALUES WITH (modulus 8, remainder 0);
CREATE TABLE journal_key_1 PARTITION OF journal_key FOR VALUES WITH (modulus 8, remainder 1);
CREATE TABLE journal_key_2 PARTITION OF journal_key FOR VALUES WITH (modulus 8, remainder 2);
CREATE TABLE journal_key_3 PARTITION OF journal_key FOR VALUES WITH (modulus 8, remainder 3);
CREATE TABLE journal_key_4 PARTITION OF journal_key FOR VALUES WITH (modulus 8, remainder 4);
CREATE TABLE journal_key_5 PARTITION OF journal_key FOR VALUES WITH (modulus 8, remainder 5);
CREATE TABLE journal_key_6 PARTITION OF journal_key FOR VALUES WITH (modulus 8, remainder 6);
CREATE TABLE journal_key_7 PARTITION OF journal_key FOR VALUES WITH (modulus 8, remainder 7);
ALTER TABLE api_key ADD CONSTRAINT api_key_pkey PRIMARY KEY (id);
ALTER TABLE api_key ADD CONSTRAINT api_key_algorithm_check CHECK ((algorithm = ANY (ARRAY['ed25519'::text, 'rsa-pss-sha512'::text, 'ecdsa-p256-sha256'::text, 'hmac-sha256'::text])));
ALTER TABLE api_key ADD CONSTRAINT api_key_check CHECK (((algorithm = 'hmac-sha256'::text) = (secret IS NOT NULL)));
ALTER TABLE api_key ADD CONSTRAINT api_key_check1 CHECK (((algorithm = 'hmac-sha256'::text) = (public_key IS NULL)));
ALTER TABLE api_key ADD CONSTRAINT api_key_keyid_check CHECK ((keyid ~ '^[A-Za-z0-9._:-]{1,64}$'::text));
ALTER TABLE api_key ADD CONSTRAINT api_key_keyid_key UNIQUE (keyid);
ALTER TABLE api_key ADD CONSTRAINT api_key_scopes_check CHECK ((cardinality(scopes) > 0));
ALTER TABLE api_key ADD CONSTRAINT api_key_state_check CHECK ((state = ANY (ARRAY['active'::text, 'revoked'::text])));
ALTER TABLE bank_card ADD CONSTRAINT bank_card_pkey PRIMARY KEY (id);
ALTER TABLE bank_card ADD CONSTRAINT bank_card_mask_check CHECK ((mask ~ '\*'::text));
ALTER TABLE bank_card ADD CONSTRAINT bank_card_number_check CHECK (((number >= 1) AND (number <= 99)));
ALTER TABLE bank_card ADD CONSTRAINT bank_card_party_id_number_key UNIQUE (party_id, number);
ALTER TABLE bank_card ADD CONSTRAINT bank_card_state_check CHECK ((state = ANY (ARRAY['bound'::text, 'unbound'::text])));
ALTER TABLE channel ADD CONSTRAINT channel_pkey PRIMARY KEY (id);
ALTER TABLE channel ADD CONSTRAINT channel_code_key UNIQUE (code);
ALTER TABLE channel ADD CONSTRAINT channel_communication_check CHECK ((communication = ANY (ARRAY['realtime'::text, 'batch_interface'::text, 'batch_file'::text])));
ALTER TABLE channel ADD CONSTRAINT channel_state_check CHECK ((state = ANY (ARRAY['on'::text, 'off'::text])));
ALTER TABLE channel_opening ADD CONSTRAINT channel_opening_pkey PRIMARY KEY (id);
ALTER TABLE channel_opening ADD CONSTRAINT channel_opening_merchant_id_channel_id_key UNIQUE (merchant_id, channel_id);
ALTER TABLE channel_opening ADD CONSTRAINT channel_opening_state_check CHECK ((state = ANY (ARRAY['on'::text, 'off'::text])));
ALTER TABLE difference ADD CONSTRAINT difference_pkey PRIMARY KEY (id);
ALTER TABLE difference ADD CONSTRAINT difference_kind_check CHECK ((kind = ANY (ARRAY['amount_differs'::text, 'status_differs'::text, 'unknown_to_us'::text, 'duplicate_at_bank'::text, 'missing_at_bank'::text])));
ALTER TABLE difference ADD CONSTRAINT difference_state_check CHECK ((state = ANY (ARRAY['open'::text, 'resolved'::text])));
ALTER TABLE fee_detail ADD CONSTRAINT fee_detail_pkey PRIMARY KEY (id);
ALTER TABLE fee_detail ADD CONSTRAINT fee_detail_check CHECK ((upper > lower));
ALTER TABLE fee_detail ADD CONSTRAINT fee_detail_fixed_minor_check CHECK ((fixed_minor >= 0));
ALTER TABLE fee_detail ADD CONSTRAINT fee_detail_ratio_check CHECK ((ratio >= (0)::numeric));
ALTER TABLE fee_detail ADD CONSTRAINT fee_detail_version_id_place_key UNIQUE (version_id, place);
ALTER TABLE fee_factor ADD CONSTRAINT fee_factor_pkey PRIMARY KEY (id);
ALTER TABLE fee_factor ADD CONSTRAINT fee_factor_item_id_name_key UNIQUE (item_id, name);
ALTER TABLE fee_factor ADD CONSTRAINT fee_factor_name_check CHECK ((name ~ '^[a-z][a-z_0-9]{0,39}$'::text));
ALTER TABLE fee_factor ADD CONSTRAINT fee_factor_source_check CHECK ((source = ANY (ARRAY['fact'::text, 'instance'::text, 'plug_in'::text])));
ALTER TABLE fee_instance ADD CONSTRAINT fee_instance_pkey PRIMARY KEY (id);
ALTER TABLE fee_instance ADD CONSTRAINT fee_instance_item_id_party_id_place_key UNIQUE NULLS NOT DISTINCT (item_id, party_id, place);
ALTER TABLE fee_instance ADD CONSTRAINT fee_instance_state_check CHECK ((state = ANY (ARRAY['active'::text, 'closed'::text])));
ALTER TABLE fee_item ADD CONSTRAINT fee_item_pkey PRIMARY KEY (id);
ALTER TABLE fee_item ADD CONSTRAINT fee_item_business_mode_code_key UNIQUE (business, mode, code);
ALTER TABLE fee_item ADD CONSTRAINT fee_item_code_key UNIQUE (code);
ALTER TABLE fee_item ADD CONSTRAINT fee_item_state_check CHECK ((state = ANY (ARRAY['active'::text, 'closed'::text])));
ALTER TABLE fee_version ADD CONSTRAINT fee_version_pkey PRIMARY KEY (id);
ALTER TABLE fee_version ADD CONSTRAINT fee_version_check CHECK ((maximum_minor >= minimum_minor));
ALTER TABLE fee_version ADD CONSTRAINT fee_version_fixed_minor_check CHECK ((fixed_minor >= 0));
ALTER TABLE fee_version ADD CONSTRAINT fee_version_instance_id_effective_from_key UNIQUE (instance_id, effective_from);
ALTER TABLE fee_version ADD CONSTRAINT fee_version_instance_id_number_key UNIQUE (instance_id, number);
ALTER TABLE fee_version ADD CONSTRAINT fee_version_kind_check CHECK ((kind = ANY (ARRAY['fixed_amount'::text, 'fixed_ratio'::text, 'tiered_ratio'::text, 'split_tiers'::text])));
ALTER TABLE fee_version ADD CONSTRAINT fee_version_minimum_minor_check CHECK ((minimum_minor >= 0));
ALTER TABLE fee_version ADD CONSTRAINT fee_version_number_check CHECK ((number > 0));
ALTER TABLE fee_version ADD CONSTRAINT fee_version_ratio_check CHECK ((ratio >= (0)::numeric));
ALTER TABLE fee_version ADD CONSTRAINT fee_version_rounding_check CHECK ((rounding = ANY (ARRAY['half_up'::text, 'down'::text, 'up'::text])));
ALTER TABLE file ADD CONSTRAINT file_pkey PRIMARY KEY (id);
ALTER TABLE file ADD CONSTRAINT file_amount_minor_check CHECK ((amount_minor >= 0));
ALTER TABLE file ADD CONSTRAINT file_count_check CHECK ((count >= 0));
ALTER TABLE file ADD CONSTRAINT file_direction_check CHECK ((direction = ANY (ARRAY['out'::text, 'in'::text])));
ALTER TABLE file ADD CONSTRAINT file_name_check CHECK ((name <> ''::text));
ALTER TABLE file ADD CONSTRAINT file_size_check CHECK ((size >= 0));
ALTER TABLE file ADD CONSTRAINT file_state_check CHECK ((state = ANY (ARRAY['collecting'::text, 'generated'::text, 'archived'::text, 'uploading'::text, 'upload_unknown'::text, 'uploaded'::text, 'submitted'::text, 'answered'::text, 'checked'::text, 'abandoned'::text, 'expected'::text, 'fetching'::text, 'parsed'::text, 'imported'::text, 'done'::text, 'quarantined'::text, 'duplicate'::text, 'superseded'::text])));
ALTER TABLE file_digest ADD CONSTRAINT file_digest_pkey PRIMARY KEY (id);
ALTER TABLE file_digest ADD CONSTRAINT file_digest_channel_id_digest_key UNIQUE (channel_id, digest);
ALTER TABLE file_import ADD CONSTRAINT file_import_pkey PRIMARY KEY (file_id);
ALTER TABLE file_import ADD CONSTRAINT file_import_lines_check CHECK ((lines >= 0));
ALTER TABLE file_name ADD CONSTRAINT file_name_pkey PRIMARY KEY (id);
ALTER TABLE file_name ADD CONSTRAINT file_name_channel_id_direction_name_key UNIQUE (channel_id, direction, name);
ALTER TABLE file_piece ADD CONSTRAINT file_piece_pkey PRIMARY KEY (file_id, place);
ALTER TABLE file_spool ADD CONSTRAINT file_spool_pkey PRIMARY KEY (file_id);
ALTER TABLE file_template ADD CONSTRAINT file_template_pkey PRIMARY KEY (id);
ALTER TABLE file_template ADD CONSTRAINT file_template_channel_kind_kind_number_key UNIQUE (channel_kind, kind, number);
ALTER TABLE file_template ADD CONSTRAINT file_template_number_check CHECK ((number > 0));
ALTER TABLE file_template ADD CONSTRAINT file_template_sha256_check CHECK ((length(sha256) = 32));
ALTER TABLE file_template ADD CONSTRAINT file_template_state_check CHECK ((state = ANY (ARRAY['draft'::text, 'active'::text, 'retired'::text])));
ALTER TABLE generation ADD CONSTRAINT generation_pkey PRIMARY KEY (name);
ALTER TABLE generation ADD CONSTRAINT generation_number_check CHECK ((number > 0));
ALTER TABLE instruction ADD CONSTRAINT instruction_pkey PRIMARY KEY (id);
ALTER TABLE instruction ADD CONSTRAINT instruction_amount_minor_check CHECK ((amount_minor >= 0));
ALTER TABLE instruction ADD CONSTRAINT instruction_ask_check CHECK ((ask = ANY (ARRAY['pay'::text, 'void'::text, 'refund'::text, 'reverse'::text, 'payout'::text])));
ALTER TABLE instruction ADD CONSTRAINT instruction_communication_check CHECK ((communication = ANY (ARRAY['waiting'::text, 'in_file'::text, 'sending'::text, 'sent'::text, 'acknowledged'::text, 'answered'::text, 'no_answer'::text, 'send_failed'::text])));
ALTER TABLE instruction ADD CONSTRAINT instruction_number_key UNIQUE (number);
ALTER TABLE instruction ADD CONSTRAINT instruction_owner_kind_check CHECK ((owner_kind = ANY (ARRAY['operation'::text, 'payout'::text])));
ALTER TABLE instruction ADD CONSTRAINT instruction_result_check CHECK ((result = ANY (ARRAY['unchecked'::text, 'matched'::text, 'amount_differs'::text, 'status_differs'::text, 'missing_at_bank'::text])));
ALTER TABLE instruction ADD CONSTRAINT instruction_state_check CHECK ((state = ANY (ARRAY['created'::text, 'routed'::text, 'sent'::text, 'success'::text, 'failed'::text, 'unknown'::text, 'cancelled'::text])));
ALTER TABLE journal_batch ADD CONSTRAINT journal_batch_pkey PRIMARY KEY (book, seq);
ALTER TABLE journal_batch ADD CONSTRAINT journal_batch_batch_id_key UNIQUE (batch_id);
ALTER TABLE journal_batch ADD CONSTRAINT journal_batch_hash_check CHECK ((length(hash) = 32));
ALTER TABLE journal_batch ADD CONSTRAINT journal_batch_prev_hash_check CHECK ((length(prev_hash) = 32));
ALTER TABLE journal_counter ADD CONSTRAINT journal_counter_pkey PRIMARY KEY (scope, name);
ALTER TABLE journal_event ADD CONSTRAINT journal_event_pkey PRIMARY KEY (book, seq, place, line);
ALTER TABLE journal_head ADD CONSTRAINT journal_head_pkey PRIMARY KEY (book);
ALTER TABLE journal_head ADD CONSTRAINT journal_head_hash_check CHECK ((length(hash) = 32));
ALTER TABLE journal_key ADD CONSTRAINT journal_key_pkey PRIMARY KEY (scope, name);
ALTER TABLE journal_poison ADD CONSTRAINT journal_poison_pkey PRIMARY KEY (id);
ALTER TABLE ledger_account ADD CONSTRAINT ledger_account_pkey PRIMARY KEY (id);
ALTER TABLE ledger_account ADD CONSTRAINT ledger_account_party_unit_purpose_item_key UNIQUE (party, unit, purpose, item);
ALTER TABLE ledger_account ADD CONSTRAINT ledger_account_unit_check CHECK ((unit <> ''::text));
ALTER TABLE ledger_entry ADD CONSTRAINT ledger_entry_pkey PRIMARY KEY (account_id, version);
ALTER TABLE ledger_entry ADD CONSTRAINT ledger_entry_amount_minor_check CHECK ((amount_minor <> 0));
ALTER TABLE ledger_entry ADD CONSTRAINT ledger_entry_version_check CHECK ((version > 0));
ALTER TABLE ledger_hold ADD CONSTRAINT ledger_hold_pkey PRIMARY KEY (id);
ALTER TABLE ledger_hold ADD CONSTRAINT ledger_hold_amount_minor_check CHECK ((amount_minor > 0));
ALTER TABLE ledger_hold ADD CONSTRAINT ledger_hold_check CHECK (((rest_minor >= 0) AND (rest_minor <= amount_minor)));
ALTER TABLE ledger_hold ADD CONSTRAINT ledger_hold_check1 CHECK (((state = 'open'::text) = (rest_minor > 0)));
ALTER TABLE ledger_hold ADD CONSTRAINT ledger_hold_state_check CHECK ((state = ANY (ARRAY['open'::text, 'posted'::text, 'voided'::text, 'expired'::text])));
ALTER TABLE ledger_transfer ADD CONSTRAINT ledger_transfer_pkey PRIMARY KEY (id);
ALTER TABLE merchant ADD CONSTRAINT merchant_pkey PRIMARY KEY (id);
ALTER TABLE merchant ADD CONSTRAINT merchant_number_check CHECK ((number ~ '^[0-9A-Za-z]{15}$'::text));
ALTER TABLE merchant ADD CONSTRAINT merchant_number_key UNIQUE (number);
ALTER TABLE merchant ADD CONSTRAINT merchant_ripening_check CHECK ((ripening ~ '^(at_once|batch_settled|channel_paid|after_days:[1-9][0-9]{0,2})$'::text));
ALTER TABLE merchant ADD CONSTRAINT merchant_state_check CHECK ((state = ANY (ARRAY['draft'::text, 'review'::text, 'open'::text, 'suspended'::text, 'closed'::text])));
ALTER TABLE named_key ADD CONSTRAINT named_key_pkey PRIMARY KEY (name, number);
ALTER TABLE named_key ADD CONSTRAINT named_key_block_check CHECK ((block ~ '^D[0-9]{4}[0-9A-Za-z]+$'::text));
ALTER TABLE named_key ADD CONSTRAINT named_key_created_by_check CHECK ((created_by <> ''::text));
ALTER TABLE named_key ADD CONSTRAINT named_key_kind_check CHECK ((kind = ANY (ARRAY['terminal_master'::text, 'mac'::text, 'pin'::text, 'data'::text, 'signing'::text])));
ALTER TABLE named_key ADD CONSTRAINT named_key_name_check CHECK ((name <> ''::text));
ALTER TABLE named_key ADD CONSTRAINT named_key_number_check CHECK ((number > 0));
ALTER TABLE operation ADD CONSTRAINT operation_pkey PRIMARY KEY (id);
ALTER TABLE operation ADD CONSTRAINT operation_amount_minor_check CHECK ((amount_minor >= 0));
ALTER TABLE operation ADD CONSTRAINT operation_check CHECK (((rest_minor >= 0) AND (rest_minor <= amount_minor)));
ALTER TABLE operation ADD CONSTRAINT operation_check1 CHECK (((reversed_minor >= 0) AND (reversed_minor <= amount_minor)));
ALTER TABLE operation ADD CONSTRAINT operation_kind_check CHECK ((kind = ANY (ARRAY['purchase'::text, 'void'::text, 'refund'::text, 'reversal'::text])));
ALTER TABLE operation ADD CONSTRAINT operation_state_check CHECK ((state = ANY (ARRAY['created'::text, 'sent'::text, 'approved'::text, 'declined'::text, 'unknown'::text, 'reversing'::text, 'reversed'::text])));
ALTER TABLE party ADD CONSTRAINT party_pkey PRIMARY KEY (id);
ALTER TABLE party ADD CONSTRAINT party_check CHECK (((kind = 'platform'::text) = (parent_id IS NULL)));
ALTER TABLE party ADD CONSTRAINT party_code_check CHECK ((code <> ''::text));
ALTER TABLE party ADD CONSTRAINT party_kind_check CHECK ((kind = ANY (ARRAY['platform'::text, 'institution'::text, 'agent'::text, 'merchant'::text, 'shop'::text, 'member'::text, 'channel'::text, 'bank_account'::text])));
ALTER TABLE party ADD CONSTRAINT party_kind_code_key UNIQUE (kind, code);
ALTER TABLE party ADD CONSTRAINT party_name_check CHECK ((name <> ''::text));
ALTER TABLE party ADD CONSTRAINT party_state_check CHECK ((state = ANY (ARRAY['open'::text, 'suspended'::text, 'closed'::text])));
ALTER TABLE payment_exception ADD CONSTRAINT payment_exception_pkey PRIMARY KEY (id);
ALTER TABLE payment_exception ADD CONSTRAINT payment_exception_kind_check CHECK ((kind = ANY (ARRAY['reversal_refused'::text, 'lane_expired'::text, 'never_answered'::text, 'late_answer_differs'::text, 'hold_lost'::text, 'told_98_stands'::text])));
ALTER TABLE payment_exception ADD CONSTRAINT payment_exception_state_check CHECK ((state = ANY (ARRAY['open'::text, 'resolved'::text])));
ALTER TABLE payout ADD CONSTRAINT payout_pkey PRIMARY KEY (id);
ALTER TABLE payout ADD CONSTRAINT payout_amount_minor_check CHECK ((amount_minor > 0));
ALTER TABLE payout ADD CONSTRAINT payout_fee_minor_check CHECK ((fee_minor >= 0));
ALTER TABLE payout ADD CONSTRAINT payout_instruction_id_key UNIQUE (instruction_id);
ALTER TABLE payout ADD CONSTRAINT payout_kind_check CHECK ((kind = ANY (ARRAY['withdrawal'::text, 'payout'::text, 'settlement'::text])));
ALTER TABLE payout ADD CONSTRAINT payout_state_check CHECK ((state = ANY (ARRAY['requested'::text, 'checked'::text, 'confirmed'::text, 'frozen'::text, 'sent'::text, 'success'::text, 'failed'::text, 'unknown'::text, 'returned'::text, 'cancelled'::text])));
ALTER TABLE record_edit ADD CONSTRAINT record_edit_pkey PRIMARY KEY (id);
ALTER TABLE record_edit ADD CONSTRAINT record_edit_who_check CHECK ((who <> ''::text));
ALTER TABLE record_edit ADD CONSTRAINT record_edit_why_check CHECK ((why <> ''::text));
ALTER TABLE record_edit_line ADD CONSTRAINT record_edit_line_pkey PRIMARY KEY (edit_id, place);
ALTER TABLE schema_migration ADD CONSTRAINT schema_migration_pkey PRIMARY KEY (version);
ALTER TABLE settle_bank_return ADD CONSTRAINT settle_bank_return_pkey PRIMARY KEY (id);
ALTER TABLE settle_bank_return ADD CONSTRAINT settle_bank_return_amount_minor_check CHECK ((amount_minor >= 0));
ALTER TABLE settle_bank_return ADD CONSTRAINT settle_bank_return_differs_in_check CHECK ((differs_in = ANY (ARRAY[''::text, 'amount'::text, 'status'::text])));
ALTER TABLE settle_bank_return ADD CONSTRAINT settle_bank_return_file_id_place_key UNIQUE (file_id, place);
ALTER TABLE settle_bank_return ADD CONSTRAINT settle_bank_return_outcome_check CHECK ((outcome = ANY (ARRAY['matched'::text, 'differs'::text, 'unknown_to_us'::text, 'duplicate_at_bank'::text, 'undecided'::text])));
ALTER TABLE settle_bank_return ADD CONSTRAINT settle_bank_return_state_check CHECK ((state = ANY (ARRAY['success'::text, 'failed'::text, 'returned'::text, 'unknown'::text])));
ALTER TABLE settle_bank_return_batch ADD CONSTRAINT settle_bank_return_batch_pkey PRIMARY KEY (id);
ALTER TABLE settle_bank_return_batch ADD CONSTRAINT settle_bank_return_batch_file_id_business_unit_key UNIQUE (file_id, business, unit);
ALTER TABLE settle_bank_return_batch ADD CONSTRAINT settle_bank_return_batch_state_check CHECK ((state = ANY (ARRAY['importing'::text, 'imported'::text, 'matching'::text, 'not_balanced'::text, 'balanced'::text, 'closed'::text])));
ALTER TABLE terminal ADD CONSTRAINT terminal_pkey PRIMARY KEY (id);
ALTER TABLE terminal ADD CONSTRAINT terminal_batch_no_check CHECK ((batch_no ~ '^[0-9]{6}$'::text));
ALTER TABLE terminal ADD CONSTRAINT terminal_batch_state_check CHECK ((batch_state = ANY (ARRAY['open'::text, 'closed'::text])));
ALTER TABLE terminal ADD CONSTRAINT terminal_dialect_check CHECK ((dialect ~ '^[a-z0-9-]+$'::text));
ALTER TABLE terminal ADD CONSTRAINT terminal_number_check CHECK ((number ~ '^[0-9A-Za-z]{8}$'::text));
ALTER TABLE terminal ADD CONSTRAINT terminal_number_key UNIQUE (number);
ALTER TABLE terminal ADD CONSTRAINT terminal_state_check CHECK ((state = ANY (ARRAY['active'::text, 'locked'::text])));
ALTER TABLE timer ADD CONSTRAINT timer_pkey PRIMARY KEY (kind, subject);
ALTER TABLE timer ADD CONSTRAINT timer_check CHECK (((state = 'taken'::text) = (lease_until IS NOT NULL)));
ALTER TABLE timer ADD CONSTRAINT timer_state_check CHECK ((state = ANY (ARRAY['armed'::text, 'taken'::text, 'parked'::text])));
ALTER TABLE withdrawal_password ADD CONSTRAINT withdrawal_password_pkey PRIMARY KEY (id);
ALTER TABLE withdrawal_password ADD CONSTRAINT withdrawal_password_hash_check CHECK ((hash ~~ '$argon2id$%'::text));
ALTER TABLE api_key ADD CONSTRAINT api_key_party_id_fkey FOREIGN KEY (party_id) REFERENCES party(id);
ALTER TABLE bank_card ADD CONSTRAINT bank_card_party_id_fkey FOREIGN KEY (party_id) REFERENCES party(id);
ALTER TABLE channel ADD CONSTRAINT channel_id_fkey FOREIGN KEY (id) REFERENCES party(id);
ALTER TABLE channel ADD CONSTRAINT channel_settlement_party_fkey FOREIGN KEY (settlement_party) REFERENCES party(id);
ALTER TABLE channel_opening ADD CONSTRAINT channel_opening_channel_id_fkey FOREIGN KEY (channel_id) REFERENCES channel(id);
ALTER TABLE channel_opening ADD CONSTRAINT channel_opening_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES party(id);
ALTER TABLE difference ADD CONSTRAINT difference_batch_id_fkey FOREIGN KEY (batch_id) REFERENCES settle_bank_return_batch(id);
ALTER TABLE fee_detail ADD CONSTRAINT fee_detail_version_id_fkey FOREIGN KEY (version_id) REFERENCES fee_version(id);
ALTER TABLE fee_factor ADD CONSTRAINT fee_factor_item_id_fkey FOREIGN KEY (item_id) REFERENCES fee_item(id);
ALTER TABLE fee_instance ADD CONSTRAINT fee_instance_item_id_fkey FOREIGN KEY (item_id) REFERENCES fee_item(id);
ALTER TABLE fee_instance ADD CONSTRAINT fee_instance_party_id_fkey FOREIGN KEY (party_id) REFERENCES party(id);
ALTER TABLE fee_version ADD CONSTRAINT fee_version_instance_id_fkey FOREIGN KEY (instance_id) REFERENCES fee_instance(id);
ALTER TABLE file ADD CONSTRAINT file_answers_id_fkey FOREIGN KEY (answers_id) REFERENCES file(id);
ALTER TABLE file ADD CONSTRAINT file_channel_id_fkey FOREIGN KEY (channel_id) REFERENCES channel(id);
ALTER TABLE file ADD CONSTRAINT file_duplicate_of_fkey FOREIGN KEY (duplicate_of) REFERENCES file(id);
ALTER TABLE file ADD CONSTRAINT file_template_id_fkey FOREIGN KEY (template_id) REFERENCES file_template(id);
ALTER TABLE file_import ADD CONSTRAINT file_import_file_id_fkey FOREIGN KEY (file_id) REFERENCES file(id);
ALTER TABLE merchant ADD CONSTRAINT merchant_id_fkey FOREIGN KEY (id) REFERENCES party(id);
ALTER TABLE party ADD CONSTRAINT party_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES party(id);
ALTER TABLE payout ADD CONSTRAINT payout_bank_card_id_fkey FOREIGN KEY (bank_card_id) REFERENCES bank_card(id);
ALTER TABLE payout ADD CONSTRAINT payout_party_id_fkey FOREIGN KEY (party_id) REFERENCES party(id);
ALTER TABLE record_edit_line ADD CONSTRAINT record_edit_line_edit_id_fkey FOREIGN KEY (edit_id) REFERENCES record_edit(id);
ALTER TABLE settle_bank_return_batch ADD CONSTRAINT settle_bank_return_batch_channel_id_fkey FOREIGN KEY (channel_id) REFERENCES channel(id);
ALTER TABLE settle_bank_return_batch ADD CONSTRAINT settle_bank_return_batch_file_id_fkey FOREIGN KEY (file_id) REFERENCES file(id);
ALTER TABLE terminal ADD CONSTRAINT terminal_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES merchant(id);
ALTER TABLE withdrawal_password ADD CONSTRAINT withdrawal_password_id_fkey FOREIGN KEY (id) REFERENCES party(id);
CREATE INDEX api_key_party ON public.api_key USING btree (party_id);
CREATE UNIQUE INDEX bank_card_bound_once ON public.bank_card USING btree (party_id, fingerprint) WHERE (state = 'bound'::text);
CREATE INDEX bank_card_fingerprint ON public.bank_card USING btree (fingerprint);
CREATE INDEX difference_batch ON public.difference USING btree (batch_id);
CREATE UNIQUE INDEX difference_line ON public.difference USING btree (line_id) WHERE (line_id IS NOT NULL);
CREATE UNIQUE INDEX difference_missing ON public.difference USING btree (instruction_id) WHERE ((kind = 'missing_at_bank'::text) AND (state = 'open'::text));
CREATE INDEX difference_open ON public.difference USING btree (channel_id, opened_at) WHERE (state = 'open'::text);
CREATE INDEX file_answers ON public.file USING btree (answers_id) WHERE (answers_id IS NOT NULL);
CREATE INDEX file_channel ON public.file USING btree (channel_id, direction, day);
CREATE INDEX file_name_of ON public.file USING btree (channel_id, name);
CREATE UNIQUE INDEX file_template_active ON public.file_template USING btree (channel_kind, kind) WHERE (state = 'active'::text);
CREATE INDEX instruction_file ON public.instruction USING btree (file_id, number) WHERE (file_id IS NOT NULL);
CREATE INDEX instruction_open ON public.instruction USING btree (channel_id, communication) WHERE (communication = ANY (ARRAY['waiting'::text, 'in_file'::text, 'sending'::text, 'sent'::text, 'acknowledged'::text, 'no_answer'::text]));
CREATE INDEX instruction_original ON public.instruction USING btree (original_id) WHERE (original_id IS NOT NULL);
CREATE INDEX instruction_owner ON public.instruction USING btree (owner_id);
CREATE INDEX instruction_waiting ON public.instruction USING btree (channel_id, number) WHERE (communication = 'waiting'::text);
CREATE INDEX journal_batch_recorded ON public.journal_batch USING btree (book, recorded_at);
CREATE INDEX journal_event_subject ON public.journal_event USING btree (subject, seq);
CREATE INDEX journal_key_expiry ON ONLY public.journal_key USING btree (expires_at);
CREATE INDEX ledger_account_opened ON public.ledger_account USING btree (book, seq);
CREATE INDEX ledger_entry_transfer ON public.ledger_entry USING btree (transfer_id);
CREATE INDEX ledger_hold_open ON public.ledger_hold USING btree (frozen_account_id) WHERE (state = 'open'::text);
CREATE INDEX ledger_hold_subject ON public.ledger_hold USING btree (subject);
CREATE UNIQUE INDEX ledger_transfer_order ON public.ledger_transfer USING btree (book, seq, place, line);
CREATE INDEX ledger_transfer_subject ON public.ledger_transfer USING btree (subject);
CREATE INDEX operation_merchant ON public.operation USING btree (merchant_id, id);
CREATE INDEX operation_open ON public.operation USING btree (state, answer_by) WHERE (state = ANY (ARRAY['created'::text, 'sent'::text, 'unknown'::text, 'reversing'::text]));
CREATE INDEX operation_original ON public.operation USING btree (original_id) WHERE (original_id IS NOT NULL);
CREATE INDEX operation_reference ON public.operation USING btree (terminal, batch, trace, message_class);
CREATE UNIQUE INDEX operation_rrn ON public.operation USING btree (rrn);
CREATE UNIQUE INDEX party_one_platform ON public.party USING btree (kind) WHERE (kind = 'platform'::text);
CREATE INDEX party_parent ON public.party USING btree (parent_id);
CREATE INDEX party_path ON public.party USING btree (path text_pattern_ops);
CREATE INDEX payment_exception_open ON public.payment_exception USING btree (opened_at) WHERE (state = 'open'::text);
CREATE INDEX payment_exception_operation ON public.payment_exception USING btree (operation_id);
CREATE INDEX payout_open ON public.payout USING btree (state, created_at) WHERE (state <> ALL (ARRAY['success'::text, 'failed'::text, 'returned'::text, 'cancelled'::text]));
CREATE INDEX payout_party ON public.payout USING btree (party_id, id);
CREATE UNIQUE INDEX record_edit_key ON public.record_edit USING btree (key);
CREATE INDEX record_edit_line_subject ON public.record_edit_line USING btree (subject, edit_id);
CREATE INDEX settle_bank_return_batch_place ON public.settle_bank_return USING btree (batch_id, place);
CREATE INDEX settle_bank_return_number ON public.settle_bank_return USING btree (number);
CREATE INDEX settle_bank_return_open ON public.settle_bank_return USING btree (batch_id, place) WHERE (NOT posted);
CREATE INDEX settle_bank_return_batch_channel ON public.settle_bank_return_batch USING btree (channel_id, day);
CREATE INDEX terminal_generation ON public.terminal USING btree (generation);
CREATE INDEX terminal_merchant ON public.terminal USING btree (merchant_id);
CREATE INDEX timer_next ON public.timer USING btree (COALESCE(lease_until, due_at)) WHERE (state <> 'parked'::text);
CREATE INDEX timer_parked ON public.timer USING btree (kind) WHERE (state = 'parked'::text);
CREATE TRIGGER channel_generation AFTER INSERT OR DELETE OR UPDATE ON public.channel FOR EACH STATEMENT EXECUTE FUNCTION raise_channels_generation();
CREATE TRIGGER channel_opening_generation AFTER INSERT OR DELETE OR UPDATE ON public.channel_opening FOR EACH STATEMENT EXECUTE FUNCTION raise_channels_generation();
CREATE TRIGGER fee_detail_is_final BEFORE DELETE OR UPDATE ON public.fee_detail FOR EACH ROW EXECUTE FUNCTION refuse_change_of_fee_version();
CREATE TRIGGER fee_instance_generation AFTER INSERT OR UPDATE ON public.fee_instance FOR EACH STATEMENT EXECUTE FUNCTION raise_fees_generation();
CREATE TRIGGER fee_item_generation AFTER INSERT OR UPDATE ON public.fee_item FOR EACH STATEMENT EXECUTE FUNCTION raise_fees_generation();
CREATE TRIGGER fee_version_generation AFTER INSERT ON public.fee_version FOR EACH STATEMENT EXECUTE FUNCTION raise_fees_generation();
CREATE TRIGGER fee_version_is_final BEFORE DELETE OR UPDATE ON public.fee_version FOR EACH ROW EXECUTE FUNCTION refuse_change_of_fee_version();
CREATE TRIGGER journal_batch_written_once BEFORE DELETE OR UPDATE OR TRUNCATE ON public.journal_batch FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER journal_event_written_once BEFORE DELETE OR UPDATE OR TRUNCATE ON public.journal_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER ledger_account_written_once BEFORE DELETE OR UPDATE OR TRUNCATE ON public.ledger_account FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER ledger_entry_written_once BEFORE DELETE OR UPDATE OR TRUNCATE ON public.ledger_entry FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER ledger_transfer_written_once BEFORE DELETE OR UPDATE OR TRUNCATE ON public.ledger_transfer FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER merchant_touch BEFORE INSERT OR DELETE OR UPDATE ON public.merchant FOR EACH STATEMENT EXECUTE FUNCTION merchant_touch();
CREATE TRIGGER party_keep_place BEFORE UPDATE ON public.party FOR EACH ROW WHEN (((old.id IS DISTINCT FROM new.id) OR (old.kind IS DISTINCT FROM new.kind) OR (old.parent_id IS DISTINCT FROM new.parent_id) OR (old.path IS DISTINCT FROM new.path))) EXECUTE FUNCTION party_keep_place();
CREATE TRIGGER party_set_path BEFORE INSERT ON public.party FOR EACH ROW EXECUTE FUNCTION party_set_path();
CREATE TRIGGER terminal_stamp BEFORE INSERT OR DELETE OR UPDATE ON public.terminal FOR EACH ROW EXECUTE FUNCTION terminal_stamp();
CREATE TRIGGER terminal_touch BEFORE INSERT OR DELETE OR UPDATE ON public.terminal FOR EACH STATEMENT EXECUTE FUNCTION terminal_touch();
