-- Money out: withdrawals, payouts and settlement payouts are one kind of record (rows A55-A60, P37-P46, C1-C13).

CREATE TABLE payout (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('withdrawal', 'payout', 'settlement')),
    party_id uuid NOT NULL REFERENCES party (id),
    bank_card_id uuid REFERENCES bank_card (id),
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    fee_minor bigint NOT NULL CHECK (fee_minor >= 0),
    unit text NOT NULL,
    fee_version text NOT NULL DEFAULT '',
    state text NOT NULL
        CHECK (state IN ('requested', 'checked', 'confirmed', 'frozen', 'sent', 'success', 'failed', 'unknown',
                         'returned', 'cancelled')),
    hold_id uuid,
    instruction_id uuid UNIQUE,
    reason text NOT NULL DEFAULT '',
    code text NOT NULL DEFAULT '',
    value_on date,
    limit_day date,
    asked_by text NOT NULL,
    created_at timestamptz NOT NULL,
    confirm_by timestamptz,
    finished_at timestamptz,
    version integer NOT NULL DEFAULT 1
);
CREATE INDEX payout_party ON payout (party_id, id);
CREATE INDEX payout_open ON payout (state, created_at) WHERE state NOT IN ('success', 'failed', 'returned', 'cancelled');
