"""The checks a withdrawal passes before the password is asked (rows A57, A58): a table, the first failing decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from gateway.kernel.reasons import Reason
from gateway.payments.payout.settings import WithdrawalSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a party stands, read in one snapshot; amounts in minor units of one unit.

    `available_minor` is what it can dispose of (>= 0), `unripe_minor` the part of it that has not ripened, `owed_minor`
    what the platform advanced; `taken_today_minor` counts the open book day; `turn` is raised by every confirmation.
    """

    party_state: str | None
    merchant_state: str | None
    card_is_bound: bool
    available_minor: int
    unripe_minor: int
    owed_minor: int
    open_count: int
    taken_today_minor: int
    turn: int
    day: date

    @property
    def withdrawable_minor(self) -> int:
        """The balance less what has not ripened (rows A55, design section 3)."""
        return max(0, self.available_minor - max(0, self.unripe_minor))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a withdrawal would take; `is_new` where it does not stand among the open ones yet."""

    amount_minor: int
    fee_minor: int
    is_new: bool


Fails = Callable[[Standing, Wanted, WithdrawalSettings], bool]

CHECKS: tuple[tuple[Reason, str, Fails], ...] = (
    (Reason.BAD_AMOUNT, "the amount must be more than zero", lambda _, w, __: w.amount_minor <= 0),
    (Reason.NOT_FOUND, "the party is not known", lambda s, _, __: s.party_state is None),
    (Reason.NOT_PERMITTED, "the party is suspended or closed", lambda s, _, __: s.party_state != "open"),
    (
        Reason.MERCHANT_UNKNOWN,
        "the merchant is not open",
        lambda s, _, __: s.merchant_state not in {None, "open", "suspended"},
    ),
    (Reason.NOT_PERMITTED, "the merchant is suspended", lambda s, _, __: s.merchant_state == "suspended"),
    (Reason.CARD_NOT_BOUND, "the bank card is not bound to the party", lambda s, _, __: not s.card_is_bound),
    (Reason.ADVANCE_OWED, "an advance is still owed", lambda s, _, __: s.owed_minor > 0),
    (
        Reason.WITHDRAWAL_OPEN,
        "too many withdrawals are still open",
        lambda s, w, limits: s.open_count + w.is_new > limits.most_open,
    ),
    (
        Reason.LIMIT_EXCEEDED,
        "below the smallest or above the largest amount",
        lambda _, w, limits: not limits.smallest_minor <= w.amount_minor <= limits.largest_minor,
    ),
    (
        Reason.LIMIT_EXCEEDED,
        "above the day's limit",
        lambda s, w, limits: s.taken_today_minor + w.amount_minor > limits.daily_minor,
    ),
    (
        Reason.INSUFFICIENT_FUNDS,
        "amount and fee are more than can be withdrawn",
        lambda s, w, _: w.amount_minor + w.fee_minor > s.withdrawable_minor,
    ),
)


def check(standing: Standing, wanted: Wanted, limits: WithdrawalSettings) -> tuple[Reason, str] | None:
    """Return the first failing check's reason and words, or None where the withdrawal is allowed."""
    for reason, words, fails in CHECKS:
        if fails(standing, wanted, limits):
            return reason, words
    return None
