"""The books written a second time, in plain words, saying what every change must be answered with and what it leaves.

It shares no code with the gateway's. Money is counted the way its owner counts it (what a party has is above zero, what
it owes below), and a change is tried on a copy of the world that is kept only where everything in it went well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

Name = tuple[int, str, str]
"""An account: whose (the house is -1), in which unit, for what."""

LARGEST = 2**63 - 1
OWED = {"CNY": "advance", "PTS": "arrears"}
GUARDED = ("available", "frozen", "deposit")


class No(Exception):  # noqa: N818 - an answer, not an error
    """The change is refused for this reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Pay:
    """A transfer: what each account gains or loses, which holds it takes how much of, whether it may be refused."""

    gains: tuple[tuple[Name, int], ...]
    uses: tuple[tuple[int, int], ...] = ()
    wish: bool = False


@dataclass(frozen=True)
class Freeze:
    """A hold of a party's available money."""

    hold: int
    account: Name
    amount: int


@dataclass(frozen=True)
class Thaw:
    """A hold is given back."""

    hold: int
    expired: bool


@dataclass(frozen=True)
class Make:
    """A new record; a `spoilt` one breaks a rule that the table alone knows."""

    record: int
    spoilt: bool = False


@dataclass(frozen=True)
class Shift:
    """A record moves from a version to the next."""

    record: int
    version: int
    state: str


@dataclass(frozen=True)
class Pin:
    """A note is put up under a number, or taken down."""

    note: int
    text: str | None


@dataclass(frozen=True)
class Tally:
    """A counter moves within its bounds."""

    counter: int
    by: int
    most: int | None = None
    least: int | None = None


@dataclass(frozen=True)
class Tell:
    """A line for the feed and nothing else."""

    kind: str


Deed = Pay | Freeze | Thaw | Make | Shift | Pin | Tally | Tell


@dataclass(frozen=True)
class Wish:
    """A change as drawn: its keys as (number, content, versions), its deeds in the order the journal looks at them.

    `late` came after its time; `trusts` are the generations it was decided on; `closes` is the day it closes.
    """

    keys: tuple[tuple[int, int, tuple[int, ...]], ...] = ()
    late: bool = False
    trusts: tuple[tuple[int, int], ...] = ()
    closes: date | None = None
    deeds: tuple[Deed, ...] = ()


@dataclass(frozen=True)
class HeldMoney:
    """A hold: on which account, what is left of it, and how it stands."""

    account: Name
    rest: int
    state: str
    version: int


Posted = dict[Name, tuple[int, int]]
"""What one transfer did to each account it touched: the change and what stood there afterwards."""
Line = tuple[str, object, int | None, str | None]
"""A line of the feed: its kind, whose it is, version and state after it."""


@dataclass
class World:
    day: date
    has: dict[Name, int] = field(default_factory=dict)
    holds: dict[int, HeldMoney] = field(default_factory=dict)
    records: dict[int, tuple[int, str]] = field(default_factory=dict)
    notes: dict[int, str] = field(default_factory=dict)
    counters: dict[int, int] = field(default_factory=dict)
    keys: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    generations: dict[int, int] = field(default_factory=dict)

    def copy(self) -> World:
        """Another world like this one."""
        return World(
            day=self.day,
            has=dict(self.has),
            holds=dict(self.holds),
            records=dict(self.records),
            notes=dict(self.notes),
            counters=dict(self.counters),
            keys=dict(self.keys),
            generations=dict(self.generations),
        )


@dataclass
class Trial:
    """A change being tried on a world of its own."""

    world: World
    posted: list[Posted] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    hold_lines: list[Line] = field(default_factory=list)
    own_lines: list[Line] = field(default_factory=list)
    noticed_late: set[str] = field(default_factory=set)
    """What only the tables know: one of it is noticed where nothing else is wrong."""

    def all_lines(self) -> list[Line]:
        """The feed's lines in their order; a change that leaves none says that it was."""
        alone = ("change", "run" if self.posted else "change", None, None)
        return [*self.lines, *self.hold_lines, *self.own_lines] or [alone]


