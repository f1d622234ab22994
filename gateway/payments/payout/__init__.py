"""Money out: withdrawals, payouts and settlement payouts are one record and one machine (design section 4).

A payout is checked, confirmed with the party's password and frozen together with its clearing instruction; it is
`sent` with the move to sending, before the first byte leaves; a query or a return file ends it. Nothing here knows a
bank: clearing carries the instruction and comes back with what the bank did (`results`).
"""

from gateway.payments.payout.effect import Clerk, Effect
from gateway.payments.payout.model import OwnInstruction, Payout, PayoutEvent, PayoutKind, PayoutState
from gateway.payments.payout.ports import BankCards, Numbers, PayeeCard, Quoted, Quotes, Routes
from gateway.payments.payout.settings import WithdrawalSettings
from gateway.payments.payout.states import NotAllowedError, advance
from gateway.payments.payout.store import PAYOUT
from gateway.payments.payout.withdrawals import Withdrawal, Withdrawals

__all__ = [
    "PAYOUT",
    "BankCards",
    "Clerk",
    "Effect",
    "NotAllowedError",
    "Numbers",
    "OwnInstruction",
    "PayeeCard",
    "Payout",
    "PayoutEvent",
    "PayoutKind",
    "PayoutState",
    "Quoted",
    "Quotes",
    "Routes",
    "Withdrawal",
    "WithdrawalSettings",
    "Withdrawals",
    "advance",
]
