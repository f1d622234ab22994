"""What an installation decides about withdrawals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalSettings:
    """Limits of one party, in minor units; the daily limit counts book days (row A58).

    `most_open` is how many withdrawals a party may have between request and result; a checked request that nobody
    confirms ends after `confirm_within`.
    """

    smallest_minor: int = 1
    largest_minor: int = 5_000_000_00
    daily_minor: int = 20_000_000_00
    most_open: int = 20
    confirm_within: timedelta = timedelta(minutes=30)
