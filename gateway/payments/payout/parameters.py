"""What an installation decides about withdrawals, for everybody or for one party (rows A58, P7)."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from gateway.kernel.configuration import Configuration, Parameter
from gateway.payments.payout.settings import WithdrawalSettings

SMALLEST = Parameter(
    code="withdrawal.smallest_minor",
    default=1,
    title_zh="单笔提现最小金额",
    title_en="Smallest withdrawal",
    unit="minor",
    smallest=1,
    by_party=True,
)
LARGEST = Parameter(
    code="withdrawal.largest_minor",
    default=5_000_000_00,
    title_zh="单笔提现最大金额",
    title_en="Largest withdrawal",
    unit="minor",
    smallest=1,
    by_party=True,
    sensitive=True,
)
DAILY = Parameter(
    code="withdrawal.daily_minor",
    default=20_000_000_00,
    title_zh="每日提现限额",
    title_en="Withdrawals of one book day at most",
    unit="minor",
    smallest=0,
    by_party=True,
    sensitive=True,
)
MOST_OPEN = Parameter(
    code="withdrawal.most_open",
    default=20,
    title_zh="在途提现笔数上限",
    title_en="Open withdrawals at most",
    smallest=1,
    largest=1000,
    by_party=True,
)
CONFIRM_WITHIN = Parameter(
    code="withdrawal.confirm_within_s",
    default=30 * 60,
    title_zh="提现确认时限",
    title_en="How long a checked withdrawal waits to be confirmed",
    unit="s",
    smallest=10,
    largest=86_400,
)
PARAMETERS = (SMALLEST, LARGEST, DAILY, MOST_OPEN, CONFIRM_WITHIN)


def limits_of(configuration: Configuration, party: UUID) -> WithdrawalSettings:
    """Return the limits that hold for a party now."""
    return WithdrawalSettings(
        smallest_minor=configuration.value(SMALLEST, party),
        largest_minor=configuration.value(LARGEST, party),
        daily_minor=configuration.value(DAILY, party),
        most_open=configuration.value(MOST_OPEN, party),
        confirm_within=timedelta(seconds=configuration.value(CONFIRM_WITHIN, party)),
    )