@dataclass(frozen=True)
class Verdict:
    """What a change may be answered with, and where it is taken, what it leaves."""

    answers: frozenset[str]
    subject: int | None = None
    trial: Trial | None = None


class Oracle:
    """Answers change after change as the gateway must."""

    def __init__(self, day: date) -> None:
        self.world = World(day)

    def judge(self, wish: Wish, number: int) -> Verdict:
        """Say how change `number` is answered, without keeping it.

        Where a table notices something that the journal need not have read for, and something else is wrong besides,
        either may be said.
        """
        for key, content, versions in wish.keys:
            if key in self.world.keys:
                stored, version, subject = self.world.keys[key]
                same = stored == content and version in versions
                return Verdict(frozenset({"replayed" if same else "reference_reused"}), subject)
        trial = Trial(self.world.copy())
        try:
            self._try(trial, wish, number)
        except No as no:
            return Verdict(frozenset({no.reason} | trial.noticed_late))
        if trial.noticed_late:
            return Verdict(frozenset(trial.noticed_late))
        return Verdict(frozenset({"done"}), trial=trial)

    def keep(self, verdict: Verdict) -> None:
        """Make a change that was taken part of the world."""
        assert verdict.trial is not None
        self.world = verdict.trial.world

    def _try(self, trial: Trial, wish: Wish, number: int) -> None:
        world = trial.world
        for key, content, versions in wish.keys:
            world.keys[key] = (content, versions[0], number)
        if wish.late:
            raise No("moved")
        for name, believed in wish.trusts:
            if world.generations.get(name, 0) != believed:
                raise No("moved")
        for deed in wish.deeds:
            _DOING[type(deed)](trial, deed)
        if wish.closes is not None:
            if wish.closes != world.day:
                raise No("wrong_state")
            world.day += timedelta(days=1)
            trial.own_lines.append(("day_closed", "change", None, None))


def _make(trial: Trial, deed: Make) -> None:
    if deed.record in trial.world.records:
        trial.noticed_late.add("moved")
    if deed.spoilt:
        trial.noticed_late.add("fault")
    trial.world.records[deed.record] = (1, "new")
    trial.lines.append(("parcel", deed.record, 1, "new"))


def _shift(trial: Trial, deed: Shift) -> None:
    if deed.record not in trial.world.records:
        raise No("not_found")
    version, _ = trial.world.records[deed.record]
    if version != deed.version:
        raise No("moved")
    trial.world.records[deed.record] = (version + 1, deed.state)
    trial.lines.append(("parcel", deed.record, version + 1, deed.state))


def _pin(trial: Trial, deed: Pin) -> None:
    if deed.text is None:
        trial.world.notes.pop(deed.note, None)
    else:
        trial.world.notes[deed.note] = deed.text


def _tally(trial: Trial, deed: Tally) -> None:
    now = trial.world.counters.get(deed.counter, 0) + deed.by
    if (deed.most is not None and now > deed.most) or abs(now) > LARGEST:
        raise No("limit_exceeded")
    if deed.least is not None and now < deed.least:
        raise No("risk_refused")
    trial.world.counters[deed.counter] = now


def _tell(trial: Trial, deed: Tell) -> None:
    trial.own_lines.append((deed.kind, "run", None, None))


def _pay(trial: Trial, deed: Pay) -> None:
    gains: dict[Name, int] = {}
    for account, gain in deed.gains:
        gains[account] = gains.get(account, 0) + gain
    used = _use(trial.world, deed, gains)
    _book(trial, gains, wish=deed.wish)
    for hold, held in used.items():
        _set_hold(trial, hold, held)


