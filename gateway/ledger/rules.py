"""The rules of posting, pure: what legs become once funds, shortfalls and advances are looked at (design section 3).

Signs are those of `model`: debit positive, credit negative. Money on a no-overdraft account is a credit balance, so
such an account may never stand above zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from gateway.kernel.money import CURRENCIES
from gateway.ledger.model import Account, Hold, HoldUse, Leg, Posting, Purpose, Release, Transfer

NO_OVERDRAFT = frozenset({Purpose.AVAILABLE, Purpose.FROZEN, Purpose.DEPOSIT})
LARGEST = 2**63 - 1
# An account's neighbours are named again with every posting on it.
_KEPT = 100_000
_AVAILABLE, _FROZEN, _DEPOSIT = Purpose.AVAILABLE, Purpose.FROZEN, Purpose.DEPOSIT
_ADVANCE, _ARREARS = Purpose.ADVANCE, Purpose.ARREARS

Balance = Callable[[Account], int]
Amounts = dict[Account, int]


class MalformedPostingError(ValueError):
    """A posting that no state of the books could take: a fault of the code that made it, not of the request."""


@dataclass(frozen=True, slots=True)
class Lacking:
    """A wish that the account's money does not cover; `missing_minor` > 0 is what it lacks."""

    account: Account
    missing_minor: int


@dataclass(frozen=True, slots=True)
class Owing:
    """A wish to take from the deposit of a party that owes; `owed_minor` > 0 stands on `account`."""

    account: Account
    owed_minor: int


@dataclass(frozen=True, slots=True)
class TooLarge:
    """A balance would leave the range of a 64-bit integer."""

    account: Account


@lru_cache(maxsize=_KEPT)
def owed_by(account: Account) -> Account:
    """The account on which what the owner of `account` owes stands: an advance, of points units arrears."""
    purpose = Purpose.ADVANCE if account.unit in CURRENCIES else Purpose.ARREARS
    return Account(account.party, account.unit, purpose)


@lru_cache(maxsize=_KEPT)
def deposit_of(account: Account) -> Account:
    """The deposit of the owner of `account` in its unit."""
    return Account(account.party, account.unit, Purpose.DEPOSIT)


@lru_cache(maxsize=_KEPT)
def frozen_of(account: Account) -> Account:
    """Where a hold on the available `account` keeps its money."""
    return Account(account.party, account.unit, Purpose.FROZEN, account.item)


def merged(legs: Iterable[Leg]) -> Amounts:
    """Add up the legs of each account; an account whose legs cancel out takes no entry."""
    amounts: Amounts = {}
    for leg in legs:
        account = leg.account
        amounts[account] = amounts.get(account, 0) + leg.amount_minor
    return amounts if all(amounts.values()) else {account: amount for account, amount in amounts.items() if amount}


def check(posting: Posting) -> None:
    """Refuse a posting whose shape is wrong whatever the books say. Raises MalformedPostingError."""
    if isinstance(posting, Transfer):
        _check_transfer(posting)
    elif isinstance(posting, Hold):
        _check_hold(posting)


def _check_transfer(transfer: Transfer) -> None:
    sums: dict[str, int] = {}
    frozen = 0
    for leg in transfer.legs:
        amount, account = leg.amount_minor, leg.account
        if type(amount) is not int or not amount:
            raise MalformedPostingError(f"transfer {transfer.kind}: a leg's amount is a whole number other than 0")
        if account.purpose is _FROZEN:
            if amount < 0:
                raise MalformedPostingError(f"transfer {transfer.kind}: only a hold puts money on a frozen account")
            frozen += amount
        sums[account.unit] = sums.get(account.unit, 0) + amount
    if any(sums.values()):
        unit, total = next((unit, total) for unit, total in sums.items() if total)
        raise MalformedPostingError(f"transfer {transfer.kind} does not balance: {total} {unit} over")
    if not merged(transfer.legs):
        raise MalformedPostingError(f"transfer {transfer.kind} moves nothing")
    if frozen or transfer.uses:
        _check_uses(transfer, frozen)


def _check_uses(transfer: Transfer, frozen: int) -> None:
    if any(type(use.amount_minor) is not int or use.amount_minor <= 0 for use in transfer.uses):
        raise MalformedPostingError(f"transfer {transfer.kind}: a hold's use is a whole number above 0")
    if frozen != sum(use.amount_minor for use in transfer.uses):
        raise MalformedPostingError(f"transfer {transfer.kind}: legs on frozen accounts and the uses of holds differ")


