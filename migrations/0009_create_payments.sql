-- Operations of the acquiring side: sales, holds, voids, refunds and reversals, each a record that points to its original.

CREATE TABLE operation (
    id uuid PRIMARY KEY,
    kind text NOT NULL
        CHECK (kind IN ('purchase', 'void', 'refund', 'reversal', 'preauthorisation', 'preauthorisation_void',
                        'completion', 'completion_void')),
    state text NOT NULL
        CHECK (state IN ('created', 'sent', 'approved', 'declined', 'unknown', 'reversing', 'reversed', 'held',
                         'completed', 'released', 'expired')),
    source text NOT NULL,
    terminal text NOT NULL,
    merchant_id uuid NOT NULL,
    merchant text NOT NULL,
    batch text NOT NULL,
    trace text NOT NULL,
    message_class text NOT NULL,
    rrn char(12) NOT NULL,
    channel_id uuid,
    instruction_id uuid,
    instruction_number char(20),
    original_id uuid,
    counter_id uuid,
    amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
    unit text NOT NULL,
    rest_minor bigint NOT NULL DEFAULT 0 CHECK (rest_minor BETWEEN 0 AND amount_minor),
    reversed_minor bigint NOT NULL DEFAULT 0 CHECK (reversed_minor BETWEEN 0 AND amount_minor),
    voided boolean NOT NULL DEFAULT false,
    fee_minor bigint NOT NULL DEFAULT 0,
    fee_version uuid,
    fee_shares jsonb NOT NULL DEFAULT '[]',
    cost_minor bigint NOT NULL DEFAULT 0,
    cost_version uuid,
    cost_back_minor bigint NOT NULL DEFAULT 0,
    unripe_minor bigint NOT NULL DEFAULT 0,
    hold_id uuid,
    transfer_id uuid,
    card_sealed bytea,
    card_fingerprint bytea,
    card_version integer,
    card_mask text NOT NULL DEFAULT '',
    expiry_sealed bytea,
    entry_mode text NOT NULL DEFAULT '',
    approval_code text NOT NULL DEFAULT '',
    bank_code text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    text text NOT NULL DEFAULT '',
    told text NOT NULL DEFAULT '',
    settled_on date,
    reversal_reason text NOT NULL DEFAULT '',
    occurred_at timestamptz NOT NULL,
    answer_by timestamptz NOT NULL,
    answered_at timestamptz,
    version integer NOT NULL DEFAULT 1
);

-- Unique while its idempotency key is kept; the newest one counts.
CREATE INDEX operation_reference ON operation (terminal, batch, trace, message_class);
CREATE UNIQUE INDEX operation_rrn ON operation (rrn);
CREATE INDEX operation_merchant ON operation (merchant_id, id);
CREATE INDEX operation_original ON operation (original_id) WHERE original_id IS NOT NULL;
-- A hold is completed or voided from any terminal of its merchant: by the code that the bank gave it.
CREATE INDEX operation_hold ON operation (merchant_id, approval_code) WHERE kind = 'preauthorisation';
CREATE INDEX operation_open ON operation (state, answer_by) WHERE state IN ('created', 'sent', 'unknown', 'reversing');

-- What neither a query nor a file can settle is a question for a person; it is never answered by overwriting.
CREATE TABLE payment_exception (
    id uuid PRIMARY KEY,
    kind text NOT NULL
        CHECK (kind IN ('reversal_refused', 'lane_expired', 'never_answered', 'late_answer_differs', 'hold_lost',
                        'told_98_stands')),
    operation_id uuid NOT NULL,
    instruction_id uuid,
    detail text NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'resolved')),
    opened_at timestamptz NOT NULL,
    resolved_at timestamptz,
    resolution text NOT NULL DEFAULT '',
    version integer NOT NULL DEFAULT 1
);

CREATE INDEX payment_exception_open ON payment_exception (opened_at) WHERE state = 'open';
CREATE INDEX payment_exception_operation ON payment_exception (operation_id);
