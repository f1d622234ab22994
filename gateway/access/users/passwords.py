"""Log-in passwords: Argon2id in threads, few at a time, and which ones may be chosen (OWASP ASVS 2.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from gateway.access.users.model import UserRules
from gateway.kernel.data import data_path
from gateway.kernel.randomness import Randomness

_LONGEST: Final = 128
# each takes 64 MiB of memory for as long as it runs
_AT_ONCE: Final = 2
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_ONE_TIME_LENGTH, _GROUP = 20, 5


class Passwords:
    """Hashes and checks passwords; at most two at once in a process, the others wait their turn."""

    def __init__(self, *, rules: UserRules, randomness: Randomness, hasher: PasswordHasher | None = None) -> None:
        self._rules = rules
        self._randomness = randomness
        self._hasher = hasher or PasswordHasher()
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._nobodys = ""

    def one_time(self) -> str:
        """Make a one-time password: 20 letters and digits that are not mistaken for one another, 98 bits."""
        letters = [_LETTERS[octet % len(_LETTERS)] for octet in self._octets()]
        groups = ["".join(letters[place : place + _GROUP]) for place in range(0, _ONE_TIME_LENGTH, _GROUP)]
        return "-".join(groups)

    async def hash(self, password: str) -> str:
        """Hash a password for storage."""
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, hashed: str, password: str) -> bool:
        """Check a password against its hash."""
        async with self._turns:
            return await asyncio.to_thread(self._verify, hashed, password)

    async def waste(self, password: str) -> None:
        """Take as long as a check does, so that an unknown login answers like a wrong password."""
        if not self._nobodys:
            self._nobodys = await self.hash(self.one_time())
        await self.matches(self._nobodys, password)

    async def refusal(self, password: str, *, login: str, past: Sequence[str]) -> str | None:
        """Say why a password may not be chosen; None where it may. `past` are the hashes it must not repeat."""
        rules, plain = self._rules, password.casefold()
        if not rules.password_least <= len(password) <= _LONGEST:
            return f"a password has {rules.password_least} to {_LONGEST} characters"
        if login.casefold() in plain or len(set(plain)) < rules.password_least // 3:
            return "a password does not hold the login and is not a few characters repeated"
        if plain in common_passwords():
            return "this is one of the passwords that everybody tries first"
        for hashed in past[: rules.password_past]:
            if await self.matches(hashed, password):
                return f"the last {rules.password_past} passwords cannot be chosen again"
        return None

    def _verify(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerifyMismatchError, VerificationError, InvalidHashError):
            return False

    def _octets(self) -> bytes:
        """Random octets that fall evenly on the letters."""
        even = 256 - 256 % len(_LETTERS)
        found = b""
        while len(found) < _ONE_TIME_LENGTH:
            found += bytes(octet for octet in self._randomness.octets(_ONE_TIME_LENGTH) if octet < even)
        return found[:_ONE_TIME_LENGTH]


@cache
def common_passwords() -> frozenset[str]:
    """Read the list of passwords that nobody may choose."""
    lines = data_path("config/seeds/common-passwords.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line.casefold() for line in lines if line and not line.startswith("#"))