def _check_hold(hold: Hold) -> None:
    if type(hold.amount_minor) is not int or hold.amount_minor <= 0:
        raise MalformedPostingError(f"hold {hold.kind}: the amount is a whole number above 0")
    if hold.account.purpose is not Purpose.AVAILABLE:
        raise MalformedPostingError(f"hold {hold.kind}: only available money can be held")


def reaches(posting: Posting) -> set[Account]:
    """Every account whose balance decides what `posting` becomes; a release's own are found through its hold."""
    if isinstance(posting, Hold):
        return {posting.account, frozen_of(posting.account)}
    if isinstance(posting, Release):
        return set()
    accounts = {leg.account for leg in posting.legs}
    for leg in posting.legs:
        if leg.account.purpose is Purpose.AVAILABLE and leg.amount_minor < 0:
            accounts.add(owed_by(leg.account))
        elif leg.account.purpose in (Purpose.AVAILABLE, Purpose.DEPOSIT) and not posting.wish:
            accounts |= {deposit_of(leg.account), owed_by(leg.account)}
        elif leg.account.purpose is Purpose.DEPOSIT:
            accounts.add(owed_by(leg.account))
    return accounts


def settle(amounts: Amounts, balance: Balance, *, wish: bool) -> Amounts | Lacking | Owing | TooLarge:
    """What `amounts` become: shortfalls of facts moved on, credits to debtors kept back for what they owe.

    `balance` tells what stands on an account before. Gives the amounts to enter (none of them 0), or who cannot.
    Source: design section 3 (wishes and facts), worked examples 3c2, 3g, 6f.
    """
    if _covered(amounts, balance):
        return amounts
    final = dict(amounts)
    for account in sorted(amounts, key=_takes_last):
        over = balance(account) + final[account]
        if final[account] > 0 and over > 0 and account.purpose in NO_OVERDRAFT:
            if wish or account.purpose is Purpose.FROZEN:
                return Lacking(account, over)
            _pass_on(account, over, final, balance)
        elif wish and account.purpose is Purpose.DEPOSIT and final[account] > 0:
            # A deposit stands for what its owner owes: it is not taken out before that is repaid.
            owed = owed_by(account)
            if balance(owed) + final.get(owed, 0) > 0:
                return Owing(owed, balance(owed) + final.get(owed, 0))
        elif final[account] < 0 and account.purpose is Purpose.AVAILABLE:
            _repay(account, final, balance)
    for account, amount in final.items():
        if abs(amount) > LARGEST or abs(balance(account) + amount) > LARGEST:
            return TooLarge(account)
    return {account: amount for account, amount in final.items() if amount}


def _covered(amounts: Amounts, balance: Balance) -> bool:
    """Tell whether there is money for everything and nobody owes any: then the amounts are entered as they are."""
    for account, amount in amounts.items():
        after, purpose = balance(account) + amount, account.purpose
        if not -LARGEST <= after <= LARGEST or not -LARGEST <= amount <= LARGEST:
            return False
        if amount > 0:
            if after > 0 and (purpose is _AVAILABLE or purpose is _FROZEN):
                return False
            if purpose is _DEPOSIT or purpose is _ADVANCE or purpose is _ARREARS:
                return False
        elif purpose is _AVAILABLE and balance(owed_by(account)) > 0:
            return False
    return True


def _takes_last(account: Account) -> bool:
    # A deposit is looked at last: what is missing on available is taken from it before its own debit counts.
    return account.purpose is Purpose.DEPOSIT


def _pass_on(account: Account, missing: int, final: Amounts, balance: Balance) -> None:
    final[account] -= missing
    if account.purpose is Purpose.AVAILABLE:
        deposit = deposit_of(account)
        taken = min(missing, max(0, -balance(deposit) - final.get(deposit, 0)))
        final[deposit] = final.get(deposit, 0) + taken
        missing -= taken
    owed = owed_by(account)
    final[owed] = final.get(owed, 0) + missing


def _repay(account: Account, final: Amounts, balance: Balance) -> None:
    owed = owed_by(account)
    repaid = min(-final[account], max(0, balance(owed) + final.get(owed, 0)))
    final[account] += repaid
    final[owed] = final.get(owed, 0) - repaid


def uses_by_hold(uses: Iterable[HoldUse]) -> dict[UUID, int]:
    """Add up the uses of each hold."""
    totals: dict[UUID, int] = {}
    for use in uses:
        totals[use.hold] = totals.get(use.hold, 0) + use.amount_minor
    return totals
