"""A tiny ledger written a second time, in plain words, that says what every change must be answered with.

It shares no code with the gateway's: money is counted the way people count it (what a party has is positive), and a
change is tried on a copy that is kept only where everything in it went well.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any


class No(Exception):  # noqa: N818 - an answer, not an error
    """The change is refused for this reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class World:
    available: dict[int, int] = field(default_factory=dict)
    frozen: dict[int, int] = field(default_factory=dict)
    deposit: dict[int, int] = field(default_factory=dict)
    owed: dict[int, int] = field(default_factory=dict)
    house: int = 0
    holds: dict[int, tuple[int, int, bool]] = field(default_factory=dict)
    records: dict[int, int] = field(default_factory=dict)
    counter: int = 0
    keys: dict[int, int] = field(default_factory=dict)
    late: bool = False
    double: bool = False

    def credit(self, party: int, amount: int) -> None:
        repaid = min(amount, self.owed.get(party, 0))
        self.owed[party] = self.owed.get(party, 0) - repaid
        self.available[party] = self.available.get(party, 0) + amount - repaid

    def debit(self, party: int, amount: int, *, wish: bool) -> None:
        has = self.available.get(party, 0)
        if amount > has and wish:
            raise No("insufficient_funds")
        from_deposit = min(max(0, amount - has), self.deposit.get(party, 0))
        self.available[party] = has - min(amount, has)
        self.deposit[party] = self.deposit.get(party, 0) - from_deposit
        self.owed[party] = self.owed.get(party, 0) + max(0, amount - has) - from_deposit


# Records are looked at before limits, limits before money.
_TURNS = {"insert": 0, "move": 0, "count": 1}


def _turn(operation: tuple[Any, ...]) -> int:
    return _TURNS.get(operation[0], 2)


class Oracle:
    """Answers change after change as the gateway must."""

    def __init__(self) -> None:
        self.world = World()

    def answers(self, change: tuple[Any, ...]) -> set[str]:
        """Return what (key, content, operations) may be answered with: "done", "replayed", or reasons of a refusal.

        There are two where a record is there already and something else is wrong besides: the record is noticed first
        where it was made in the same batch, last where only the table knows of it.
        """
        key, content, operations = change
        if key in self.world.keys:
            return {"replayed" if self.world.keys[key] == content else "reference_reused"}
        reasons = {self._try(operations, key, content, late=late) for late in (True, False)}
        return {"done"} if reasons == {""} else reasons

    def _try(self, operations: list[Any], key: int | None, content: int, *, late: bool) -> str:
        tried = deepcopy(self.world)
        tried.late = late
        if key is not None:
            tried.keys[key] = content
        try:
            for verb, *rest in sorted(operations, key=_turn):
                getattr(self, f"_{verb}")(tried, *rest)
            if tried.double:
                return "moved"
        except No as no:
            return no.reason
        self._tried = tried
        return ""

    def keep(self) -> None:
        """Make what was tried last, and done, the world."""
        self.world = self._tried

    @staticmethod
    def _pay_in(world: World, party: int, amount: int) -> None:
        world.house += amount
        world.credit(party, amount)

    @staticmethod
    def _secure(world: World, party: int, amount: int) -> None:
        world.house += amount
        world.deposit[party] = world.deposit.get(party, 0) + amount

    @staticmethod
    def _pay(world: World, payer: int, payee: int, amount: int, wish: bool) -> None:  # noqa: FBT001 - drawn
        world.debit(payer, amount, wish=wish)
        world.credit(payee, amount)

    @staticmethod
    def _charge(world: World, party: int, amount: int) -> None:
        world.debit(party, amount, wish=False)
        world.house -= amount

    @staticmethod
    def _hold(world: World, hold: int, party: int, amount: int) -> None:
        world.debit(party, amount, wish=True)
        world.frozen[party] = world.frozen.get(party, 0) + amount
        world.holds[hold] = (party, amount, True)

    @staticmethod
    def _open_hold(world: World, hold: int) -> tuple[int, int]:
        if hold not in world.holds:
            raise No("not_found")
        party, rest, is_open = world.holds[hold]
        if not is_open:
            raise No("wrong_state")
        return party, rest

    def _use(self, world: World, hold: int, party: int, amount: int) -> None:
        owner, rest = self._open_hold(world, hold)
        if amount > rest:
            raise No("amount_exceeds_original")
        if owner != party:
            raise No("fault")
        world.holds[hold] = (party, rest - amount, rest > amount)
        world.frozen[party] -= amount
        world.house -= amount

    def _release(self, world: World, hold: int) -> None:
        party, rest = self._open_hold(world, hold)
        world.holds[hold] = (party, 0, False)
        world.frozen[party] -= rest
        world.credit(party, rest)

    @staticmethod
    def _insert(world: World, record: int) -> None:
        world.double = world.double or record in world.records
        if world.double and not world.late:
            raise No("moved")
        world.records[record] = 1

    @staticmethod
    def _move(world: World, record: int, version: int) -> None:
        if record not in world.records:
            raise No("not_found")
        if world.records[record] != version:
            raise No("moved")
        world.records[record] += 1

    @staticmethod
    def _count(world: World, by: int, most: int, least: int) -> None:
        if world.counter + by > most:
            raise No("limit_exceeded")
        if world.counter + by < least:
            raise No("risk_refused")
        world.counter += by