def _use(world: World, deed: Pay, gains: dict[Name, int]) -> dict[int, HeldMoney]:
    used: dict[int, HeldMoney] = {}
    for hold in dict.fromkeys(hold for hold, _ in deed.uses):
        amount = sum(taken for other, taken in deed.uses if other == hold)
        held = _open(world, hold)
        if amount > held.rest:
            raise No("amount_exceeds_original")
        rest = held.rest - amount
        used[hold] = HeldMoney(held.account, rest, "open" if rest else "posted", held.version + 1)
    taken: dict[Name, int] = {}
    for hold, held in used.items():
        frozen = _frozen(held.account)
        taken[frozen] = taken.get(frozen, 0) - (world.holds[hold].rest - held.rest)
    if deed.uses and taken != {account: gain for account, gain in gains.items() if gain and account[2] == "frozen"}:
        raise No("fault")
    return used


def _freeze(trial: Trial, deed: Freeze) -> None:
    if deed.hold in trial.world.holds:
        trial.noticed_late.add("moved")
    _book(trial, {deed.account: -deed.amount, _frozen(deed.account): deed.amount}, wish=True)
    _set_hold(trial, deed.hold, HeldMoney(deed.account, deed.amount, "open", 1))


def _thaw(trial: Trial, deed: Thaw) -> None:
    held = _open(trial.world, deed.hold)
    _book(trial, {_frozen(held.account): -held.rest, held.account: held.rest}, wish=True)
    ended = "expired" if deed.expired else "voided"
    _set_hold(trial, deed.hold, HeldMoney(held.account, 0, ended, held.version + 1))


def _open(world: World, hold: int) -> HeldMoney:
    held = world.holds.get(hold)
    if held is None:
        raise No("not_found")
    if held.state != "open":
        raise No("wrong_state")
    return held


def _set_hold(trial: Trial, hold: int, held: HeldMoney) -> None:
    trial.world.holds[hold] = held
    trial.hold_lines.append(("ledger_hold", hold, held.version, held.state))


def _frozen(account: Name) -> Name:
    return (account[0], account[1], "frozen")


def _book(trial: Trial, gains: dict[Name, int], *, wish: bool) -> None:
    """Book what each account gains: debts are repaid first, and of what has happened nothing is refused.

    Deposits are looked at last, because what is missing on available comes out of them first.
    """
    has = trial.world.has
    final = {account: gain for account, gain in gains.items() if gain}
    deposits = [account for account in final if account[2] == "deposit"]
    for account in [*(account for account in final if account not in deposits), *deposits]:
        party, unit, purpose = account
        owed = (party, unit, OWED[unit])
        left = has.get(account, 0) + final[account]
        if final[account] < 0 and left < 0 and purpose in GUARDED:
            if wish or purpose == "frozen":
                raise No("insufficient_funds")
            final[account] -= left
            if purpose == "available":
                deposit = (party, unit, "deposit")
                there = has.get(deposit, 0) + final.get(deposit, 0)
                given = min(-left, max(0, there))
                final[deposit] = final.get(deposit, 0) - given
                left += given
            final[owed] = final.get(owed, 0) + left
        elif wish and purpose == "deposit" and final[account] < 0:
            if has.get(owed, 0) + final.get(owed, 0) < 0:
                raise No("advance_owed")
        elif final[account] > 0 and purpose == "available":
            debt = -(has.get(owed, 0) + final.get(owed, 0))
            back = min(final[account], max(0, debt))
            final[account] -= back
            final[owed] = final.get(owed, 0) + back
    posted: Posted = {}
    for account, gain in final.items():
        stands = has.get(account, 0) + gain
        if abs(gain) > LARGEST or abs(stands) > LARGEST:
            raise No("bad_amount")
        if gain:
            posted[account] = (gain, stands)
    has.update({account: stands for account, (_, stands) in posted.items()})
    if posted:
        trial.posted.append(posted)


_DOING: dict[type, Callable[[Trial, Any], None]] = {
    Make: _make,
    Shift: _shift,
    Pin: _pin,
    Tally: _tally,
    Tell: _tell,
    Pay: _pay,
    Freeze: _freeze,
    Thaw: _thaw,
}
