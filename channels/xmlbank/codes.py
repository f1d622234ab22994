"""What the bank's codes mean, as common reasons; a code that is not here is unknown (row P60)."""

from __future__ import annotations

DONE = "00"
PROCESSING = "09"
NOT_FOUND = "25"

DECLINES: dict[str, str] = {
    "05": "bank_declined",
    "12": "wrong_state",
    "13": "bad_amount",
    "14": "bad_card",
    "25": "original_not_found",
    "51": "insufficient_funds",
    "54": "expired_card",
    "55": "bad_pin",
    "61": "limit_exceeded",
    "75": "pin_tries",
    "91": "unreachable",
    "96": "fault",
}
