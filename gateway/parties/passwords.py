"""Withdrawal passwords: six digits, kept as Argon2id hashes, few tries, none of them free (rows A53, A59)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.edit import Add, Alter, Edit, EditResult, apply_edit
from gateway.kernel.postgres.pool import Database
from gateway.parties import store

_LENGTH = 6


class PasswordCheck(StrEnum):
    """What came of a try."""

    GOOD = "good"
    WRONG = "wrong"
    LOCKED = "locked"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordRules:
    """How many wrong tries in a row lock a password, and for how long."""

    most_tries: int = 5
    locked_for: timedelta = timedelta(hours=24)


class WithdrawalPasswords:
    """Sets and checks the withdrawal password of a party; `rules` tells those that hold now."""

    def __init__(
        self,
        *,
        pool: Database,
        clock: Clock,
        ids: Ids,
        rules: Callable[[], PasswordRules] = PasswordRules,
        hasher: PasswordHasher | None = None,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._ids = ids
        self._rules = rules
        self._hasher = hasher or PasswordHasher()

    async def set(self, party: UUID, password: str, *, who: str, why: str, key: str) -> EditResult:
        """Set or change the password; a change also ends a lock. Raises ValueError where it is not six digits."""
        if len(password) != _LENGTH or not (password.isascii() and password.isdigit()):
            message = "a withdrawal password is six digits"
            raise ValueError(message)
        now = self._clock.now()
        hashed = await asyncio.to_thread(self._hasher.hash, password)
        row = {"hash": hashed, "wrong_tries": 0, "locked_until": None, "changed_at": now}
        version = await store.password_version(self._pool, party)
        line = (
            Add(store.WITHDRAWAL_PASSWORD, {"id": party, **row})
            if version is None
            else Alter(store.WITHDRAWAL_PASSWORD, party, version, row)
        )
        said = {"withdrawal_password": str(party)}
        return await apply_edit(
            self._pool,
            Edit(id=self._ids.new(), key=key, who=who, why=why, at=now, said=said, lines=(line,)),
        )

    async def check(self, party: UUID, password: str) -> PasswordCheck:
        """Spend one try on `password`; a good one gives all tries back. Two hundred milliseconds, in a thread."""
        now, rules = self._clock.now(), self._rules()
        hashed = await store.take_try(self._pool, party, most=rules.most_tries, now=now)
        if hashed is None:
            known = await store.password_version(self._pool, party) is not None
            return PasswordCheck.LOCKED if known else PasswordCheck.ABSENT
        if await asyncio.to_thread(self._matches, hashed, password):
            await store.forgive_tries(self._pool, party)
            return PasswordCheck.GOOD
        until = now + rules.locked_for
        locked = await store.lock_if_spent(self._pool, party, most=rules.most_tries, until=until)
        return PasswordCheck.LOCKED if locked else PasswordCheck.WRONG

    def _matches(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except VerifyMismatchError:
            return False
