"""The business day with kill -9 of gateway, database and bank: nothing is lost, nothing happens twice."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any

import pytest

from gateway.app.day import day_of
from gateway.app.killing import BETWEEN_THE_WAITS, CARRYING, Strike, Target, draw_plan, killing, show_plan
from gateway.kernel.clock import SystemClock
from gateway.sandbox.day import business_day
from gateway.sandbox.slips import Slip
from gateway.sandbox.terminal import SimulatedTerminal

SEED = 20261122
RESOLVED_WITHIN_S = 120.0
_PROMISED = 20
_FINAL = {"approved", "declined", "reversed"}
_MOVES_MONEY = {"purchase", "void", "refund"}


@pytest.mark.prove(part=1)
async def test_every_answer_of_a_killed_day_is_in_the_books(new_world, books_of, outsider, proof, monkeypatch) -> None:
    plan = draw_plan(SEED, proof.count(quick=4, full=20))
    proof.figure(seed=SEED, planned=len(plan))
    told: list[str] = []
    terminals = _watch_terminals(monkeypatch)
    try:
        async with (
            killing(plan, clock=SystemClock(), say=told.append) as killer,
            new_world(seed=SEED, fault_socket=str(killer.socket)) as world,
        ):
            books = books_of(world.facts)
            witness = _Witness(books, terminals)
            async with killer.at_work(world, open_payments=books.open_payments, after=witness.look):
                day = await day_of(world.facts, seed=SEED, say=told.append)
            assert await books.is_at_rest(within_s=RESOLVED_WITHIN_S) == []
            await witness.look(None)
            await _api_says_the_same(outsider(world.facts), day.slips, books)
            proof.figure(strikes=[strike.to_json() for strike in killer.strikes], looks=witness.looks)
            assert day.failures == ()
            assert witness.faults == []
            assert await books.done_twice() == []
            assert killer.left == []
            _as_much_as_promised(killer.strikes, full=len(plan) >= _PROMISED)
    except BaseException as error:
        error.add_note(f"seed {SEED}, plan {show_plan(plan)}")
        error.add_note("\n".join(told[-80:]))
        raise


def _as_much_as_promised(strikes: list[Strike], *, full: bool) -> None:
    """Every target died; a payment was open each time; enough of it between the waits and inside a transfer."""
    assert {strike.kill.target for strike in strikes} == set(Target)
    assert all(strike.open_payments for strike in strikes)
    at = Counter(strike.kill.point for strike in strikes)
    between = sum(at[point] for point in BETWEEN_THE_WAITS)
    carrying = sum(at[point] for point in {point for point, _ in CARRYING})
    least = 5 if full else 1
    assert between >= least
    assert carrying >= least


class _Witness:
    """Compares what terminals were answered with what the books say, after every kill and at the end."""

    def __init__(self, books: Any, terminals: list[SimulatedTerminal]) -> None:
        self._books = books
        self._terminals = terminals
        self.looks = 0
        self.faults: list[str] = []

    async def look(self, strike: Strike | None) -> None:
        told = [slip for terminal in self._terminals for slip in terminal.slips]
        operations = {_key(row): row for row in (await self._books.operations()).values()}
        self.looks += 1
        for key, slips in _by_reference(told).items():
            fault = _disagreement(operations.get(key), slips, is_final=strike is None)
            if fault is not None:
                when = "at the end" if strike is None else f"after {strike.kill}"
                self.faults.append(f"{when}: {'/'.join(key)}: {fault}")


def _disagreement(row: Any, slips: list[Slip], *, is_final: bool) -> str | None:
    """Say what of the books contradicts what the terminal was told; None where nothing does."""
    codes = [slip.code for slip in slips]
    if "00" in codes:
        return _not_as_told(row, next(slip for slip in slips if slip.code == "00"))
    is_told_nothing = "98" in codes and slips[0].request.transaction != "refund"
    if is_final and is_told_nothing and row is not None and row["state"] == "approved":
        return f"told {[_told(slip) for slip in slips]} and approved after all, first told {row['told']!r}"
    return None


def _told(slip: Slip) -> str:
    return f"{slip.code} to a repeat" if slip.repeated else slip.code


def _not_as_told(row: Any, slip: Slip) -> str | None:
    if row is None:
        return "answered 00 and not in the books"
    if row["state"] not in {"approved", "reversing", "reversed"} or not row["transfers"]:
        return f"answered 00 and {row['state']} with {row['transfers']} transfers"
    booked = (row["rrn"], row["approval_code"], row["amount_minor"])
    told = (slip.rrn, slip.approval, slip.request.amount)
    return None if booked == told else f"answered {told}, the books have {booked}"


def _by_reference(slips: list[Slip]) -> dict[tuple[str, ...], list[Slip]]:
    found: dict[tuple[str, ...], list[Slip]] = defaultdict(list)
    for slip in slips:
        request = slip.request
        if request.transaction in _MOVES_MONEY:
            found[request.fields["41"], request.batch, request.trace, request.fields["t"][:3]].append(slip)
    return found


def _key(row: Any) -> tuple[str, ...]:
    return row["terminal"], row["batch"], row["trace"], row["message_class"]


async def _api_says_the_same(outside: Any, slips: tuple[Slip, ...], books: Any) -> None:
    """Ask by reference for everything a terminal was told was done: one answer, and it is the books'."""
    api = outside.api("operator")
    operations = {_key(row): row for row in (await books.operations()).values()}
    approved = {key: told for key, told in _by_reference(list(slips)).items() if any(s.is_approved for s in told)}
    assert len(approved) > 100
    for terminal, batch, trace, message_class in approved:
        found = await api.get(f"/v1/acquiring/by-reference/{terminal}/{batch}/{trace}")
        row = operations[terminal, batch, trace, message_class]
        assert (found["state"], found["rrn"]) == (row["state"], row["rrn"]), json.dumps(found)
        assert found["state"] in _FINAL


def _watch_terminals(monkeypatch: pytest.MonkeyPatch) -> list[SimulatedTerminal]:
    """Keep the day's terminals at hand, so that their slips can be read while they work."""
    terminals: list[SimulatedTerminal] = []

    class Watched(SimulatedTerminal):
        def __init__(self, *args: Any, **settings: Any) -> None:
            super().__init__(*args, **settings)
            terminals.append(self)

    monkeypatch.setattr(business_day, "SimulatedTerminal", Watched)
    return terminals
