from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from argon2 import PasswordHasher

from gateway.kernel.clock import ManualClock
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.edit import Edited, Repeated
from gateway.parties import Kind, Party, PasswordCheck, PasswordRules, WithdrawalPasswords

RULES = PasswordRules(most_tries=3, locked_for=timedelta(hours=1))


@pytest.fixture
def hands() -> ManualClock:
    return ManualClock(datetime(2026, 11, 22, tzinfo=UTC))


@pytest.fixture
def passwords(pool: asyncpg.Pool[Any], hands: ManualClock, ids: Ids) -> WithdrawalPasswords:
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    return WithdrawalPasswords(pool=pool, clock=hands, ids=ids, rules=lambda: RULES, hasher=quick)


@pytest.fixture
async def member(plant: Callable[..., Awaitable[Party]], passwords: WithdrawalPasswords) -> UUID:
    party = await plant(Kind.MERCHANT, "m1")
    result = await passwords.set(party.id, "135790", who="user:m1", why="first password", key="p1")
    assert isinstance(result, Edited)
    return party.id


async def test_the_right_password_is_good_and_gives_the_tries_back(
    passwords: WithdrawalPasswords, member: UUID
) -> None:
    for _ in range(3):
        assert await passwords.check(member, "000000") is PasswordCheck.WRONG
        assert await passwords.check(member, "000000") is PasswordCheck.WRONG
        assert await passwords.check(member, "135790") is PasswordCheck.GOOD


async def test_wrong_tries_lock_and_time_unlocks(
    passwords: WithdrawalPasswords,
    member: UUID,
    hands: ManualClock,
) -> None:
    checks = [await passwords.check(member, "000000") for _ in range(3)]
    assert checks == [PasswordCheck.WRONG, PasswordCheck.WRONG, PasswordCheck.LOCKED]
    assert await passwords.check(member, "135790") is PasswordCheck.LOCKED
    hands.advance(timedelta(minutes=59))
    assert await passwords.check(member, "135790") is PasswordCheck.LOCKED
    hands.advance(timedelta(minutes=1))
    assert await passwords.check(member, "000000") is PasswordCheck.WRONG
    assert await passwords.check(member, "135790") is PasswordCheck.GOOD


async def test_many_guesses_at_once_get_no_more_tries(passwords: WithdrawalPasswords, member: UUID) -> None:
    guesses = ["000000"] * 8 + ["135790"] * 8
    checks = await asyncio.gather(*(passwords.check(member, guess) for guess in guesses))
    looked_at = [check for check in checks if check is not PasswordCheck.LOCKED]
    # the third wrong one answers locked itself; what a good one gave back may be spent again
    assert len(looked_at) <= RULES.most_tries * (1 + checks.count(PasswordCheck.GOOD))


async def test_a_change_ends_the_lock_and_the_old_password(passwords: WithdrawalPasswords, member: UUID) -> None:
    for _ in range(3):
        await passwords.check(member, "000000")
    result = await passwords.set(member, "246801", who="user:m1", why="forgot", key="p2")
    assert isinstance(result, Edited)
    assert await passwords.check(member, "135790") is PasswordCheck.WRONG
    assert await passwords.check(member, "246801") is PasswordCheck.GOOD


async def test_the_same_change_again_is_done_once(passwords: WithdrawalPasswords, member: UUID) -> None:
    assert isinstance(await passwords.set(member, "135790", who="user:m1", why="again", key="p1"), Repeated)


async def test_who_has_none_is_told_so(passwords: WithdrawalPasswords) -> None:
    assert await passwords.check(UUID(int=1), "135790") is PasswordCheck.ABSENT


@pytest.mark.parametrize("password", ["", "12345", "1234567", "12345a", "１２３４５６"])
async def test_a_password_is_six_digits(passwords: WithdrawalPasswords, member: UUID, password: str) -> None:
    with pytest.raises(ValueError, match="six digits"):
        await passwords.set(member, password, who="x", why="y", key="z")


async def test_the_hash_is_in_no_trail(passwords: WithdrawalPasswords, member: UUID, pool: asyncpg.Pool[Any]) -> None:
    await passwords.set(member, "246801", who="user:m1", why="change", key="p2")
    trail = str(await pool.fetch("SELECT before, after FROM record_edit_line WHERE table_name = 'withdrawal_password'"))
    assert "changed_at" in trail
    assert "argon2" not in trail
