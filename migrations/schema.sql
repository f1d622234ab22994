-- What all migrations add up to; made by `python -m gateway.kernel.postgres.schema`, compared by a test.

SET check_function_bodies = off;

CREATE SCHEMA archive;
CREATE SCHEMA part;
CREATE SCHEMA whole;
CREATE SEQUENCE instruction_number AS bigint INCREMENT BY 1000 MINVALUE 1000 MAXVALUE 999999999000 START WITH 1000 CACHE 1 CYCLE;
CREATE SEQUENCE timer_fence AS bigint INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1;
CREATE OR REPLACE FUNCTION public.configuration_touch()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    UPDATE generation SET number = number + 1 WHERE name = 'configuration';
    RETURN NULL;
END $function$
;
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
CREATE OR REPLACE FUNCTION public.ledger_refuse_closed()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF NEW.transfer_id < (SELECT opened_from FROM ledger_horizon) THEN
        RAISE EXCEPTION 'the month of transfer % is closed', NEW.transfer_id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
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
CREATE OR REPLACE FUNCTION public.proposal_keep_content()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF OLD.state <> 'proposed'
       OR (OLD.id, OLD.kind, OLD.subject, OLD.subject_version, OLD.party_id, OLD.content, OLD.before, OLD.after,
           OLD.digest, OLD.amount_minor, OLD.unit, OLD.proposed_by, OLD.why, OLD.proposed_at, OLD.expires_at)
          IS DISTINCT FROM
          (NEW.id, NEW.kind, NEW.subject, NEW.subject_version, NEW.party_id, NEW.content, NEW.before, NEW.after,
           NEW.digest, NEW.amount_minor, NEW.unit, NEW.proposed_by, NEW.why, NEW.proposed_at, NEW.expires_at)
    THEN
        RAISE EXCEPTION 'a proposal stays as it was proposed and is decided once'
            USING ERRCODE = 'restrict_violation';
    END IF;
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
CREATE OR REPLACE FUNCTION public.scope_of_transaction()
 RETURNS text
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
    SELECT CASE WHEN current_setting('tillgate.scope', true) ~ '^(/[0-9a-f]{32})+/$'
                THEN current_setting('tillgate.scope', true) END
