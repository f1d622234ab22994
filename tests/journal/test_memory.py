"""What a journal remembers of balances, and when it may."""

from __future__ import annotations

from uuid import UUID

from gateway.journal.memory import Memory
from gateway.journal.state import Standing
from gateway.ledger import Account, Purpose


def account(number: int) -> Account:
    return Account(UUID(int=number), "CNY", Purpose.AVAILABLE)


def standing(number: int) -> Standing:
    return Standing(UUID(int=number), number, -number)


def test_it_is_trusted_only_after_a_while_alone() -> None:
    memory = Memory(most=10, alone=2)
    for seq in range(1, 4):
        assert memory.recall([account(1)]) == {}
        memory.absorb(before=seq - 1, seq=seq, accounts={account(1): standing(seq)})
    assert memory.recall([account(1), account(2)]) == {account(1): standing(3)}


def test_a_batch_between_makes_it_forget() -> None:
    memory = Memory(most=10, alone=0)
    memory.absorb(before=0, seq=1, accounts={account(1): standing(1)})
    memory.absorb(before=2, seq=3, accounts={account(2): standing(2)})
    assert memory.recall([account(1), account(2)]) == {account(2): standing(2)}


def test_what_was_not_met_for_long_is_dropped() -> None:
    memory = Memory(most=4, alone=0)
    for seq in range(1, 20):
        memory.absorb(before=seq - 1, seq=seq, accounts={account(seq): standing(seq)})
    known = memory.recall([account(number) for number in range(1, 20)])
    assert account(19) in known
    assert account(1) not in known
    assert len(known) <= 6


def test_the_newest_standing_counts() -> None:
    memory = Memory(most=4, alone=0)
    for seq in range(1, 12):
        memory.absorb(before=seq - 1, seq=seq, accounts={account(seq): standing(seq), account(0): standing(seq)})
        assert memory.recall([account(0)]) == {account(0): standing(seq)}
