"""What a journal knows of the books between batches: what is kept, and the way back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from gateway.journal.decide import Decided
from gateway.journal.memory import Memory
from gateway.journal.rows import Rows
from gateway.journal.shape import Shapes
from gateway.journal.state import Head, Known, NotReadError, Standing, State
from gateway.ledger import Account, Purpose
from tests.journal.conftest import DAY, NOW


def account(number: int) -> Account:
    return Account(UUID(int=number), "CNY", Purpose.AVAILABLE)


def standing(version: int) -> Standing:
    return Standing(UUID(int=1), version, -version)


def head(seq: int) -> Head:
    return Head(seq, bytes(32), DAY, NOW)


def decided(state: State, **noted: Any) -> Decided:
    """Decide a batch that notes versions of accounts by number: `decided(state, a1=7)`."""
    before, state.undo = state.head, []
    for name, version in noted.items():
        state.note(state.accounts, account(int(name[1:])), standing(version))
    state.head = head(before.seq + 1)
    undo, state.undo = state.undo, []
    return Decided(
        book="main",
        batch_id=UUID(int=9),
        before=before,
        head=state.head,
        receipts=[],
        rows=Rows(Shapes.of(())),
        undo=undo,
        changes=1,
    )


@pytest.fixture
def memory() -> Memory:
    made = Memory(most=4)
    made.adopt(State(head(1)))
    return made


def known(memory: Memory, number: int) -> Standing | None:
    assert memory.state is not None
    return memory.state.accounts.seen(account(number))


def test_what_was_decided_stands_at_once_and_stays_when_written(memory: Memory) -> None:
    assert memory.state is not None
    batch = decided(memory.state, a1=1)
    memory.decided(batch)
    assert (known(memory, 1), memory.state.head.seq) == (standing(1), 2)
    memory.written(batch)
    memory.retreat()
    assert (known(memory, 1), memory.state.head.seq) == (standing(1), 2)


def test_a_batch_that_is_not_written_takes_those_behind_it_back_too(memory: Memory) -> None:
    assert memory.state is not None
    memory.state.accounts[account(1)] = standing(5)
    for versions in ({"a1": 6, "a2": 1}, {"a1": 7}):
        memory.decided(decided(memory.state, **versions))
    age = memory.age
    memory.retreat()
    assert (known(memory, 1), known(memory, 2), memory.state.head.seq) == (standing(5), None, 1)
    assert memory.age > age
    assert not memory.open


def test_what_was_not_met_for_long_is_let_go(memory: Memory) -> None:
    assert memory.state is not None
    for number in range(20):
        memory.state.accounts[account(number)] = standing(number + 1)
        memory.turn()
    assert known(memory, 19) == standing(20)
    assert known(memory, 1) is None


def test_behind_turned_pages_there_is_no_way_back(memory: Memory) -> None:
    assert memory.state is not None
    memory.state.accounts[account(1)] = standing(5)
    first = decided(memory.state, a1=6, a2=1, a3=1)
    memory.decided(first)
    memory.turn()
    # Only looked at, it stands in the new pages as the batch before left it.
    assert memory.state.accounts[account(1)] == standing(6)
    memory.retreat()
    assert memory.state is None


def test_once_written_turned_pages_are_no_matter(memory: Memory) -> None:
    assert memory.state is not None
    first = decided(memory.state, a1=6, a2=1, a3=1)
    memory.decided(first)
    memory.turn()
    memory.written(first)
    memory.decided(decided(memory.state, a1=7))
    memory.retreat()
    assert known(memory, 1) == standing(6)


def test_what_is_read_does_not_replace_what_was_decided_since(memory: Memory) -> None:
    assert memory.state is not None
    batch = decided(memory.state, a1=6)
    memory.decided(batch)
    found = State(head(1))
    found.accounts[account(1)], found.accounts[account(2)] = standing(5), standing(1)
    memory.state.learn(found)
    assert (known(memory, 1), known(memory, 2)) == (standing(6), standing(1))
    memory.written(batch)
    memory.state.learn(found)
    assert known(memory, 1) == standing(5)


def test_nothing_is_known_after_somebody_else_wrote(memory: Memory) -> None:
    memory.forget()
    assert memory.state is None


def test_what_is_not_known_is_told_and_older_pages_are_looked_at() -> None:
    pages: Known[str, int] = Known()
    pages["a"] = 1
    younger = Known(pages)
    assert younger["a"] == 1
    assert "a" in younger
    with pytest.raises(NotReadError):
        younger["b"]