$function$
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
CREATE TABLE access_user (
    id uuid NOT NULL,
    login text NOT NULL,
    party_id uuid NOT NULL,
    kind text NOT NULL,
    name_sealed bytea NOT NULL,
    phone_sealed bytea,
    state text DEFAULT 'active'::text NOT NULL,
    parameters jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE api_key (
    id uuid NOT NULL,
    keyid text NOT NULL,
    algorithm text NOT NULL,
    public_key bytea,
    secret bytea,
    party_id uuid NOT NULL,
    state text DEFAULT 'active'::text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE api_key_permission (
    id uuid NOT NULL,
    key_id uuid NOT NULL,
    permission_id uuid NOT NULL,
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
CREATE TABLE batch_schedule (
    id uuid NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    params jsonb DEFAULT '{}'::jsonb NOT NULL,
    chunk_size integer NOT NULL,
    concurrency integer NOT NULL,
    after_loss text NOT NULL,
    cron text DEFAULT ''::text NOT NULL,
    zone text DEFAULT 'Asia/Shanghai'::text NOT NULL,
    once_at timestamp with time zone,
    catch_up text DEFAULT 'once'::text NOT NULL,
    state text NOT NULL,
    next_at timestamp with time zone,
    last_at timestamp with time zone,
    last_task uuid,
    last_note text DEFAULT ''::text NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE batch_task (
    id uuid NOT NULL,
    kind text NOT NULL,
    exclusive text DEFAULT ''::text NOT NULL,
    params jsonb DEFAULT '{}'::jsonb NOT NULL,
    state text NOT NULL,
    chunk_size integer NOT NULL,
    concurrency integer NOT NULL,
    after_loss text NOT NULL,
    schedule_id uuid,
    cursor text DEFAULT ''::text NOT NULL,
    run integer DEFAULT 0 NOT NULL,
    chunks integer DEFAULT 0 NOT NULL,
    rows_read bigint DEFAULT 0 NOT NULL,
    stored bigint DEFAULT 0 NOT NULL,
    skipped bigint DEFAULT 0 NOT NULL,
    failed bigint DEFAULT 0 NOT NULL,
    total bigint,
    takeovers integer DEFAULT 0 NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    failed_chunk integer,
    failed_row text,
    owner text DEFAULT ''::text NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE batch_task_chunk (
    id uuid NOT NULL,
    task_id uuid NOT NULL,
    run integer NOT NULL,
    number integer NOT NULL,
    cursor_before text NOT NULL,
    cursor_after text NOT NULL,
    rows_read integer NOT NULL,
    stored integer NOT NULL,
    skipped integer NOT NULL,
    failed integer NOT NULL,
    figures jsonb DEFAULT '{}'::jsonb NOT NULL,
    owner text NOT NULL,
    began_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone NOT NULL
);
CREATE TABLE batch_task_row (
    id uuid NOT NULL,
    task_id uuid NOT NULL,
    run integer NOT NULL,
    chunk integer NOT NULL,
    place integer NOT NULL,
    row_id text NOT NULL,
    why text NOT NULL,
    began_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone NOT NULL
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
CREATE TABLE delegation (
    id uuid NOT NULL,
    party_id uuid NOT NULL,
    giver text NOT NULL,
    taker text NOT NULL,
    kinds text[] NOT NULL,
    from_at timestamp with time zone NOT NULL,
    until_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE dictionary_word (
    id uuid NOT NULL,
    dictionary text NOT NULL,
    code text NOT NULL,
    text_zh text NOT NULL,
    text_en text NOT NULL,
    place integer DEFAULT 0 NOT NULL,
    state text DEFAULT 'active'::text NOT NULL,
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
CREATE TABLE edit_nonce (
    scope text NOT NULL,
    name text NOT NULL,
    digest bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL
);
CREATE TABLE error_text (
    id uuid NOT NULL,
    channel text NOT NULL,
    code text NOT NULL,
    reason text NOT NULL,
    text_zh text NOT NULL,
    text_en text NOT NULL,
    state text DEFAULT 'active'::text NOT NULL,
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
    content_id uuid NOT NULL,
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
    content_id uuid NOT NULL,
    place integer NOT NULL,
    sealed bytea NOT NULL
);
CREATE TABLE file_spool (
    content_id uuid NOT NULL,
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
CREATE TABLE interception_rule (
    id uuid NOT NULL,
    code text NOT NULL,
    is_on boolean NOT NULL,
    method text DEFAULT ''::text NOT NULL,
    path text DEFAULT ''::text NOT NULL,
    source text DEFAULT ''::text NOT NULL,
    caller text DEFAULT ''::text NOT NULL,
    daily_from smallint,
    daily_until smallint,
    starts_at timestamp with time zone,
    ends_at timestamp with time zone,
    why text NOT NULL,
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
    writer text NOT NULL,
    keys bytea
) PARTITION BY RANGE (seq);
CREATE TABLE journal_close (
    book text NOT NULL,
    day date NOT NULL,
    seq bigint NOT NULL,
    line text NOT NULL,
    signature bytea NOT NULL,
    key_number integer NOT NULL,
    public_key bytea NOT NULL,
    signed_at timestamp with time zone NOT NULL
);
CREATE TABLE journal_close_draft (
    book text NOT NULL,
    day date NOT NULL,
    seq bigint NOT NULL,
    reached_seq bigint NOT NULL,
    sums jsonb NOT NULL
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
    data jsonb,
    told bytea
) PARTITION BY RANGE (seq);
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
CREATE TABLE key_ceremony (
    id uuid NOT NULL,
    purpose text NOT NULL,
    target text NOT NULL,
    kind text NOT NULL,
    cipher text NOT NULL,
    parts integer NOT NULL,
    placed integer DEFAULT 0 NOT NULL,
    block text DEFAULT ''::text NOT NULL,
    key text DEFAULT ''::text NOT NULL,
    state text NOT NULL,
    why text NOT NULL,
    started_by text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE key_part (
    id uuid NOT NULL,
    ceremony_id uuid NOT NULL,
    place integer NOT NULL,
    person text NOT NULL,
    check_value text NOT NULL,
    placed_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL
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
) PARTITION BY RANGE (transfer_id);
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
CREATE TABLE ledger_horizon (
    is_only boolean DEFAULT true NOT NULL,
    opened_from uuid NOT NULL
);
CREATE TABLE ledger_snapshot (
    account_id uuid NOT NULL,
    booked_on date NOT NULL,
    version bigint NOT NULL,
    balance_minor bigint NOT NULL,
    seq bigint NOT NULL
);
CREATE TABLE ledger_snapshot_day (
    book text NOT NULL,
    booked_on date NOT NULL,
    seq bigint NOT NULL,
    reached_seq bigint NOT NULL
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
) PARTITION BY RANGE (id);
CREATE TABLE login_event (
    id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    login text NOT NULL,
    user_id uuid,
    party_id uuid,
    source text NOT NULL,
    outcome text NOT NULL
);
CREATE TABLE login_source (
    source text NOT NULL,
    wrong_tries integer NOT NULL,
    forgotten_at timestamp with time zone NOT NULL
);
CREATE TABLE menu_entry (
    id uuid NOT NULL,
    code text NOT NULL,
    parent_id uuid,
    "position" integer NOT NULL,
    title_zh text NOT NULL,
    title_en text NOT NULL,
    permission_id uuid,
    version integer DEFAULT 1 NOT NULL
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
CREATE TABLE merchant_document (
    id uuid NOT NULL,
    merchant_id uuid NOT NULL,
    kind text NOT NULL,
    number_sealed bytea NOT NULL,
    number_mask text NOT NULL,
    fingerprint bytea NOT NULL,
    fingerprint_version integer NOT NULL,
    file_digest text NOT NULL,
    valid_until date,
    state text DEFAULT 'held'::text NOT NULL,
    added_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE merchant_profile (
    id uuid NOT NULL,
    kind text NOT NULL,
    mcc text DEFAULT ''::text NOT NULL,
    address text DEFAULT ''::text NOT NULL,
    contact_sealed bytea,
    phone_sealed bytea,
    phone_mask text DEFAULT ''::text NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE named_key (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    number integer NOT NULL,
    kind text NOT NULL,
    block text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by text NOT NULL,
    version integer DEFAULT 1 NOT NULL
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
CREATE TABLE parameter_value (
    id uuid NOT NULL,
    code text NOT NULL,
    party_id uuid,
    value jsonb,
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
CREATE TABLE permission_item (
    id uuid NOT NULL,
    code text NOT NULL,
    title_zh text NOT NULL,
    title_en text NOT NULL,
    for_operators boolean DEFAULT false NOT NULL,
    is_system boolean DEFAULT false NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE profit_entry (
    id uuid NOT NULL,
    transaction_id uuid NOT NULL,
    place smallint NOT NULL,
    item text NOT NULL,
    party_id uuid,
    unit text NOT NULL,
    amount_minor bigint NOT NULL
);
CREATE TABLE proposal (
    id uuid NOT NULL,
    kind text NOT NULL,
    subject uuid NOT NULL,
    subject_version integer NOT NULL,
    party_id uuid NOT NULL,
    content jsonb NOT NULL,
    before jsonb DEFAULT '{}'::jsonb NOT NULL,
    after jsonb DEFAULT '{}'::jsonb NOT NULL,
    digest text NOT NULL,
    amount_minor bigint,
    unit text DEFAULT ''::text NOT NULL,
    state text NOT NULL,
    proposed_by text NOT NULL,
    why text NOT NULL,
    proposed_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    decided_by text DEFAULT ''::text NOT NULL,
    decided_for text DEFAULT ''::text NOT NULL,
    decided_why text DEFAULT ''::text NOT NULL,
    decided_at timestamp with time zone,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE raw_transaction (
    id uuid NOT NULL,
    source_id uuid NOT NULL,
    row_id text NOT NULL,
    digest text NOT NULL,
    task_id uuid NOT NULL,
    run integer NOT NULL,
    chunk integer NOT NULL,
    device text NOT NULL,
    agent_id uuid NOT NULL,
    merchant text NOT NULL,
    unit text NOT NULL,
    amount_minor bigint NOT NULL,
    fee_minor bigint NOT NULL,
    cost_minor bigint NOT NULL,
    state text NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    profit_minor bigint NOT NULL,
    rule_version uuid,
    no_profit text DEFAULT ''::text NOT NULL,
    recorded_at timestamp with time zone NOT NULL
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
    after jsonb
);
CREATE TABLE refused_message (
    id uuid NOT NULL,
    dialect text NOT NULL,
    source text NOT NULL,
    terminal text NOT NULL,
    merchant_id uuid,
    mti text NOT NULL,
    code text NOT NULL,
    field integer NOT NULL,
    why text NOT NULL,
    byte_place integer NOT NULL,
    size_bytes integer NOT NULL,
    shape text NOT NULL,
    count bigint NOT NULL,
    first_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL
);
CREATE TABLE remote_source (
    id uuid NOT NULL,
    code text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    address text NOT NULL,
    authorities text DEFAULT ''::text NOT NULL,
    keyid text NOT NULL,
    secret bytea NOT NULL,
    page_most integer DEFAULT 500 NOT NULL,
    state text DEFAULT 'active'::text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE role (
    id uuid NOT NULL,
    code text NOT NULL,
    title_zh text NOT NULL,
    title_en text NOT NULL,
    holds_all boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE role_permission (
    id uuid NOT NULL,
    role_id uuid NOT NULL,
    permission_id uuid NOT NULL,
    version integer DEFAULT 1 NOT NULL
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
CREATE TABLE shop (
    id uuid NOT NULL,
    merchant_id uuid NOT NULL,
    address text DEFAULT ''::text NOT NULL,
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
    model text DEFAULT ''::text NOT NULL,
    shop_id uuid,
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
CREATE TABLE terminal_batch (
    id uuid NOT NULL,
    terminal text NOT NULL,
    merchant_id uuid NOT NULL,
    number text NOT NULL,
    state text NOT NULL,
    unit text NOT NULL,
    ours jsonb,
    theirs jsonb,
    ripened_minor bigint,
    end_code text DEFAULT ''::text NOT NULL,
    end_count integer,
    closed_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE terminal_batch_item (
    id uuid NOT NULL,
    batch_id uuid NOT NULL,
    message_id uuid NOT NULL,
    trace text NOT NULL,
    amount_minor bigint NOT NULL,
    card_mask text DEFAULT ''::text NOT NULL,
    is_foreign boolean DEFAULT false NOT NULL,
    is_refund boolean DEFAULT false NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE terminal_batch_message (
    id uuid NOT NULL,
    batch_id uuid NOT NULL,
    message_class text NOT NULL,
    trace text NOT NULL,
    rrn character(12) NOT NULL,
    answered_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE terminal_difference (
    id uuid NOT NULL,
    batch_id uuid NOT NULL,
    merchant_id uuid NOT NULL,
    kind text NOT NULL,
    trace text NOT NULL,
    operation_id uuid,
    own_minor bigint,
    terminal_minor bigint,
    card_mask text DEFAULT ''::text NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    found_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL
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
CREATE TABLE user_password (
    id uuid NOT NULL,
    hash text NOT NULL,
    past text[] DEFAULT '{}'::text[] NOT NULL,
    must_change boolean NOT NULL,
    good_until timestamp with time zone,
    wrong_tries integer DEFAULT 0 NOT NULL,
    locked_until timestamp with time zone,
    changed_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE user_permission (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    permission_id uuid NOT NULL,
    effect text NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE user_role (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    role_id uuid NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE user_session (
    id uuid NOT NULL,
    token_hash bytea NOT NULL,
    user_id uuid NOT NULL,
    password_version integer NOT NULL,
    source text NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    idle_until timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone
);
CREATE TABLE user_totp (
    id uuid NOT NULL,
    secret_sealed bytea NOT NULL,
    state text NOT NULL,
    last_step bigint DEFAULT 0 NOT NULL,
    recovery bytea[] DEFAULT '{}'::bytea[] NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE withdrawal_password (
    id uuid NOT NULL,
    hash text NOT NULL,
    wrong_tries integer DEFAULT 0 NOT NULL,
    locked_until timestamp with time zone,
    changed_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE TABLE journal_batch_default PARTITION OF journal_batch DEFAULT;
CREATE TABLE journal_event_default PARTITION OF journal_event DEFAULT;
CREATE TABLE journal_key_0 PARTITION OF journal_key FOR VALUES WITH (modulus 8, remainder 0);
CREATE TABLE journal_key_1 PARTITION OF journal_key FOR VALUES WITH (modulus 8, remainder 1);
CREATE TABLE journal_key_2 PARTITION OF journal_key FOR VALUES WITH (modulus 8, remainder 2);
CREATE TABLE journal_key_3 PARTITION OF journal_key FOR VALUES WITH (modulus 8, remainder 3);
CREATE TABLE journal_key_4 PARTITION OF journal_key FOR VALUES WITH (modulus 8, remainder 4);
CREATE TABLE journal_key_5 PARTITION OF journal_key FOR VALUES WITH (modulus 8, remainder 5);
CREATE TABLE journal_key_6 PARTITION OF journal_key FOR VALUES WITH (modulus 8, remainder 6);
CREATE TABLE journal_key_7 PARTITION OF journal_key FOR VALUES WITH (modulus 8, remainder 7);
CREATE TABLE ledger_entry_default PARTITION OF ledger_entry DEFAULT;
CREATE TABLE ledger_transfer_default PARTITION OF ledger_transfer DEFAULT;
ALTER TABLE access_user ADD CONSTRAINT access_user_pkey PRIMARY KEY (id);
ALTER TABLE access_user ADD CONSTRAINT access_user_kind_check CHECK ((kind = ANY (ARRAY['operator'::text, 'merchant'::text, 'agent'::text, 'member'::text])));
ALTER TABLE access_user ADD CONSTRAINT access_user_login_check CHECK ((login ~ '^[a-z0-9][a-z0-9._@-]{1,63}$'::text));
ALTER TABLE access_user ADD CONSTRAINT access_user_login_key UNIQUE (login);
ALTER TABLE access_user ADD CONSTRAINT access_user_state_check CHECK ((state = ANY (ARRAY['active'::text, 'locked'::text, 'closed'::text])));
ALTER TABLE api_key ADD CONSTRAINT api_key_pkey PRIMARY KEY (id);
ALTER TABLE api_key ADD CONSTRAINT api_key_algorithm_check CHECK ((algorithm = ANY (ARRAY['ed25519'::text, 'rsa-pss-sha512'::text, 'ecdsa-p256-sha256'::text, 'hmac-sha256'::text])));
ALTER TABLE api_key ADD CONSTRAINT api_key_check CHECK (((algorithm = 'hmac-sha256'::text) = (secret IS NOT NULL)));
ALTER TABLE api_key ADD CONSTRAINT api_key_check1 CHECK (((algorithm = 'hmac-sha256'::text) = (public_key IS NULL)));
ALTER TABLE api_key ADD CONSTRAINT api_key_keyid_check CHECK ((keyid ~ '^[A-Za-z0-9._:-]{1,64}$'::text));
ALTER TABLE api_key ADD CONSTRAINT api_key_keyid_key UNIQUE (keyid);
ALTER TABLE api_key ADD CONSTRAINT api_key_state_check CHECK ((state = ANY (ARRAY['active'::text, 'revoked'::text])));
ALTER TABLE api_key_permission ADD CONSTRAINT api_key_permission_pkey PRIMARY KEY (id);
ALTER TABLE api_key_permission ADD CONSTRAINT api_key_permission_key_id_permission_id_key UNIQUE (key_id, permission_id);
ALTER TABLE bank_card ADD CONSTRAINT bank_card_pkey PRIMARY KEY (id);
ALTER TABLE bank_card ADD CONSTRAINT bank_card_mask_check CHECK ((mask ~ '\*'::text));
ALTER TABLE bank_card ADD CONSTRAINT bank_card_number_check CHECK (((number >= 1) AND (number <= 99)));
ALTER TABLE bank_card ADD CONSTRAINT bank_card_party_id_number_key UNIQUE (party_id, number);
ALTER TABLE bank_card ADD CONSTRAINT bank_card_state_check CHECK ((state = ANY (ARRAY['bound'::text, 'unbound'::text])));
ALTER TABLE batch_schedule ADD CONSTRAINT batch_schedule_pkey PRIMARY KEY (id);
ALTER TABLE batch_schedule ADD CONSTRAINT batch_schedule_after_loss_check CHECK ((after_loss = ANY (ARRAY['resume'::text, 'wait'::text])));
ALTER TABLE batch_schedule ADD CONSTRAINT batch_schedule_catch_up_check CHECK ((catch_up = ANY (ARRAY['once'::text, 'skip'::text])));
ALTER TABLE batch_schedule ADD CONSTRAINT batch_schedule_check CHECK (((cron = ''::text) = (once_at IS NOT NULL)));
ALTER TABLE batch_schedule ADD CONSTRAINT batch_schedule_check1 CHECK (((state = 'active'::text) = (next_at IS NOT NULL)));
ALTER TABLE batch_schedule ADD CONSTRAINT batch_schedule_chunk_size_check CHECK (((chunk_size >= 1) AND (chunk_size <= 2000)));
ALTER TABLE batch_schedule ADD CONSTRAINT batch_schedule_concurrency_check CHECK (((concurrency >= 1) AND (concurrency <= 256)));
ALTER TABLE batch_schedule ADD CONSTRAINT batch_schedule_state_check CHECK ((state = ANY (ARRAY['active'::text, 'paused'::text, 'ended'::text])));
ALTER TABLE batch_task ADD CONSTRAINT batch_task_pkey PRIMARY KEY (id);
ALTER TABLE batch_task ADD CONSTRAINT batch_task_after_loss_check CHECK ((after_loss = ANY (ARRAY['resume'::text, 'wait'::text])));
ALTER TABLE batch_task ADD CONSTRAINT batch_task_check CHECK ((rows_read = ((stored + skipped) + failed)));
ALTER TABLE batch_task ADD CONSTRAINT batch_task_chunk_size_check CHECK (((chunk_size >= 1) AND (chunk_size <= 2000)));
ALTER TABLE batch_task ADD CONSTRAINT batch_task_concurrency_check CHECK (((concurrency >= 1) AND (concurrency <= 256)));
ALTER TABLE batch_task ADD CONSTRAINT batch_task_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'running'::text, 'interrupted'::text, 'failed'::text, 'done'::text, 'cancelled'::text])));
ALTER TABLE batch_task_chunk ADD CONSTRAINT batch_task_chunk_pkey PRIMARY KEY (id);
ALTER TABLE batch_task_chunk ADD CONSTRAINT batch_task_chunk_task_id_run_number_key UNIQUE (task_id, run, number);
ALTER TABLE batch_task_row ADD CONSTRAINT batch_task_row_pkey PRIMARY KEY (id);
ALTER TABLE batch_task_row ADD CONSTRAINT batch_task_row_task_id_run_chunk_place_key UNIQUE (task_id, run, chunk, place);
ALTER TABLE channel ADD CONSTRAINT channel_pkey PRIMARY KEY (id);
ALTER TABLE channel ADD CONSTRAINT channel_code_key UNIQUE (code);
ALTER TABLE channel ADD CONSTRAINT channel_communication_check CHECK ((communication = ANY (ARRAY['realtime'::text, 'batch_interface'::text, 'batch_file'::text])));
ALTER TABLE channel ADD CONSTRAINT channel_state_check CHECK ((state = ANY (ARRAY['on'::text, 'off'::text])));
ALTER TABLE channel_opening ADD CONSTRAINT channel_opening_pkey PRIMARY KEY (id);
ALTER TABLE channel_opening ADD CONSTRAINT channel_opening_merchant_id_channel_id_key UNIQUE (merchant_id, channel_id);
ALTER TABLE channel_opening ADD CONSTRAINT channel_opening_state_check CHECK ((state = ANY (ARRAY['on'::text, 'off'::text])));
ALTER TABLE delegation ADD CONSTRAINT delegation_pkey PRIMARY KEY (id);
ALTER TABLE delegation ADD CONSTRAINT delegation_check CHECK (((taker <> ''::text) AND (taker <> giver)));
ALTER TABLE delegation ADD CONSTRAINT delegation_check1 CHECK ((until_at > from_at));
ALTER TABLE delegation ADD CONSTRAINT delegation_giver_check CHECK ((giver <> ''::text));
ALTER TABLE delegation ADD CONSTRAINT delegation_kinds_check CHECK ((cardinality(kinds) > 0));
ALTER TABLE dictionary_word ADD CONSTRAINT dictionary_word_pkey PRIMARY KEY (id);
ALTER TABLE dictionary_word ADD CONSTRAINT dictionary_word_code_check CHECK ((code <> ''::text));
ALTER TABLE dictionary_word ADD CONSTRAINT dictionary_word_dictionary_check CHECK ((dictionary ~ '^[a-z][a-z0-9_]{0,39}$'::text));
ALTER TABLE dictionary_word ADD CONSTRAINT dictionary_word_dictionary_code_key UNIQUE (dictionary, code);
ALTER TABLE dictionary_word ADD CONSTRAINT dictionary_word_state_check CHECK ((state = ANY (ARRAY['active'::text, 'retired'::text])));
ALTER TABLE dictionary_word ADD CONSTRAINT dictionary_word_text_en_check CHECK ((text_en <> ''::text));
ALTER TABLE dictionary_word ADD CONSTRAINT dictionary_word_text_zh_check CHECK ((text_zh <> ''::text));
ALTER TABLE difference ADD CONSTRAINT difference_pkey PRIMARY KEY (id);
ALTER TABLE difference ADD CONSTRAINT difference_kind_check CHECK ((kind = ANY (ARRAY['amount_differs'::text, 'status_differs'::text, 'unknown_to_us'::text, 'duplicate_at_bank'::text, 'missing_at_bank'::text])));
ALTER TABLE difference ADD CONSTRAINT difference_state_check CHECK ((state = ANY (ARRAY['open'::text, 'resolved'::text])));
ALTER TABLE edit_nonce ADD CONSTRAINT edit_nonce_pkey PRIMARY KEY (scope, name);
ALTER TABLE error_text ADD CONSTRAINT error_text_pkey PRIMARY KEY (id);
ALTER TABLE error_text ADD CONSTRAINT error_text_channel_check CHECK ((channel <> ''::text));
ALTER TABLE error_text ADD CONSTRAINT error_text_channel_code_key UNIQUE (channel, code);
ALTER TABLE error_text ADD CONSTRAINT error_text_code_check CHECK ((code <> ''::text));
ALTER TABLE error_text ADD CONSTRAINT error_text_reason_check CHECK ((reason ~ '^[a-z_]+$'::text));
ALTER TABLE error_text ADD CONSTRAINT error_text_state_check CHECK ((state = ANY (ARRAY['active'::text, 'retired'::text])));
ALTER TABLE error_text ADD CONSTRAINT error_text_text_en_check CHECK ((text_en <> ''::text));
ALTER TABLE error_text ADD CONSTRAINT error_text_text_zh_check CHECK ((text_zh <> ''::text));
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
ALTER TABLE file_piece ADD CONSTRAINT file_piece_pkey PRIMARY KEY (content_id, place);
ALTER TABLE file_spool ADD CONSTRAINT file_spool_pkey PRIMARY KEY (content_id);
ALTER TABLE file_template ADD CONSTRAINT file_template_pkey PRIMARY KEY (id);
ALTER TABLE file_template ADD CONSTRAINT file_template_channel_kind_kind_number_key UNIQUE (channel_kind, kind, number);
ALTER TABLE file_template ADD CONSTRAINT file_template_number_check CHECK ((number > 0));
ALTER TABLE file_template ADD CONSTRAINT file_template_sha256_check CHECK ((length(sha256) = 32));
ALTER TABLE file_template ADD CONSTRAINT file_template_state_check CHECK ((state = ANY (ARRAY['draft'::text, 'active'::text, 'retired'::text])));
ALTER TABLE generation ADD CONSTRAINT generation_pkey PRIMARY KEY (name);
ALTER TABLE generation ADD CONSTRAINT generation_number_check CHECK ((number > 0));
ALTER TABLE instruction ADD CONSTRAINT instruction_pkey PRIMARY KEY (id);
ALTER TABLE instruction ADD CONSTRAINT instruction_amount_minor_check CHECK ((amount_minor >= 0));
ALTER TABLE instruction ADD CONSTRAINT instruction_ask_check CHECK ((ask = ANY (ARRAY['pay'::text, 'void'::text, 'refund'::text, 'reverse'::text, 'payout'::text, 'authorise'::text, 'release'::text, 'complete'::text])));
ALTER TABLE instruction ADD CONSTRAINT instruction_communication_check CHECK ((communication = ANY (ARRAY['waiting'::text, 'in_file'::text, 'sending'::text, 'sent'::text, 'acknowledged'::text, 'answered'::text, 'no_answer'::text, 'send_failed'::text])));
ALTER TABLE instruction ADD CONSTRAINT instruction_number_key UNIQUE (number);
ALTER TABLE instruction ADD CONSTRAINT instruction_owner_kind_check CHECK ((owner_kind = ANY (ARRAY['operation'::text, 'payout'::text])));
ALTER TABLE instruction ADD CONSTRAINT instruction_result_check CHECK ((result = ANY (ARRAY['unchecked'::text, 'matched'::text, 'amount_differs'::text, 'status_differs'::text, 'missing_at_bank'::text])));
ALTER TABLE instruction ADD CONSTRAINT instruction_state_check CHECK ((state = ANY (ARRAY['created'::text, 'routed'::text, 'sent'::text, 'success'::text, 'failed'::text, 'unknown'::text, 'cancelled'::text])));
ALTER TABLE interception_rule ADD CONSTRAINT interception_rule_pkey PRIMARY KEY (id);
ALTER TABLE interception_rule ADD CONSTRAINT interception_rule_check CHECK (((daily_from IS NULL) = (daily_until IS NULL)));
ALTER TABLE interception_rule ADD CONSTRAINT interception_rule_check1 CHECK (((method <> ''::text) OR (path <> ''::text) OR (source <> ''::text) OR (caller <> ''::text)));
ALTER TABLE interception_rule ADD CONSTRAINT interception_rule_code_check CHECK ((code ~ '^[a-z][a-z0-9_.-]{0,63}$'::text));
ALTER TABLE interception_rule ADD CONSTRAINT interception_rule_code_key UNIQUE (code);
ALTER TABLE interception_rule ADD CONSTRAINT interception_rule_daily_from_check CHECK (((daily_from >= 0) AND (daily_from <= 1439)));
ALTER TABLE interception_rule ADD CONSTRAINT interception_rule_daily_until_check CHECK (((daily_until >= 0) AND (daily_until <= 1440)));
ALTER TABLE interception_rule ADD CONSTRAINT interception_rule_why_check CHECK ((why <> ''::text));
ALTER TABLE journal_batch ADD CONSTRAINT journal_batch_pkey PRIMARY KEY (book, seq);
ALTER TABLE journal_batch ADD CONSTRAINT journal_batch_hash_check CHECK ((length(hash) = 32));
ALTER TABLE journal_batch ADD CONSTRAINT journal_batch_prev_hash_check CHECK ((length(prev_hash) = 32));
ALTER TABLE journal_close ADD CONSTRAINT journal_close_pkey PRIMARY KEY (book, day);
ALTER TABLE journal_close ADD CONSTRAINT journal_close_book_seq_key UNIQUE (book, seq);
ALTER TABLE journal_close ADD CONSTRAINT journal_close_public_key_check CHECK ((length(public_key) = 32));
ALTER TABLE journal_close ADD CONSTRAINT journal_close_signature_check CHECK ((length(signature) = 64));
ALTER TABLE journal_close_draft ADD CONSTRAINT journal_close_draft_pkey PRIMARY KEY (book, day);
ALTER TABLE journal_close_draft ADD CONSTRAINT journal_close_draft_check CHECK ((reached_seq <= seq));
ALTER TABLE journal_counter ADD CONSTRAINT journal_counter_pkey PRIMARY KEY (scope, name);
ALTER TABLE journal_event ADD CONSTRAINT journal_event_pkey PRIMARY KEY (book, seq, place, line);
ALTER TABLE journal_event ADD CONSTRAINT journal_event_check CHECK (((told IS NULL) = (line > 1)));
ALTER TABLE journal_event ADD CONSTRAINT journal_event_told_check CHECK ((length(told) = ANY (ARRAY[32, 48])));
ALTER TABLE journal_head ADD CONSTRAINT journal_head_pkey PRIMARY KEY (book);
ALTER TABLE journal_head ADD CONSTRAINT journal_head_hash_check CHECK ((length(hash) = 32));
ALTER TABLE journal_key ADD CONSTRAINT journal_key_pkey PRIMARY KEY (scope, name);
ALTER TABLE journal_poison ADD CONSTRAINT journal_poison_pkey PRIMARY KEY (id);
ALTER TABLE key_ceremony ADD CONSTRAINT key_ceremony_pkey PRIMARY KEY (id);
ALTER TABLE key_ceremony ADD CONSTRAINT key_ceremony_check CHECK (((placed >= 0) AND (placed <= parts)));
ALTER TABLE key_ceremony ADD CONSTRAINT key_ceremony_check1 CHECK ((expires_at > started_at));
ALTER TABLE key_ceremony ADD CONSTRAINT key_ceremony_check2 CHECK (((state = 'open'::text) OR ((block = ''::text) AND (key = ''::text))));
ALTER TABLE key_ceremony ADD CONSTRAINT key_ceremony_cipher_check CHECK ((cipher = ANY (ARRAY['triple_des'::text, 'aes'::text, 'sm4'::text])));
ALTER TABLE key_ceremony ADD CONSTRAINT key_ceremony_kind_check CHECK ((kind = ANY (ARRAY['terminal_master'::text, 'zone_master'::text, 'base_derivation'::text, 'transport'::text])));
ALTER TABLE key_ceremony ADD CONSTRAINT key_ceremony_parts_check CHECK (((parts >= 2) AND (parts <= 9)));
ALTER TABLE key_ceremony ADD CONSTRAINT key_ceremony_purpose_check CHECK ((purpose = ANY (ARRAY['entry'::text, 'slips'::text])));
ALTER TABLE key_ceremony ADD CONSTRAINT key_ceremony_started_by_check CHECK ((started_by <> ''::text));
ALTER TABLE key_ceremony ADD CONSTRAINT key_ceremony_state_check CHECK ((state = ANY (ARRAY['open'::text, 'done'::text, 'cancelled'::text, 'expired'::text])));
ALTER TABLE key_ceremony ADD CONSTRAINT key_ceremony_target_check CHECK ((target ~ '^(name|terminal):.+$'::text));
ALTER TABLE key_ceremony ADD CONSTRAINT key_ceremony_why_check CHECK ((why <> ''::text));
ALTER TABLE key_part ADD CONSTRAINT key_part_pkey PRIMARY KEY (id);
ALTER TABLE key_part ADD CONSTRAINT key_part_ceremony_id_person_key UNIQUE (ceremony_id, person);
ALTER TABLE key_part ADD CONSTRAINT key_part_ceremony_id_place_key UNIQUE (ceremony_id, place);
ALTER TABLE key_part ADD CONSTRAINT key_part_check_value_check CHECK ((check_value ~ '^[0-9A-F]{8}$'::text));
ALTER TABLE key_part ADD CONSTRAINT key_part_person_check CHECK ((person <> ''::text));
ALTER TABLE key_part ADD CONSTRAINT key_part_place_check CHECK ((place > 0));
ALTER TABLE ledger_account ADD CONSTRAINT ledger_account_pkey PRIMARY KEY (id);
ALTER TABLE ledger_account ADD CONSTRAINT ledger_account_party_unit_purpose_item_key UNIQUE (party, unit, purpose, item);
ALTER TABLE ledger_account ADD CONSTRAINT ledger_account_unit_check CHECK ((unit <> ''::text));
ALTER TABLE ledger_entry ADD CONSTRAINT ledger_entry_pkey PRIMARY KEY (transfer_id, account_id);
ALTER TABLE ledger_entry ADD CONSTRAINT ledger_entry_amount_minor_check CHECK ((amount_minor <> 0));
ALTER TABLE ledger_entry ADD CONSTRAINT ledger_entry_version_check CHECK ((version > 0));
ALTER TABLE ledger_hold ADD CONSTRAINT ledger_hold_pkey PRIMARY KEY (id);
ALTER TABLE ledger_hold ADD CONSTRAINT ledger_hold_amount_minor_check CHECK ((amount_minor > 0));
ALTER TABLE ledger_hold ADD CONSTRAINT ledger_hold_check CHECK (((rest_minor >= 0) AND (rest_minor <= amount_minor)));
ALTER TABLE ledger_hold ADD CONSTRAINT ledger_hold_check1 CHECK (((state = 'open'::text) = (rest_minor > 0)));
ALTER TABLE ledger_hold ADD CONSTRAINT ledger_hold_state_check CHECK ((state = ANY (ARRAY['open'::text, 'posted'::text, 'voided'::text, 'expired'::text])));
ALTER TABLE ledger_horizon ADD CONSTRAINT ledger_horizon_pkey PRIMARY KEY (is_only);
ALTER TABLE ledger_horizon ADD CONSTRAINT ledger_horizon_is_only_check CHECK (is_only);
ALTER TABLE ledger_snapshot ADD CONSTRAINT ledger_snapshot_pkey PRIMARY KEY (account_id, booked_on);
ALTER TABLE ledger_snapshot_day ADD CONSTRAINT ledger_snapshot_day_pkey PRIMARY KEY (book, booked_on);
ALTER TABLE ledger_snapshot_day ADD CONSTRAINT ledger_snapshot_day_check CHECK ((reached_seq <= seq));
ALTER TABLE ledger_transfer ADD CONSTRAINT ledger_transfer_pkey PRIMARY KEY (id);
ALTER TABLE login_event ADD CONSTRAINT login_event_pkey PRIMARY KEY (id);
ALTER TABLE login_event ADD CONSTRAINT login_event_check CHECK (((user_id IS NULL) = (party_id IS NULL)));
ALTER TABLE login_source ADD CONSTRAINT login_source_pkey PRIMARY KEY (source);
ALTER TABLE menu_entry ADD CONSTRAINT menu_entry_pkey PRIMARY KEY (id);
ALTER TABLE menu_entry ADD CONSTRAINT menu_entry_check CHECK ((parent_id <> id));
ALTER TABLE menu_entry ADD CONSTRAINT menu_entry_code_check CHECK ((code ~ '^[a-z][a-z0-9_.-]{0,63}$'::text));
ALTER TABLE menu_entry ADD CONSTRAINT menu_entry_code_key UNIQUE (code);
ALTER TABLE merchant ADD CONSTRAINT merchant_pkey PRIMARY KEY (id);
ALTER TABLE merchant ADD CONSTRAINT merchant_number_check CHECK ((number ~ '^[0-9A-Za-z]{15}$'::text));
ALTER TABLE merchant ADD CONSTRAINT merchant_number_key UNIQUE (number);
ALTER TABLE merchant ADD CONSTRAINT merchant_ripening_check CHECK ((ripening ~ '^(at_once|batch_settled|channel_paid|after_days:[1-9][0-9]{0,2})$'::text));
ALTER TABLE merchant ADD CONSTRAINT merchant_state_check CHECK ((state = ANY (ARRAY['draft'::text, 'review'::text, 'open'::text, 'suspended'::text, 'closed'::text])));
ALTER TABLE merchant_document ADD CONSTRAINT merchant_document_pkey PRIMARY KEY (id);
ALTER TABLE merchant_document ADD CONSTRAINT merchant_document_file_digest_check CHECK ((file_digest ~ '^[0-9a-f]{64}$'::text));
ALTER TABLE merchant_document ADD CONSTRAINT merchant_document_kind_check CHECK ((kind = ANY (ARRAY['business_licence'::text, 'identity_card'::text, 'account_permit'::text, 'premises_proof'::text, 'agreement'::text])));
ALTER TABLE merchant_document ADD CONSTRAINT merchant_document_number_mask_check CHECK ((number_mask ~ '\*'::text));
ALTER TABLE merchant_document ADD CONSTRAINT merchant_document_state_check CHECK ((state = ANY (ARRAY['held'::text, 'retired'::text])));
ALTER TABLE merchant_profile ADD CONSTRAINT merchant_profile_pkey PRIMARY KEY (id);
ALTER TABLE merchant_profile ADD CONSTRAINT merchant_profile_kind_check CHECK ((kind = ANY (ARRAY['enterprise'::text, 'sole_trader'::text, 'micro'::text])));
ALTER TABLE merchant_profile ADD CONSTRAINT merchant_profile_mcc_check CHECK ((mcc ~ '^([0-9]{4})?$'::text));
ALTER TABLE named_key ADD CONSTRAINT named_key_pkey PRIMARY KEY (name, number);
ALTER TABLE named_key ADD CONSTRAINT named_key_block_check CHECK ((block ~ '^[D1][0-9]{4}[0-9A-Za-z]+$'::text));
ALTER TABLE named_key ADD CONSTRAINT named_key_created_by_check CHECK ((created_by <> ''::text));
ALTER TABLE named_key ADD CONSTRAINT named_key_id_key UNIQUE (id);
ALTER TABLE named_key ADD CONSTRAINT named_key_kind_check CHECK ((kind = ANY (ARRAY['terminal_master'::text, 'mac'::text, 'pin'::text, 'data'::text, 'signing'::text, 'zone_master'::text, 'zone_pin'::text, 'base_derivation'::text, 'transport'::text])));
ALTER TABLE named_key ADD CONSTRAINT named_key_name_check CHECK ((name <> ''::text));
ALTER TABLE named_key ADD CONSTRAINT named_key_number_check CHECK ((number > 0));
ALTER TABLE operation ADD CONSTRAINT operation_pkey PRIMARY KEY (id);
ALTER TABLE operation ADD CONSTRAINT operation_amount_minor_check CHECK ((amount_minor >= 0));
ALTER TABLE operation ADD CONSTRAINT operation_check CHECK (((rest_minor >= 0) AND (rest_minor <= amount_minor)));
ALTER TABLE operation ADD CONSTRAINT operation_check1 CHECK (((reversed_minor >= 0) AND (reversed_minor <= amount_minor)));
ALTER TABLE operation ADD CONSTRAINT operation_kind_check CHECK ((kind = ANY (ARRAY['purchase'::text, 'void'::text, 'refund'::text, 'reversal'::text, 'preauthorisation'::text, 'preauthorisation_void'::text, 'completion'::text, 'completion_void'::text])));
ALTER TABLE operation ADD CONSTRAINT operation_state_check CHECK ((state = ANY (ARRAY['created'::text, 'sent'::text, 'approved'::text, 'declined'::text, 'unknown'::text, 'reversing'::text, 'reversed'::text, 'held'::text, 'completed'::text, 'released'::text, 'expired'::text])));
ALTER TABLE parameter_value ADD CONSTRAINT parameter_value_pkey PRIMARY KEY (id);
ALTER TABLE parameter_value ADD CONSTRAINT parameter_value_code_check CHECK ((code ~ '^[a-z_]+(\.[a-z_]+)+$'::text));
ALTER TABLE parameter_value ADD CONSTRAINT parameter_value_code_party_id_key UNIQUE NULLS NOT DISTINCT (code, party_id);
ALTER TABLE parameter_value ADD CONSTRAINT parameter_value_value_check CHECK ((jsonb_typeof(value) = ANY (ARRAY['number'::text, 'boolean'::text, 'string'::text])));
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
ALTER TABLE permission_item ADD CONSTRAINT permission_item_pkey PRIMARY KEY (id);
ALTER TABLE permission_item ADD CONSTRAINT permission_item_code_check CHECK ((code ~ '^[a-z][a-z0-9-]*:[a-z][a-z0-9-]*$'::text));
ALTER TABLE permission_item ADD CONSTRAINT permission_item_code_key UNIQUE (code);
ALTER TABLE profit_entry ADD CONSTRAINT profit_entry_pkey PRIMARY KEY (id);
ALTER TABLE profit_entry ADD CONSTRAINT profit_entry_amount_minor_check CHECK ((amount_minor >= 0));
ALTER TABLE profit_entry ADD CONSTRAINT profit_entry_transaction_id_place_key UNIQUE (transaction_id, place);
ALTER TABLE proposal ADD CONSTRAINT proposal_pkey PRIMARY KEY (id);
ALTER TABLE proposal ADD CONSTRAINT proposal_check CHECK ((expires_at > proposed_at));
ALTER TABLE proposal ADD CONSTRAINT proposal_check1 CHECK (((state = 'proposed'::text) = (decided_at IS NULL)));
ALTER TABLE proposal ADD CONSTRAINT proposal_check2 CHECK (((state <> 'approved'::text) OR (decided_by <> proposed_by)));
ALTER TABLE proposal ADD CONSTRAINT proposal_digest_check CHECK ((digest ~ '^[0-9a-f]{64}$'::text));
ALTER TABLE proposal ADD CONSTRAINT proposal_kind_check CHECK ((kind ~ '^[a-z_]+(\.[a-z_]+)*$'::text));
ALTER TABLE proposal ADD CONSTRAINT proposal_proposed_by_check CHECK ((proposed_by <> ''::text));
ALTER TABLE proposal ADD CONSTRAINT proposal_state_check CHECK ((state = ANY (ARRAY['proposed'::text, 'approved'::text, 'refused'::text, 'expired'::text, 'withdrawn'::text])));
ALTER TABLE proposal ADD CONSTRAINT proposal_subject_version_check CHECK ((subject_version >= 0));
ALTER TABLE proposal ADD CONSTRAINT proposal_why_check CHECK ((why <> ''::text));
ALTER TABLE raw_transaction ADD CONSTRAINT raw_transaction_pkey PRIMARY KEY (id);
ALTER TABLE raw_transaction ADD CONSTRAINT raw_transaction_check CHECK (((rule_version IS NULL) = (no_profit <> ''::text)));
ALTER TABLE raw_transaction ADD CONSTRAINT raw_transaction_check1 CHECK (((rule_version IS NOT NULL) OR (profit_minor = 0)));
ALTER TABLE raw_transaction ADD CONSTRAINT raw_transaction_no_profit_check CHECK ((no_profit = ANY (ARRAY[''::text, 'no_rule'::text, 'not_successful'::text])));
ALTER TABLE raw_transaction ADD CONSTRAINT raw_transaction_source_id_row_id_key UNIQUE (source_id, row_id);
ALTER TABLE record_edit ADD CONSTRAINT record_edit_pkey PRIMARY KEY (id);
ALTER TABLE record_edit ADD CONSTRAINT record_edit_who_check CHECK ((who <> ''::text));
ALTER TABLE record_edit ADD CONSTRAINT record_edit_why_check CHECK ((why <> ''::text));
ALTER TABLE record_edit_line ADD CONSTRAINT record_edit_line_pkey PRIMARY KEY (edit_id, place);
ALTER TABLE record_edit_line ADD CONSTRAINT record_edit_line_check CHECK (((before IS NOT NULL) OR (after IS NOT NULL)));
ALTER TABLE refused_message ADD CONSTRAINT refused_message_pkey PRIMARY KEY (id);
ALTER TABLE refused_message ADD CONSTRAINT refused_message_byte_place_check CHECK ((byte_place >= 0));
ALTER TABLE refused_message ADD CONSTRAINT refused_message_check CHECK ((last_at >= first_at));
ALTER TABLE refused_message ADD CONSTRAINT refused_message_code_check CHECK ((code ~ '^([0-9A-Z]{2})?$'::text));
ALTER TABLE refused_message ADD CONSTRAINT refused_message_count_check CHECK ((count > 0));
ALTER TABLE refused_message ADD CONSTRAINT refused_message_dialect_source_terminal_mti_code_field_why_key UNIQUE (dialect, source, terminal, mti, code, field, why);
ALTER TABLE refused_message ADD CONSTRAINT refused_message_field_check CHECK (((field >= 0) AND (field <= 128)));
ALTER TABLE refused_message ADD CONSTRAINT refused_message_mti_check CHECK ((mti ~ '^([0-9]{4})?$'::text));
ALTER TABLE refused_message ADD CONSTRAINT refused_message_shape_check CHECK ((shape ~ '^[na_0#]{0,64}$'::text));
ALTER TABLE refused_message ADD CONSTRAINT refused_message_size_bytes_check CHECK ((size_bytes >= 0));
ALTER TABLE remote_source ADD CONSTRAINT remote_source_pkey PRIMARY KEY (id);
ALTER TABLE remote_source ADD CONSTRAINT remote_source_address_check CHECK ((address ~~ 'https://%'::text));
ALTER TABLE remote_source ADD CONSTRAINT remote_source_code_check CHECK ((code ~ '^[a-z0-9][a-z0-9._-]{0,39}$'::text));
ALTER TABLE remote_source ADD CONSTRAINT remote_source_code_key UNIQUE (code);
ALTER TABLE remote_source ADD CONSTRAINT remote_source_page_most_check CHECK (((page_most >= 1) AND (page_most <= 5000)));
ALTER TABLE remote_source ADD CONSTRAINT remote_source_state_check CHECK ((state = ANY (ARRAY['active'::text, 'closed'::text])));
ALTER TABLE role ADD CONSTRAINT role_pkey PRIMARY KEY (id);
ALTER TABLE role ADD CONSTRAINT role_code_check CHECK ((code ~ '^[a-z][a-z0-9_]{0,63}$'::text));
ALTER TABLE role ADD CONSTRAINT role_code_key UNIQUE (code);
ALTER TABLE role_permission ADD CONSTRAINT role_permission_pkey PRIMARY KEY (id);
ALTER TABLE role_permission ADD CONSTRAINT role_permission_role_id_permission_id_key UNIQUE (role_id, permission_id);
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
ALTER TABLE shop ADD CONSTRAINT shop_pkey PRIMARY KEY (id);
ALTER TABLE terminal ADD CONSTRAINT terminal_pkey PRIMARY KEY (id);
ALTER TABLE terminal ADD CONSTRAINT terminal_batch_no_check CHECK ((batch_no ~ '^[0-9]{6}$'::text));
ALTER TABLE terminal ADD CONSTRAINT terminal_batch_state_check CHECK ((batch_state = ANY (ARRAY['open'::text, 'closed'::text, 'settled'::text])));
ALTER TABLE terminal ADD CONSTRAINT terminal_dialect_check CHECK ((dialect ~ '^[a-z0-9-]+$'::text));
ALTER TABLE terminal ADD CONSTRAINT terminal_number_check CHECK ((number ~ '^[0-9A-Za-z]{8}$'::text));
ALTER TABLE terminal ADD CONSTRAINT terminal_number_key UNIQUE (number);
ALTER TABLE terminal ADD CONSTRAINT terminal_state_check CHECK ((state = ANY (ARRAY['active'::text, 'locked'::text])));
ALTER TABLE terminal_batch ADD CONSTRAINT terminal_batch_pkey PRIMARY KEY (id);
ALTER TABLE terminal_batch ADD CONSTRAINT terminal_batch_number_check CHECK ((number ~ '^[0-9]{6}$'::text));
ALTER TABLE terminal_batch ADD CONSTRAINT terminal_batch_ripened_minor_check CHECK ((ripened_minor >= 0));
ALTER TABLE terminal_batch ADD CONSTRAINT terminal_batch_state_check1 CHECK ((state = ANY (ARRAY['closed'::text, 'ended'::text])));
ALTER TABLE terminal_batch_item ADD CONSTRAINT terminal_batch_item_pkey PRIMARY KEY (id);
ALTER TABLE terminal_batch_item ADD CONSTRAINT terminal_batch_item_amount_minor_check CHECK ((amount_minor >= 0));
ALTER TABLE terminal_batch_message ADD CONSTRAINT terminal_batch_message_pkey PRIMARY KEY (id);
ALTER TABLE terminal_difference ADD CONSTRAINT terminal_difference_pkey PRIMARY KEY (id);
ALTER TABLE terminal_difference ADD CONSTRAINT terminal_difference_kind_check CHECK ((kind = ANY (ARRAY['missing_at_us'::text, 'missing_at_terminal'::text, 'amount_differs'::text])));
ALTER TABLE terminal_difference ADD CONSTRAINT terminal_difference_state_check CHECK ((state = ANY (ARRAY['open'::text, 'resolved'::text])));
ALTER TABLE timer ADD CONSTRAINT timer_pkey PRIMARY KEY (kind, subject);
ALTER TABLE timer ADD CONSTRAINT timer_check CHECK (((state = 'taken'::text) = (lease_until IS NOT NULL)));
ALTER TABLE timer ADD CONSTRAINT timer_state_check CHECK ((state = ANY (ARRAY['armed'::text, 'taken'::text, 'parked'::text])));
ALTER TABLE user_password ADD CONSTRAINT user_password_pkey PRIMARY KEY (id);
ALTER TABLE user_password ADD CONSTRAINT user_password_hash_check CHECK ((hash ~~ '$argon2id$%'::text));
ALTER TABLE user_permission ADD CONSTRAINT user_permission_pkey PRIMARY KEY (id);
ALTER TABLE user_permission ADD CONSTRAINT user_permission_effect_check CHECK ((effect = ANY (ARRAY['grant'::text, 'deny'::text])));
ALTER TABLE user_permission ADD CONSTRAINT user_permission_user_id_permission_id_key UNIQUE (user_id, permission_id);
ALTER TABLE user_role ADD CONSTRAINT user_role_pkey PRIMARY KEY (id);
ALTER TABLE user_role ADD CONSTRAINT user_role_user_id_role_id_key UNIQUE (user_id, role_id);
ALTER TABLE user_session ADD CONSTRAINT user_session_pkey PRIMARY KEY (id);
ALTER TABLE user_session ADD CONSTRAINT user_session_token_hash_check CHECK ((length(token_hash) = 32));
ALTER TABLE user_session ADD CONSTRAINT user_session_token_hash_key UNIQUE (token_hash);
ALTER TABLE user_totp ADD CONSTRAINT user_totp_pkey PRIMARY KEY (id);
ALTER TABLE user_totp ADD CONSTRAINT user_totp_state_check CHECK ((state = ANY (ARRAY['proposed'::text, 'active'::text, 'off'::text])));
ALTER TABLE withdrawal_password ADD CONSTRAINT withdrawal_password_pkey PRIMARY KEY (id);
ALTER TABLE withdrawal_password ADD CONSTRAINT withdrawal_password_hash_check CHECK ((hash ~~ '$argon2id$%'::text));
ALTER TABLE access_user ADD CONSTRAINT access_user_party_id_fkey FOREIGN KEY (party_id) REFERENCES party(id);
ALTER TABLE api_key ADD CONSTRAINT api_key_party_id_fkey FOREIGN KEY (party_id) REFERENCES party(id);
ALTER TABLE api_key_permission ADD CONSTRAINT api_key_permission_key_id_fkey FOREIGN KEY (key_id) REFERENCES api_key(id);
ALTER TABLE api_key_permission ADD CONSTRAINT api_key_permission_permission_id_fkey FOREIGN KEY (permission_id) REFERENCES permission_item(id);
ALTER TABLE bank_card ADD CONSTRAINT bank_card_party_id_fkey FOREIGN KEY (party_id) REFERENCES party(id);
ALTER TABLE batch_task ADD CONSTRAINT batch_task_schedule_id_fkey FOREIGN KEY (schedule_id) REFERENCES batch_schedule(id);
ALTER TABLE batch_task_chunk ADD CONSTRAINT batch_task_chunk_task_id_fkey FOREIGN KEY (task_id) REFERENCES batch_task(id);
ALTER TABLE batch_task_row ADD CONSTRAINT batch_task_row_task_id_fkey FOREIGN KEY (task_id) REFERENCES batch_task(id);
ALTER TABLE channel ADD CONSTRAINT channel_id_fkey FOREIGN KEY (id) REFERENCES party(id);
ALTER TABLE channel ADD CONSTRAINT channel_settlement_party_fkey FOREIGN KEY (settlement_party) REFERENCES party(id);
ALTER TABLE channel_opening ADD CONSTRAINT channel_opening_channel_id_fkey FOREIGN KEY (channel_id) REFERENCES channel(id);
ALTER TABLE channel_opening ADD CONSTRAINT channel_opening_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES party(id);
ALTER TABLE delegation ADD CONSTRAINT delegation_party_id_fkey FOREIGN KEY (party_id) REFERENCES party(id);
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
ALTER TABLE key_part ADD CONSTRAINT key_part_ceremony_id_fkey FOREIGN KEY (ceremony_id) REFERENCES key_ceremony(id);
ALTER TABLE login_event ADD CONSTRAINT login_event_party_id_fkey FOREIGN KEY (party_id) REFERENCES party(id);
ALTER TABLE login_event ADD CONSTRAINT login_event_user_id_fkey FOREIGN KEY (user_id) REFERENCES access_user(id);
ALTER TABLE menu_entry ADD CONSTRAINT menu_entry_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES menu_entry(id);
ALTER TABLE menu_entry ADD CONSTRAINT menu_entry_permission_id_fkey FOREIGN KEY (permission_id) REFERENCES permission_item(id);
ALTER TABLE merchant ADD CONSTRAINT merchant_id_fkey FOREIGN KEY (id) REFERENCES party(id);
ALTER TABLE merchant_document ADD CONSTRAINT merchant_document_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES merchant(id);
ALTER TABLE merchant_profile ADD CONSTRAINT merchant_profile_id_fkey FOREIGN KEY (id) REFERENCES merchant(id);
ALTER TABLE parameter_value ADD CONSTRAINT parameter_value_party_id_fkey FOREIGN KEY (party_id) REFERENCES party(id);
ALTER TABLE party ADD CONSTRAINT party_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES party(id);
ALTER TABLE payout ADD CONSTRAINT payout_bank_card_id_fkey FOREIGN KEY (bank_card_id) REFERENCES bank_card(id);
ALTER TABLE payout ADD CONSTRAINT payout_party_id_fkey FOREIGN KEY (party_id) REFERENCES party(id);
ALTER TABLE proposal ADD CONSTRAINT proposal_party_id_fkey FOREIGN KEY (party_id) REFERENCES party(id);
ALTER TABLE record_edit_line ADD CONSTRAINT record_edit_line_edit_id_fkey FOREIGN KEY (edit_id) REFERENCES record_edit(id);
ALTER TABLE refused_message ADD CONSTRAINT refused_message_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES merchant(id);
ALTER TABLE role_permission ADD CONSTRAINT role_permission_permission_id_fkey FOREIGN KEY (permission_id) REFERENCES permission_item(id);
ALTER TABLE role_permission ADD CONSTRAINT role_permission_role_id_fkey FOREIGN KEY (role_id) REFERENCES role(id);
ALTER TABLE settle_bank_return_batch ADD CONSTRAINT settle_bank_return_batch_channel_id_fkey FOREIGN KEY (channel_id) REFERENCES channel(id);
ALTER TABLE settle_bank_return_batch ADD CONSTRAINT settle_bank_return_batch_file_id_fkey FOREIGN KEY (file_id) REFERENCES file(id);
ALTER TABLE shop ADD CONSTRAINT shop_id_fkey FOREIGN KEY (id) REFERENCES party(id);
ALTER TABLE shop ADD CONSTRAINT shop_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES merchant(id);
ALTER TABLE terminal ADD CONSTRAINT terminal_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES merchant(id);
ALTER TABLE terminal ADD CONSTRAINT terminal_shop_id_fkey FOREIGN KEY (shop_id) REFERENCES party(id);
ALTER TABLE terminal_batch ADD CONSTRAINT terminal_batch_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES merchant(id);
ALTER TABLE terminal_batch_item ADD CONSTRAINT terminal_batch_item_batch_id_fkey FOREIGN KEY (batch_id) REFERENCES terminal_batch(id);
ALTER TABLE terminal_batch_item ADD CONSTRAINT terminal_batch_item_message_id_fkey FOREIGN KEY (message_id) REFERENCES terminal_batch_message(id);
ALTER TABLE terminal_batch_message ADD CONSTRAINT terminal_batch_message_batch_id_fkey FOREIGN KEY (batch_id) REFERENCES terminal_batch(id);
ALTER TABLE terminal_difference ADD CONSTRAINT terminal_difference_batch_id_fkey FOREIGN KEY (batch_id) REFERENCES terminal_batch(id);
ALTER TABLE terminal_difference ADD CONSTRAINT terminal_difference_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES merchant(id);
ALTER TABLE user_password ADD CONSTRAINT user_password_id_fkey FOREIGN KEY (id) REFERENCES access_user(id);
ALTER TABLE user_permission ADD CONSTRAINT user_permission_permission_id_fkey FOREIGN KEY (permission_id) REFERENCES permission_item(id);
ALTER TABLE user_permission ADD CONSTRAINT user_permission_user_id_fkey FOREIGN KEY (user_id) REFERENCES access_user(id);
ALTER TABLE user_role ADD CONSTRAINT user_role_role_id_fkey FOREIGN KEY (role_id) REFERENCES role(id);
ALTER TABLE user_role ADD CONSTRAINT user_role_user_id_fkey FOREIGN KEY (user_id) REFERENCES access_user(id);
ALTER TABLE user_session ADD CONSTRAINT user_session_user_id_fkey FOREIGN KEY (user_id) REFERENCES access_user(id);
ALTER TABLE user_totp ADD CONSTRAINT user_totp_id_fkey FOREIGN KEY (id) REFERENCES access_user(id);
ALTER TABLE withdrawal_password ADD CONSTRAINT withdrawal_password_id_fkey FOREIGN KEY (id) REFERENCES party(id);
CREATE INDEX access_user_party ON public.access_user USING btree (party_id);
CREATE INDEX api_key_party ON public.api_key USING btree (party_id);
CREATE INDEX api_key_permission_item ON public.api_key_permission USING btree (permission_id);
CREATE UNIQUE INDEX bank_card_bound_once ON public.bank_card USING btree (party_id, fingerprint) WHERE (state = 'bound'::text);
CREATE INDEX bank_card_fingerprint ON public.bank_card USING btree (fingerprint);
CREATE INDEX batch_task_by_state ON public.batch_task USING btree (state, kind, id);
CREATE INDEX delegation_giver ON public.delegation USING btree (giver, id);
CREATE INDEX delegation_taker ON public.delegation USING btree (taker, until_at);
CREATE INDEX difference_batch ON public.difference USING btree (batch_id);
CREATE UNIQUE INDEX difference_line ON public.difference USING btree (line_id) WHERE (line_id IS NOT NULL);
CREATE UNIQUE INDEX difference_missing ON public.difference USING btree (instruction_id) WHERE ((kind = 'missing_at_bank'::text) AND (state = 'open'::text));
CREATE INDEX difference_open ON public.difference USING btree (channel_id, opened_at) WHERE (state = 'open'::text);
CREATE INDEX edit_nonce_expiry ON public.edit_nonce USING btree (expires_at);
CREATE INDEX file_answers ON public.file USING btree (answers_id) WHERE (answers_id IS NOT NULL);
CREATE INDEX file_channel ON public.file USING btree (channel_id, direction, day);
CREATE INDEX file_content ON public.file USING btree (content_id);
CREATE INDEX file_name_of ON public.file USING btree (channel_id, name);
CREATE UNIQUE INDEX file_template_active ON public.file_template USING btree (channel_kind, kind) WHERE (state = 'active'::text);
CREATE INDEX instruction_file ON public.instruction USING btree (file_id, number) WHERE (file_id IS NOT NULL);
CREATE INDEX instruction_open ON public.instruction USING btree (channel_id, communication) WHERE (communication = ANY (ARRAY['waiting'::text, 'in_file'::text, 'sending'::text, 'sent'::text, 'acknowledged'::text, 'no_answer'::text]));
CREATE INDEX instruction_original ON public.instruction USING btree (original_id) WHERE (original_id IS NOT NULL);
CREATE INDEX instruction_owner ON public.instruction USING btree (owner_id);
CREATE INDEX instruction_waiting ON public.instruction USING btree (channel_id, number) WHERE (communication = 'waiting'::text);
CREATE INDEX journal_batch_day ON ONLY public.journal_batch USING btree (book, booked_on, seq);
CREATE INDEX journal_batch_recorded ON ONLY public.journal_batch USING btree (book, recorded_at, seq);
CREATE UNIQUE INDEX journal_batch_default_id ON public.journal_batch_default USING btree (batch_id);
CREATE INDEX journal_event_closings ON ONLY public.journal_event USING btree (book, seq) WHERE (kind = 'day_closed'::text);
CREATE INDEX journal_event_subject ON ONLY public.journal_event USING btree (subject, seq);
CREATE INDEX journal_key_expiry ON ONLY public.journal_key USING btree (expires_at);
CREATE INDEX key_ceremony_open ON public.key_ceremony USING btree (expires_at) WHERE (state = 'open'::text);
CREATE INDEX ledger_account_opened ON public.ledger_account USING btree (book, seq);
CREATE UNIQUE INDEX ledger_entry_default_version ON public.ledger_entry_default USING btree (account_id, version);
CREATE INDEX ledger_hold_expiry ON public.ledger_hold USING btree (expires_at) WHERE ((state = 'open'::text) AND (expires_at IS NOT NULL));
CREATE INDEX ledger_hold_open ON public.ledger_hold USING btree (frozen_account_id) WHERE (state = 'open'::text);
CREATE INDEX ledger_hold_subject ON public.ledger_hold USING btree (subject);
CREATE INDEX ledger_transfer_order ON ONLY public.ledger_transfer USING btree (book, seq, place, line);
CREATE INDEX ledger_transfer_subject ON ONLY public.ledger_transfer USING btree (subject);
CREATE INDEX login_event_party ON public.login_event USING btree (party_id, id);
CREATE INDEX menu_entry_parent ON public.menu_entry USING btree (parent_id);
CREATE INDEX menu_entry_permission ON public.menu_entry USING btree (permission_id);
CREATE INDEX merchant_document_fingerprint ON public.merchant_document USING btree (fingerprint);
CREATE INDEX merchant_document_merchant ON public.merchant_document USING btree (merchant_id);
CREATE INDEX operation_hold ON public.operation USING btree (merchant_id, approval_code) WHERE (kind = 'preauthorisation'::text);
CREATE INDEX operation_merchant ON public.operation USING btree (merchant_id, id);
CREATE INDEX operation_open ON public.operation USING btree (state, answer_by) WHERE (state = ANY (ARRAY['created'::text, 'sent'::text, 'unknown'::text, 'reversing'::text]));
CREATE INDEX operation_original ON public.operation USING btree (original_id) WHERE (original_id IS NOT NULL);
CREATE INDEX operation_reference ON public.operation USING btree (terminal, batch, trace, message_class);
CREATE UNIQUE INDEX operation_rrn ON public.operation USING btree (rrn);
CREATE INDEX parameter_value_party ON public.parameter_value USING btree (party_id);
CREATE UNIQUE INDEX party_one_platform ON public.party USING btree (kind) WHERE (kind = 'platform'::text);
CREATE INDEX party_parent ON public.party USING btree (parent_id);
CREATE INDEX party_path ON public.party USING btree (path text_pattern_ops);
CREATE INDEX payment_exception_open ON public.payment_exception USING btree (opened_at) WHERE (state = 'open'::text);
CREATE INDEX payment_exception_operation ON public.payment_exception USING btree (operation_id);
CREATE INDEX payout_open ON public.payout USING btree (state, created_at) WHERE (state <> ALL (ARRAY['success'::text, 'failed'::text, 'returned'::text, 'cancelled'::text]));
CREATE INDEX payout_party ON public.payout USING btree (party_id, id);
CREATE INDEX proposal_open ON public.proposal USING btree (kind, id) WHERE (state = 'proposed'::text);
CREATE INDEX proposal_party ON public.proposal USING btree (party_id, id);
CREATE INDEX proposal_subject ON public.proposal USING btree (subject, id);
CREATE INDEX raw_transaction_by_task ON public.raw_transaction USING btree (task_id);
CREATE UNIQUE INDEX record_edit_key ON public.record_edit USING btree (key);
CREATE INDEX record_edit_who ON public.record_edit USING btree (who, id);
CREATE INDEX record_edit_line_subject ON public.record_edit_line USING btree (subject, edit_id);
CREATE INDEX refused_message_last ON public.refused_message USING btree (last_at);
CREATE INDEX refused_message_merchant ON public.refused_message USING btree (merchant_id, last_at);
CREATE INDEX role_permission_item ON public.role_permission USING btree (permission_id);
CREATE INDEX settle_bank_return_batch_place ON public.settle_bank_return USING btree (batch_id, place);
CREATE INDEX settle_bank_return_number ON public.settle_bank_return USING btree (number);
CREATE INDEX settle_bank_return_open ON public.settle_bank_return USING btree (batch_id, place) WHERE (NOT posted);
CREATE INDEX settle_bank_return_batch_channel ON public.settle_bank_return_batch USING btree (channel_id, day);
CREATE INDEX shop_merchant ON public.shop USING btree (merchant_id);
CREATE INDEX terminal_generation ON public.terminal USING btree (generation);
CREATE INDEX terminal_merchant ON public.terminal USING btree (merchant_id);
CREATE UNIQUE INDEX terminal_serial ON public.terminal USING btree (serial) WHERE (serial <> ''::text);
CREATE INDEX terminal_batch_merchant ON public.terminal_batch USING btree (merchant_id, id);
CREATE INDEX terminal_batch_number ON public.terminal_batch USING btree (terminal, number, id);
CREATE INDEX terminal_batch_item_batch ON public.terminal_batch_item USING btree (batch_id, id);
CREATE INDEX terminal_batch_message_batch ON public.terminal_batch_message USING btree (batch_id);
CREATE INDEX terminal_difference_batch ON public.terminal_difference USING btree (batch_id, id);
CREATE INDEX terminal_difference_merchant ON public.terminal_difference USING btree (merchant_id, id);
CREATE INDEX timer_next ON public.timer USING btree (COALESCE(lease_until, due_at)) WHERE (state <> 'parked'::text);
CREATE INDEX timer_parked ON public.timer USING btree (kind) WHERE (state = 'parked'::text);
CREATE INDEX user_permission_item ON public.user_permission USING btree (permission_id);
CREATE INDEX user_role_role ON public.user_role USING btree (role_id);
CREATE INDEX user_session_expiry ON public.user_session USING btree (expires_at);
CREATE INDEX user_session_user ON public.user_session USING btree (user_id, id);
CREATE VIEW ledger_standing WITH (security_invoker=true) AS
 SELECT a.id,
    a.party,
    a.unit,
    a.purpose,
    a.item,
    a.book,
    newest.version,
    newest.balance_minor
   FROM (ledger_account a
     CROSS JOIN LATERAL ( SELECT known.version,
            known.balance_minor
           FROM (( SELECT e.version,
                    e.balance_minor,
                    1 AS place
                   FROM ledger_entry e
                  WHERE ((e.account_id = a.id) AND (e.transfer_id >= ( SELECT h.opened_from
                           FROM ledger_horizon h)))
                  ORDER BY e.version DESC
                 LIMIT 1)
                UNION ALL
                ( SELECT s.version,
                    s.balance_minor,
                    2
                   FROM ledger_snapshot s
                  WHERE (s.account_id = a.id)
                  ORDER BY s.booked_on DESC
                 LIMIT 1)) known
          ORDER BY known.version DESC, known.place
         LIMIT 1) newest);
CREATE VIEW user_right WITH (security_invoker=true) AS
 SELECT u.id AS user_id,
    i.code
   FROM ((access_user u
     JOIN party p ON ((p.id = u.party_id)))
     CROSS JOIN permission_item i)
  WHERE (((NOT i.for_operators) OR (p.kind = ANY (ARRAY['platform'::text, 'institution'::text]))) AND ((EXISTS ( SELECT 1
           FROM user_permission g
          WHERE ((g.user_id = u.id) AND (g.permission_id = i.id) AND (g.effect = 'grant'::text)))) OR (EXISTS ( SELECT 1
           FROM (user_role ur
             JOIN role r ON ((r.id = ur.role_id)))
          WHERE ((ur.user_id = u.id) AND (r.holds_all OR (EXISTS ( SELECT 1
                   FROM role_permission rp
                  WHERE ((rp.role_id = r.id) AND (rp.permission_id = i.id))))))))) AND (NOT (EXISTS ( SELECT 1
           FROM user_permission d
          WHERE ((d.user_id = u.id) AND (d.permission_id = i.id) AND (d.effect = 'deny'::text))))));
CREATE TRIGGER channel_generation AFTER INSERT OR DELETE OR UPDATE ON public.channel FOR EACH STATEMENT EXECUTE FUNCTION raise_channels_generation();
CREATE TRIGGER channel_opening_generation AFTER INSERT OR DELETE OR UPDATE ON public.channel_opening FOR EACH STATEMENT EXECUTE FUNCTION raise_channels_generation();
CREATE TRIGGER dictionary_word_touch AFTER INSERT OR DELETE OR UPDATE ON public.dictionary_word FOR EACH STATEMENT EXECUTE FUNCTION configuration_touch();
CREATE TRIGGER error_text_touch AFTER INSERT OR DELETE OR UPDATE ON public.error_text FOR EACH STATEMENT EXECUTE FUNCTION configuration_touch();
CREATE TRIGGER fee_detail_is_final BEFORE DELETE OR UPDATE ON public.fee_detail FOR EACH ROW EXECUTE FUNCTION refuse_change_of_fee_version();
CREATE TRIGGER fee_instance_generation AFTER INSERT OR UPDATE ON public.fee_instance FOR EACH STATEMENT EXECUTE FUNCTION raise_fees_generation();
CREATE TRIGGER fee_item_generation AFTER INSERT OR UPDATE ON public.fee_item FOR EACH STATEMENT EXECUTE FUNCTION raise_fees_generation();
CREATE TRIGGER fee_version_generation AFTER INSERT ON public.fee_version FOR EACH STATEMENT EXECUTE FUNCTION raise_fees_generation();
CREATE TRIGGER fee_version_is_final BEFORE DELETE OR UPDATE ON public.fee_version FOR EACH ROW EXECUTE FUNCTION refuse_change_of_fee_version();
CREATE TRIGGER journal_batch_written_once BEFORE DELETE OR UPDATE OR TRUNCATE ON public.journal_batch FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER journal_batch_written_once BEFORE DELETE OR UPDATE OR TRUNCATE ON public.journal_batch_default FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER journal_close_written_once BEFORE DELETE OR UPDATE OR TRUNCATE ON public.journal_close FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER journal_event_written_once BEFORE DELETE OR UPDATE OR TRUNCATE ON public.journal_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER journal_event_written_once BEFORE DELETE OR UPDATE OR TRUNCATE ON public.journal_event_default FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER ledger_account_written_once BEFORE DELETE OR UPDATE OR TRUNCATE ON public.ledger_account FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER ledger_entry_written_once BEFORE DELETE OR UPDATE OR TRUNCATE ON public.ledger_entry FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER ledger_entry_closed BEFORE INSERT ON public.ledger_entry_default FOR EACH ROW EXECUTE FUNCTION ledger_refuse_closed();
CREATE TRIGGER ledger_entry_written_once BEFORE DELETE OR UPDATE OR TRUNCATE ON public.ledger_entry_default FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER ledger_transfer_written_once BEFORE DELETE OR UPDATE OR TRUNCATE ON public.ledger_transfer FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER ledger_transfer_written_once BEFORE DELETE OR UPDATE OR TRUNCATE ON public.ledger_transfer_default FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER merchant_touch BEFORE INSERT OR DELETE OR UPDATE ON public.merchant FOR EACH STATEMENT EXECUTE FUNCTION merchant_touch();
CREATE TRIGGER parameter_value_touch AFTER INSERT OR DELETE OR UPDATE ON public.parameter_value FOR EACH STATEMENT EXECUTE FUNCTION configuration_touch();
CREATE TRIGGER party_keep_place BEFORE UPDATE ON public.party FOR EACH ROW WHEN (((old.id IS DISTINCT FROM new.id) OR (old.kind IS DISTINCT FROM new.kind) OR (old.parent_id IS DISTINCT FROM new.parent_id) OR (old.path IS DISTINCT FROM new.path))) EXECUTE FUNCTION party_keep_place();
CREATE TRIGGER party_set_path BEFORE INSERT ON public.party FOR EACH ROW EXECUTE FUNCTION party_set_path();
CREATE TRIGGER proposal_keep_content BEFORE UPDATE ON public.proposal FOR EACH ROW EXECUTE FUNCTION proposal_keep_content();
CREATE TRIGGER terminal_stamp BEFORE INSERT OR DELETE OR UPDATE ON public.terminal FOR EACH ROW EXECUTE FUNCTION terminal_stamp();
CREATE TRIGGER terminal_touch BEFORE INSERT OR DELETE OR UPDATE ON public.terminal FOR EACH STATEMENT EXECUTE FUNCTION terminal_touch();
ALTER TABLE access_user ENABLE ROW LEVEL SECURITY;
CREATE POLICY house ON access_user AS PERMISSIVE FOR ALL TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY seen ON access_user AS PERMISSIVE FOR SELECT TO tillgate_door, tillgate_read USING ((EXISTS ( SELECT
   FROM party p
  WHERE (p.id = access_user.party_id))));
ALTER TABLE api_key ENABLE ROW LEVEL SECURITY;
CREATE POLICY house ON api_key AS PERMISSIVE FOR ALL TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY seen ON api_key AS PERMISSIVE FOR SELECT TO tillgate_door, tillgate_read USING ((EXISTS ( SELECT
   FROM party p
  WHERE (p.id = api_key.party_id))));
ALTER TABLE bank_card ENABLE ROW LEVEL SECURITY;
CREATE POLICY house ON bank_card AS PERMISSIVE FOR ALL TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY seen ON bank_card AS PERMISSIVE FOR SELECT TO tillgate_door, tillgate_read USING ((EXISTS ( SELECT
   FROM party p
  WHERE (p.id = bank_card.party_id))));
ALTER TABLE delegation ENABLE ROW LEVEL SECURITY;
CREATE POLICY house ON delegation AS PERMISSIVE FOR ALL TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY seen ON delegation AS PERMISSIVE FOR SELECT TO tillgate_door, tillgate_read USING ((EXISTS ( SELECT
   FROM party p
  WHERE (p.id = delegation.party_id))));
ALTER TABLE login_event ENABLE ROW LEVEL SECURITY;
CREATE POLICY house ON login_event AS PERMISSIVE FOR ALL TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY seen ON login_event AS PERMISSIVE FOR SELECT TO tillgate_door, tillgate_read USING (
CASE
    WHEN (party_id IS NULL) THEN (EXISTS ( SELECT
       FROM party p
      WHERE (p.kind = 'platform'::text)))
    ELSE (EXISTS ( SELECT
       FROM party p
      WHERE (p.id = login_event.party_id)))
END);
ALTER TABLE merchant ENABLE ROW LEVEL SECURITY;
CREATE POLICY house ON merchant AS PERMISSIVE FOR ALL TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY seen ON merchant AS PERMISSIVE FOR SELECT TO tillgate_door, tillgate_read USING ((EXISTS ( SELECT
   FROM party p
  WHERE (p.id = merchant.id))));
ALTER TABLE merchant_document ENABLE ROW LEVEL SECURITY;
CREATE POLICY house ON merchant_document AS PERMISSIVE FOR ALL TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY seen ON merchant_document AS PERMISSIVE FOR SELECT TO tillgate_door, tillgate_read USING ((EXISTS ( SELECT
   FROM party p
  WHERE (p.id = merchant_document.merchant_id))));
ALTER TABLE merchant_profile ENABLE ROW LEVEL SECURITY;
CREATE POLICY house ON merchant_profile AS PERMISSIVE FOR ALL TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY seen ON merchant_profile AS PERMISSIVE FOR SELECT TO tillgate_door, tillgate_read USING ((EXISTS ( SELECT
   FROM party p
  WHERE (p.id = merchant_profile.id))));
ALTER TABLE operation ENABLE ROW LEVEL SECURITY;
CREATE POLICY house ON operation AS PERMISSIVE FOR ALL TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY seen ON operation AS PERMISSIVE FOR SELECT TO tillgate_door, tillgate_read USING ((EXISTS ( SELECT
   FROM party p
  WHERE (p.id = operation.merchant_id))));
ALTER TABLE parameter_value ENABLE ROW LEVEL SECURITY;
CREATE POLICY house ON parameter_value AS PERMISSIVE FOR ALL TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY seen ON parameter_value AS PERMISSIVE FOR SELECT TO tillgate_door, tillgate_read USING (((party_id IS NULL) OR (EXISTS ( SELECT
   FROM party p
  WHERE (p.id = parameter_value.party_id)))));
ALTER TABLE party ENABLE ROW LEVEL SECURITY;
CREATE POLICY house ON party AS PERMISSIVE FOR ALL TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY seen ON party AS PERMISSIVE FOR SELECT TO tillgate_door, tillgate_read USING (((path ~>=~ ( SELECT scope_of_transaction() AS scope_of_transaction)) AND (path ~<~ (( SELECT scope_of_transaction() AS scope_of_transaction) || '~'::text))));
ALTER TABLE payout ENABLE ROW LEVEL SECURITY;
CREATE POLICY house ON payout AS PERMISSIVE FOR ALL TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY seen ON payout AS PERMISSIVE FOR SELECT TO tillgate_door, tillgate_read USING ((EXISTS ( SELECT
   FROM party p
  WHERE (p.id = payout.party_id))));
ALTER TABLE proposal ENABLE ROW LEVEL SECURITY;
CREATE POLICY house ON proposal AS PERMISSIVE FOR ALL TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY seen ON proposal AS PERMISSIVE FOR SELECT TO tillgate_door, tillgate_read USING ((EXISTS ( SELECT
   FROM party p
  WHERE (p.id = proposal.party_id))));
ALTER TABLE refused_message ENABLE ROW LEVEL SECURITY;
CREATE POLICY house ON refused_message AS PERMISSIVE FOR ALL TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY seen ON refused_message AS PERMISSIVE FOR SELECT TO tillgate_door, tillgate_read USING (
CASE
    WHEN (merchant_id IS NULL) THEN (EXISTS ( SELECT
       FROM party p
      WHERE (p.kind = 'platform'::text)))
    ELSE (EXISTS ( SELECT
       FROM party p
      WHERE (p.id = refused_message.merchant_id)))
END);
ALTER TABLE shop ENABLE ROW LEVEL SECURITY;
CREATE POLICY house ON shop AS PERMISSIVE FOR ALL TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY seen ON shop AS PERMISSIVE FOR SELECT TO tillgate_door, tillgate_read USING ((EXISTS ( SELECT
   FROM party p
  WHERE (p.id = shop.merchant_id))));
ALTER TABLE terminal ENABLE ROW LEVEL SECURITY;
CREATE POLICY house ON terminal AS PERMISSIVE FOR ALL TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY seen ON terminal AS PERMISSIVE FOR SELECT TO tillgate_door, tillgate_read USING ((EXISTS ( SELECT
   FROM party p
  WHERE (p.id = terminal.merchant_id))));
ALTER TABLE terminal_batch ENABLE ROW LEVEL SECURITY;
CREATE POLICY house ON terminal_batch AS PERMISSIVE FOR ALL TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY seen ON terminal_batch AS PERMISSIVE FOR SELECT TO tillgate_door, tillgate_read USING ((EXISTS ( SELECT
   FROM party p
  WHERE (p.id = terminal_batch.merchant_id))));
ALTER TABLE terminal_difference ENABLE ROW LEVEL SECURITY;
CREATE POLICY house ON terminal_difference AS PERMISSIVE FOR ALL TO tillgate_journal, tillgate_worker USING (true) WITH CHECK (true);
CREATE POLICY seen ON terminal_difference AS PERMISSIVE FOR SELECT TO tillgate_door, tillgate_read USING ((EXISTS ( SELECT
   FROM party p
  WHERE (p.id = terminal_difference.merchant_id))));
GRANT USAGE ON SCHEMA archive TO tillgate_journal;
GRANT USAGE ON SCHEMA archive TO tillgate_read;
GRANT USAGE ON SCHEMA archive TO tillgate_worker;
GRANT USAGE ON SCHEMA part TO tillgate_journal;
GRANT USAGE ON SCHEMA part TO tillgate_read;
GRANT USAGE ON SCHEMA part TO tillgate_worker;
GRANT USAGE ON SCHEMA whole TO tillgate_journal;
GRANT USAGE ON SCHEMA whole TO tillgate_read;
GRANT USAGE ON SCHEMA whole TO tillgate_worker;
ALTER DEFAULT PRIVILEGES IN SCHEMA part GRANT SELECT ON TABLES TO tillgate_journal;
ALTER DEFAULT PRIVILEGES IN SCHEMA part GRANT SELECT ON TABLES TO tillgate_read;
ALTER DEFAULT PRIVILEGES IN SCHEMA part GRANT SELECT ON TABLES TO tillgate_worker;
ALTER DEFAULT PRIVILEGES IN SCHEMA whole GRANT SELECT ON TABLES TO tillgate_journal;
ALTER DEFAULT PRIVILEGES IN SCHEMA whole GRANT SELECT ON TABLES TO tillgate_read;
ALTER DEFAULT PRIVILEGES IN SCHEMA whole GRANT SELECT ON TABLES TO tillgate_worker;
GRANT SELECT ON access_user TO tillgate_door;
GRANT SELECT ON access_user TO tillgate_journal;
GRANT SELECT ON access_user TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON access_user TO tillgate_worker;
GRANT SELECT ON api_key TO tillgate_door;
GRANT SELECT ON api_key TO tillgate_journal;
GRANT SELECT ON api_key TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON api_key TO tillgate_worker;
GRANT SELECT ON api_key_permission TO tillgate_door;
GRANT SELECT ON api_key_permission TO tillgate_journal;
GRANT SELECT ON api_key_permission TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON api_key_permission TO tillgate_worker;
GRANT SELECT ON bank_card TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON bank_card TO tillgate_journal;
GRANT SELECT ON bank_card TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON bank_card TO tillgate_worker;
GRANT SELECT ON batch_schedule TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON batch_schedule TO tillgate_journal;
GRANT SELECT ON batch_schedule TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON batch_schedule TO tillgate_worker;
GRANT SELECT ON batch_task TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON batch_task TO tillgate_journal;
GRANT SELECT ON batch_task TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON batch_task TO tillgate_worker;
GRANT SELECT ON batch_task_chunk TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON batch_task_chunk TO tillgate_journal;
GRANT SELECT ON batch_task_chunk TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON batch_task_chunk TO tillgate_worker;
GRANT SELECT ON batch_task_row TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON batch_task_row TO tillgate_journal;
GRANT SELECT ON batch_task_row TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON batch_task_row TO tillgate_worker;
GRANT SELECT ON channel TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON channel TO tillgate_journal;
GRANT SELECT ON channel TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON channel TO tillgate_worker;
GRANT SELECT ON channel_opening TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON channel_opening TO tillgate_journal;
GRANT SELECT ON channel_opening TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON channel_opening TO tillgate_worker;
GRANT SELECT ON delegation TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON delegation TO tillgate_journal;
GRANT SELECT ON delegation TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON delegation TO tillgate_worker;
GRANT SELECT ON dictionary_word TO tillgate_door;
GRANT SELECT ON dictionary_word TO tillgate_journal;
GRANT SELECT ON dictionary_word TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON dictionary_word TO tillgate_worker;
GRANT SELECT ON difference TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON difference TO tillgate_journal;
GRANT SELECT ON difference TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON difference TO tillgate_worker;
GRANT DELETE, INSERT, SELECT, UPDATE ON edit_nonce TO tillgate_worker;
GRANT SELECT ON error_text TO tillgate_door;
GRANT SELECT ON error_text TO tillgate_journal;
GRANT SELECT ON error_text TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON error_text TO tillgate_worker;
GRANT SELECT ON fee_detail TO tillgate_door;
GRANT SELECT ON fee_detail TO tillgate_journal;
GRANT SELECT ON fee_detail TO tillgate_read;
GRANT INSERT, SELECT ON fee_detail TO tillgate_worker;
GRANT SELECT ON fee_factor TO tillgate_door;
GRANT SELECT ON fee_factor TO tillgate_journal;
GRANT SELECT ON fee_factor TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON fee_factor TO tillgate_worker;
GRANT SELECT ON fee_instance TO tillgate_door;
GRANT SELECT ON fee_instance TO tillgate_journal;
GRANT SELECT ON fee_instance TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON fee_instance TO tillgate_worker;
GRANT SELECT ON fee_item TO tillgate_door;
GRANT SELECT ON fee_item TO tillgate_journal;
GRANT SELECT ON fee_item TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON fee_item TO tillgate_worker;
GRANT SELECT ON fee_version TO tillgate_door;
GRANT SELECT ON fee_version TO tillgate_journal;
GRANT SELECT ON fee_version TO tillgate_read;
GRANT INSERT, SELECT ON fee_version TO tillgate_worker;
GRANT SELECT ON file TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON file TO tillgate_journal;
GRANT SELECT ON file TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON file TO tillgate_worker;
GRANT SELECT ON file_digest TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON file_digest TO tillgate_journal;
GRANT SELECT ON file_digest TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON file_digest TO tillgate_worker;
GRANT SELECT ON file_import TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON file_import TO tillgate_journal;
GRANT SELECT ON file_import TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON file_import TO tillgate_worker;
GRANT SELECT ON file_name TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON file_name TO tillgate_journal;
GRANT SELECT ON file_name TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON file_name TO tillgate_worker;
GRANT INSERT, SELECT, UPDATE ON file_piece TO tillgate_journal;
GRANT DELETE, INSERT, SELECT, UPDATE ON file_piece TO tillgate_worker;
GRANT INSERT, SELECT, UPDATE ON file_spool TO tillgate_journal;
GRANT DELETE, INSERT, SELECT, UPDATE ON file_spool TO tillgate_worker;
GRANT SELECT ON file_template TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON file_template TO tillgate_journal;
GRANT SELECT ON file_template TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON file_template TO tillgate_worker;
GRANT SELECT ON generation TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON generation TO tillgate_journal;
GRANT SELECT ON generation TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON generation TO tillgate_worker;
GRANT SELECT ON instruction TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON instruction TO tillgate_journal;
GRANT SELECT ON instruction TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON instruction TO tillgate_worker;
GRANT USAGE ON instruction_number TO tillgate_journal;
GRANT USAGE ON instruction_number TO tillgate_worker;
GRANT SELECT ON interception_rule TO tillgate_door;
GRANT SELECT ON interception_rule TO tillgate_journal;
GRANT SELECT ON interception_rule TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON interception_rule TO tillgate_worker;
GRANT SELECT ON journal_batch TO tillgate_door;
GRANT INSERT, SELECT ON journal_batch TO tillgate_journal;
GRANT SELECT ON journal_batch TO tillgate_read;
GRANT SELECT ON journal_batch TO tillgate_worker;
GRANT SELECT ON journal_batch_default TO tillgate_door;
GRANT INSERT, SELECT ON journal_batch_default TO tillgate_journal;
GRANT SELECT ON journal_batch_default TO tillgate_read;
GRANT SELECT ON journal_batch_default TO tillgate_worker;
GRANT SELECT ON journal_close TO tillgate_door;
GRANT INSERT, SELECT ON journal_close TO tillgate_journal;
GRANT SELECT ON journal_close TO tillgate_read;
GRANT SELECT ON journal_close TO tillgate_worker;
GRANT SELECT ON journal_close_draft TO tillgate_door;
GRANT DELETE, INSERT, SELECT, UPDATE ON journal_close_draft TO tillgate_journal;
GRANT SELECT ON journal_close_draft TO tillgate_read;
GRANT SELECT ON journal_close_draft TO tillgate_worker;
GRANT INSERT, SELECT, UPDATE ON journal_counter TO tillgate_journal;
GRANT SELECT ON journal_counter TO tillgate_worker;
GRANT SELECT ON journal_event TO tillgate_door;
GRANT INSERT, SELECT ON journal_event TO tillgate_journal;
GRANT SELECT ON journal_event TO tillgate_read;
GRANT SELECT ON journal_event TO tillgate_worker;
GRANT SELECT ON journal_event_default TO tillgate_door;
GRANT INSERT, SELECT ON journal_event_default TO tillgate_journal;
GRANT SELECT ON journal_event_default TO tillgate_read;
GRANT SELECT ON journal_event_default TO tillgate_worker;
GRANT SELECT ON journal_head TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON journal_head TO tillgate_journal;
GRANT SELECT ON journal_head TO tillgate_read;
GRANT SELECT ON journal_head TO tillgate_worker;
GRANT INSERT, SELECT ON journal_key TO tillgate_journal;
GRANT SELECT ON journal_key TO tillgate_worker;
GRANT INSERT, SELECT ON journal_key_0 TO tillgate_journal;
GRANT SELECT ON journal_key_0 TO tillgate_worker;
GRANT INSERT, SELECT ON journal_key_1 TO tillgate_journal;
GRANT SELECT ON journal_key_1 TO tillgate_worker;
GRANT INSERT, SELECT ON journal_key_2 TO tillgate_journal;
GRANT SELECT ON journal_key_2 TO tillgate_worker;
GRANT INSERT, SELECT ON journal_key_3 TO tillgate_journal;
GRANT SELECT ON journal_key_3 TO tillgate_worker;
GRANT INSERT, SELECT ON journal_key_4 TO tillgate_journal;
GRANT SELECT ON journal_key_4 TO tillgate_worker;
GRANT INSERT, SELECT ON journal_key_5 TO tillgate_journal;
GRANT SELECT ON journal_key_5 TO tillgate_worker;
GRANT INSERT, SELECT ON journal_key_6 TO tillgate_journal;
GRANT SELECT ON journal_key_6 TO tillgate_worker;
GRANT INSERT, SELECT ON journal_key_7 TO tillgate_journal;
GRANT SELECT ON journal_key_7 TO tillgate_worker;
GRANT INSERT, SELECT ON journal_poison TO tillgate_journal;
GRANT SELECT ON journal_poison TO tillgate_worker;
GRANT DELETE, INSERT, SELECT, UPDATE ON key_ceremony TO tillgate_worker;
GRANT DELETE, INSERT, SELECT, UPDATE ON key_part TO tillgate_worker;
GRANT SELECT ON ledger_account TO tillgate_door;
GRANT INSERT, SELECT ON ledger_account TO tillgate_journal;
GRANT SELECT ON ledger_account TO tillgate_read;
GRANT SELECT ON ledger_account TO tillgate_worker;
GRANT SELECT ON ledger_entry TO tillgate_door;
GRANT INSERT, SELECT ON ledger_entry TO tillgate_journal;
GRANT SELECT ON ledger_entry TO tillgate_read;
GRANT SELECT ON ledger_entry TO tillgate_worker;
GRANT SELECT ON ledger_entry_default TO tillgate_door;
GRANT INSERT, SELECT ON ledger_entry_default TO tillgate_journal;
GRANT SELECT ON ledger_entry_default TO tillgate_read;
GRANT SELECT ON ledger_entry_default TO tillgate_worker;
GRANT SELECT ON ledger_hold TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON ledger_hold TO tillgate_journal;
GRANT SELECT ON ledger_hold TO tillgate_read;
GRANT SELECT ON ledger_hold TO tillgate_worker;
GRANT SELECT ON ledger_horizon TO tillgate_door;
GRANT SELECT ON ledger_horizon TO tillgate_journal;
GRANT SELECT ON ledger_horizon TO tillgate_read;
GRANT SELECT ON ledger_horizon TO tillgate_worker;
GRANT SELECT ON ledger_snapshot TO tillgate_door;
GRANT SELECT ON ledger_snapshot TO tillgate_journal;
GRANT SELECT ON ledger_snapshot TO tillgate_read;
GRANT SELECT ON ledger_snapshot TO tillgate_worker;
GRANT SELECT ON ledger_snapshot_day TO tillgate_door;
GRANT SELECT ON ledger_snapshot_day TO tillgate_journal;
GRANT SELECT ON ledger_snapshot_day TO tillgate_read;
GRANT SELECT ON ledger_snapshot_day TO tillgate_worker;
GRANT SELECT ON ledger_standing TO tillgate_door;
GRANT SELECT ON ledger_standing TO tillgate_journal;
GRANT SELECT ON ledger_standing TO tillgate_read;
GRANT SELECT ON ledger_standing TO tillgate_worker;
GRANT SELECT ON ledger_transfer TO tillgate_door;
GRANT INSERT, SELECT ON ledger_transfer TO tillgate_journal;
GRANT SELECT ON ledger_transfer TO tillgate_read;
GRANT SELECT ON ledger_transfer TO tillgate_worker;
GRANT SELECT ON ledger_transfer_default TO tillgate_door;
GRANT INSERT, SELECT ON ledger_transfer_default TO tillgate_journal;
GRANT SELECT ON ledger_transfer_default TO tillgate_read;
GRANT SELECT ON ledger_transfer_default TO tillgate_worker;
GRANT SELECT ON login_event TO tillgate_door;
GRANT SELECT ON login_event TO tillgate_journal;
GRANT SELECT ON login_event TO tillgate_read;
GRANT INSERT, SELECT ON login_event TO tillgate_worker;
GRANT DELETE, INSERT, SELECT, UPDATE ON login_source TO tillgate_worker;
GRANT SELECT ON menu_entry TO tillgate_door;
GRANT SELECT ON menu_entry TO tillgate_journal;
GRANT SELECT ON menu_entry TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON menu_entry TO tillgate_worker;
GRANT SELECT ON merchant TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON merchant TO tillgate_journal;
GRANT SELECT ON merchant TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON merchant TO tillgate_worker;
GRANT SELECT ON merchant_document TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON merchant_document TO tillgate_journal;
GRANT SELECT ON merchant_document TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON merchant_document TO tillgate_worker;
GRANT SELECT ON merchant_profile TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON merchant_profile TO tillgate_journal;
GRANT SELECT ON merchant_profile TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON merchant_profile TO tillgate_worker;
GRANT DELETE, INSERT, SELECT, UPDATE ON named_key TO tillgate_worker;
GRANT SELECT ON operation TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON operation TO tillgate_journal;
GRANT SELECT ON operation TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON operation TO tillgate_worker;
GRANT SELECT ON parameter_value TO tillgate_door;
GRANT SELECT ON parameter_value TO tillgate_journal;
GRANT SELECT ON parameter_value TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON parameter_value TO tillgate_worker;
GRANT SELECT ON party TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON party TO tillgate_journal;
GRANT SELECT ON party TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON party TO tillgate_worker;
GRANT SELECT ON payment_exception TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON payment_exception TO tillgate_journal;
GRANT SELECT ON payment_exception TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON payment_exception TO tillgate_worker;
GRANT SELECT ON payout TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON payout TO tillgate_journal;
GRANT SELECT ON payout TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON payout TO tillgate_worker;
GRANT SELECT ON permission_item TO tillgate_door;
GRANT SELECT ON permission_item TO tillgate_journal;
GRANT SELECT ON permission_item TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON permission_item TO tillgate_worker;
GRANT SELECT ON profit_entry TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON profit_entry TO tillgate_journal;
GRANT SELECT ON profit_entry TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON profit_entry TO tillgate_worker;
GRANT SELECT ON proposal TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON proposal TO tillgate_journal;
GRANT SELECT ON proposal TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON proposal TO tillgate_worker;
GRANT SELECT ON raw_transaction TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON raw_transaction TO tillgate_journal;
GRANT SELECT ON raw_transaction TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON raw_transaction TO tillgate_worker;
GRANT SELECT ON record_edit TO tillgate_door;
GRANT SELECT ON record_edit TO tillgate_journal;
GRANT SELECT ON record_edit TO tillgate_read;
GRANT INSERT, SELECT ON record_edit TO tillgate_worker;
GRANT SELECT ON record_edit_line TO tillgate_door;
GRANT SELECT ON record_edit_line TO tillgate_journal;
GRANT SELECT ON record_edit_line TO tillgate_read;
GRANT INSERT, SELECT ON record_edit_line TO tillgate_worker;
GRANT SELECT ON refused_message TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON refused_message TO tillgate_journal;
GRANT SELECT ON refused_message TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON refused_message TO tillgate_worker;
GRANT SELECT ON remote_source TO tillgate_door;
GRANT SELECT ON remote_source TO tillgate_journal;
GRANT SELECT ON remote_source TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON remote_source TO tillgate_worker;
GRANT SELECT ON role TO tillgate_door;
GRANT SELECT ON role TO tillgate_journal;
GRANT SELECT ON role TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON role TO tillgate_worker;
GRANT SELECT ON role_permission TO tillgate_door;
GRANT SELECT ON role_permission TO tillgate_journal;
GRANT SELECT ON role_permission TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON role_permission TO tillgate_worker;
GRANT SELECT ON schema_migration TO tillgate_door;
GRANT SELECT ON schema_migration TO tillgate_journal;
GRANT SELECT ON schema_migration TO tillgate_read;
GRANT SELECT ON schema_migration TO tillgate_worker;
GRANT SELECT ON settle_bank_return TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON settle_bank_return TO tillgate_journal;
GRANT SELECT ON settle_bank_return TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON settle_bank_return TO tillgate_worker;
GRANT SELECT ON settle_bank_return_batch TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON settle_bank_return_batch TO tillgate_journal;
GRANT SELECT ON settle_bank_return_batch TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON settle_bank_return_batch TO tillgate_worker;
GRANT SELECT ON shop TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON shop TO tillgate_journal;
GRANT SELECT ON shop TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON shop TO tillgate_worker;
GRANT SELECT ON terminal TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON terminal TO tillgate_journal;
GRANT SELECT ON terminal TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON terminal TO tillgate_worker;
GRANT SELECT ON terminal_batch TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON terminal_batch TO tillgate_journal;
GRANT SELECT ON terminal_batch TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON terminal_batch TO tillgate_worker;
GRANT SELECT ON terminal_batch_item TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON terminal_batch_item TO tillgate_journal;
GRANT SELECT ON terminal_batch_item TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON terminal_batch_item TO tillgate_worker;
GRANT SELECT ON terminal_batch_message TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON terminal_batch_message TO tillgate_journal;
GRANT SELECT ON terminal_batch_message TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON terminal_batch_message TO tillgate_worker;
GRANT SELECT ON terminal_difference TO tillgate_door;
GRANT INSERT, SELECT, UPDATE ON terminal_difference TO tillgate_journal;
GRANT SELECT ON terminal_difference TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON terminal_difference TO tillgate_worker;
GRANT SELECT ON timer TO tillgate_door;
GRANT DELETE, INSERT, SELECT, UPDATE ON timer TO tillgate_journal;
GRANT SELECT ON timer TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON timer TO tillgate_worker;
GRANT USAGE ON timer_fence TO tillgate_journal;
GRANT USAGE ON timer_fence TO tillgate_worker;
GRANT DELETE, INSERT, SELECT, UPDATE ON user_password TO tillgate_worker;
GRANT SELECT ON user_permission TO tillgate_door;
GRANT SELECT ON user_permission TO tillgate_journal;
GRANT SELECT ON user_permission TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON user_permission TO tillgate_worker;
GRANT SELECT ON user_right TO tillgate_door;
GRANT SELECT ON user_right TO tillgate_journal;
GRANT SELECT ON user_right TO tillgate_read;
GRANT SELECT ON user_right TO tillgate_worker;
GRANT SELECT ON user_role TO tillgate_door;
GRANT SELECT ON user_role TO tillgate_journal;
GRANT SELECT ON user_role TO tillgate_read;
GRANT DELETE, INSERT, SELECT, UPDATE ON user_role TO tillgate_worker;
GRANT DELETE, INSERT, SELECT, UPDATE ON user_session TO tillgate_worker;
GRANT DELETE, INSERT, SELECT, UPDATE ON user_totp TO tillgate_worker;
GRANT DELETE, INSERT, SELECT, UPDATE ON withdrawal_password TO tillgate_worker;
GRANT SELECT (id, must_change, locked_until) ON user_password TO tillgate_door;
GRANT SELECT (id, must_change, locked_until) ON user_password TO tillgate_read;
GRANT SELECT (id, state) ON user_totp TO tillgate_door;
GRANT SELECT (id, state) ON user_totp TO tillgate_read;
