"""Decides what a posting enters into the books as they stand; pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import NamedTuple, assert_never
from uuid import UUID

from gateway.journal.model import Refused
from gateway.journal.state import Held, Standing, State
from gateway.kernel.reasons import Reason
from gateway.ledger.model import Account, Hold, Posting, Purpose, Release, Transfer
from gateway.ledger.rules import (
    Amounts,
    Lacking,
    Owing,
    TooLarge,
    frozen_of,
    merged,
    settle,
    uses_by_hold,
)

NewId = Callable[[], UUID]


class Entry(NamedTuple):
    """An entry to be written; `opens` = it is the account's first."""

    account: Account
    account_id: UUID
    version: int
    amount_minor: int
    balance_minor: int
    opens: bool


class Entered(NamedTuple):
    """A transfer as it will stand in the books, with the holds it opened or changed."""

    id: UUID
    kind: str
    subject: UUID
    occurred_at: datetime
    entries: list[Entry]
    holds: dict[UUID, Held]
    value_on: date | None = None
    note: str = ""


def enter(posting: Posting, state: State, new_id: NewId) -> Entered | Refused:
    """Decide `posting` on `state`, which takes over its effects; after a refusal they are to be taken back."""
    match posting:
        case Transfer():
            return _enter_transfer(posting, state, new_id)
        case Hold():
            return _enter_hold(posting, state, new_id)
        case Release():
            return _enter_release(posting, state, new_id)
        case _:
            assert_never(posting)


def _enter_transfer(transfer: Transfer, state: State, new_id: NewId) -> Entered | Refused:
    amounts = merged(transfer.legs)
    holds = _use_holds(transfer, amounts, state) if transfer.uses else {}
    if isinstance(holds, Refused):
        return holds
    entries = _entries(amounts, state, new_id, wish=transfer.wish)
    if isinstance(entries, Refused):
        return entries
    for hold, held in holds.items():
        state.note(state.holds, hold, held)
    return Entered(
        id=transfer.id,
        kind=transfer.kind,
        subject=transfer.subject,
        occurred_at=transfer.occurred_at,
        entries=entries,
        holds=holds,
        value_on=transfer.value_on,
        note=transfer.note,
    )


def _enter_hold(hold: Hold, state: State, new_id: NewId) -> Entered | Refused:
    if state.holds.seen(hold.id) is not None:
        return Refused(Reason.MOVED, "a hold with this id is open already", hold.id)
    frozen = frozen_of(hold.account)
    entries = _entries({hold.account: hold.amount_minor, frozen: -hold.amount_minor}, state, new_id, wish=True)
    if isinstance(entries, Refused):
        return entries
    if hold.keeping is not None and (refused := _keep(hold, hold.keeping, state)):
        return refused
    account_ids = {entry.account: entry.account_id for entry in entries}
    held = Held(hold.account, account_ids[hold.account], account_ids[frozen], hold.amount_minor, "open", 1)
    state.note(state.holds, hold.id, held)
    return Entered(
        id=hold.id,
        kind=hold.kind,
        subject=hold.subject,
        occurred_at=hold.occurred_at,
        entries=entries,
        holds={hold.id: held},
    )


def _keep(hold: Hold, counter: tuple[str, str], state: State) -> Refused | None:
    """Refuse a hold that would leave less on its account than the counter says must stay there."""
    standing, keep = state.accounts[hold.account], state.counters[counter]
    if -standing.balance_minor >= keep:
        return None
    what = f"{-standing.balance_minor} {hold.account.unit} would be left of {keep} that are to stay"
    return Refused(Reason.INSUFFICIENT_FUNDS, what, standing.id)


def _enter_release(release: Release, state: State, new_id: NewId) -> Entered | Refused:
    held = _open_hold(release.hold, state)
    if isinstance(held, Refused):
        return held
    amounts = {frozen_of(held.account): held.rest_minor, held.account: -held.rest_minor}
    entries = _entries(amounts, state, new_id, wish=True)
    if isinstance(entries, Refused):
        return entries
    ended = held._replace(rest_minor=0, state="expired" if release.expired else "voided", version=held.version + 1)
    state.note(state.holds, release.hold, ended)
    return Entered(
        id=new_id(),
        kind=release.kind,
        subject=release.subject,
        occurred_at=release.occurred_at,
        entries=entries,
        holds={release.hold: ended},
    )


def _open_hold(hold: UUID, state: State) -> Held | Refused:
    held = state.hold(hold)
    if held is None:
        return Refused(Reason.NOT_FOUND, "there is no such hold", hold)
    if held.state != "open":
        return Refused(Reason.WRONG_STATE, f"the hold is {held.state}", hold)
    return held


def _use_holds(transfer: Transfer, amounts: Amounts, state: State) -> dict[UUID, Held] | Refused:
    used: dict[UUID, Held] = {}
    taken: dict[Account, int] = {}
    for hold, amount in uses_by_hold(transfer.uses).items():
        held = _open_hold(hold, state)
        if isinstance(held, Refused):
            return held
        rest = held.rest_minor - amount
        if rest < 0:
            return Refused(Reason.AMOUNT_EXCEEDS_ORIGINAL, f"the hold has {held.rest_minor} left", hold)
        used[hold] = held._replace(rest_minor=rest, state="open" if rest else "posted", version=held.version + 1)
        frozen = frozen_of(held.account)
        taken[frozen] = taken.get(frozen, 0) + amount
    if taken != {account: amount for account, amount in amounts.items() if account.purpose is Purpose.FROZEN}:
        return Refused(Reason.FAULT, "the holds that are used stand on other accounts than the legs", transfer.id)
    return used


def _entries(amounts: Amounts, state: State, new_id: NewId, *, wish: bool) -> list[Entry] | Refused:
    accounts = state.accounts
    before: dict[Account, Standing] = {}

    def balance(account: Account) -> int:
        standing = before[account] = accounts[account]
        return standing[2]

    settled = settle(amounts, balance, wish=wish)
    if isinstance(settled, Lacking):
        what = f"{settled.missing_minor} {settled.account.unit} are missing on {settled.account.purpose}"
        return Refused(Reason.INSUFFICIENT_FUNDS, what, before[settled.account].id)
    if isinstance(settled, Owing):
        what = f"{settled.owed_minor} {settled.account.unit} are owed: they are repaid before a deposit is taken out"
        return Refused(Reason.ADVANCE_OWED, what, before[settled.account].id)
    if isinstance(settled, TooLarge):
        return Refused(Reason.BAD_AMOUNT, "the balance would pass what can be counted", before[settled.account].id)
    return [_entry(account, amount, before[account], state, new_id) for account, amount in settled.items()]


def _entry(account: Account, amount: int, before: Standing, state: State, new_id: NewId) -> Entry:
    known_id, version, balance = before
    account_id, version, balance = known_id or new_id(), version + 1, balance + amount
    accounts = state.accounts
    state.undo.append((accounts, account, before))
    accounts[account] = Standing(account_id, version, balance)
    return Entry(account, account_id, version, amount, balance, known_id is None)
