"""Sessions: 256 random bits in the user's hand, their digest in the database; they end when told, unused, or old."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from gateway.access.model import Caller
from gateway.access.users import store
from gateway.access.users.model import Credentials, FoundSession, Session, UserParameters, UserRules
from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.pool import Database
from gateway.kernel.randomness import Randomness

_TOKEN_LENGTH: Final = 32
# how much of the idle time may pass before it is written that the session is in use
_TOUCH_SHARE: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedSession:
    """A new session; the token is shown this once."""

    id: UUID
    token: str = field(repr=False)
    expires_at: datetime


class Sessions:
    """Opens, finds and ends sessions. Rights are read at every find: nothing is remembered."""

    def __init__(self, *, pool: Database, clock: Clock, ids: Ids, randomness: Randomness, rules: UserRules) -> None:
        self._pool = pool
        self._clock = clock
        self._ids = ids
        self._randomness = randomness
        self._rules = rules

    async def open(self, found: Credentials, *, source: str) -> OpenedSession:
        """Open a session for a user who has proven who they are."""
        token = self._randomness.octets(_TOKEN_LENGTH)
        now, id_ = self._clock.now(), self._ids.new()
        life = _seconds(found.parameters.session_life_s, self._rules.session_life)
        idle = _seconds(found.parameters.session_idle_s, self._rules.session_idle)
        await store.open_session(
            self._pool,
            id_=id_,
            token_hash=_hash(token),
            found=found,
            source=source,
            at=now,
            idle_until=now + idle,
            expires_at=now + life,
        )
        shown = base64.urlsafe_b64encode(token).decode("ascii").rstrip("=")
        return OpenedSession(id=id_, token=shown, expires_at=now + life)

    async def find(self, token: str) -> Caller | None:
        """Return whose session it is, with the rights they have now; None where it is unknown or has ended."""
        octets = _octets(token)
        if octets is None:
            return None
        now = self._clock.now()
        found = await store.session(self._pool, _hash(octets), now=now)
        if found is None:
            return None
        await self._touch(found, now)
        return Caller(
            party=found.party,
            permissions=found.permissions,
            name=found.login,
            sees=found.sees,
            kind=found.kind,
            user=found.user,
            session=found.id,
            must=self._must(found),
        )

    async def of(self, user: UUID) -> Sequence[Session]:
        """List a user's open sessions, newest first."""
        return await store.sessions_of(self._pool, user, now=self._clock.now())

    async def end(self, user: UUID, id_: UUID) -> bool:
        """End a session of this user; False where there is none."""
        return await store.end_session(self._pool, user, id_, at=self._clock.now())

    async def _touch(self, found: FoundSession, now: datetime) -> None:
        idle = _seconds(found.parameters.session_idle_s, self._rules.session_idle)
        if now - found.seen_at >= idle / _TOUCH_SHARE:
            await store.touch_session(self._pool, found.id, now=now, idle_until=now + idle)

    def _must(self, found: FoundSession) -> tuple[str, ...]:
        must = ("change_password",) if found.must_change else ()
        return (*must, "enrol_totp") if _needs_totp(found.parameters, self._rules) and not found.has_totp else must


def _needs_totp(parameters: UserParameters, rules: UserRules) -> bool:
    return rules.totp_needed if parameters.totp_needed is None else parameters.totp_needed


def _seconds(own: int | None, otherwise: timedelta) -> timedelta:
    return otherwise if own is None else timedelta(seconds=own)


def _octets(token: str) -> bytes | None:
    try:
        octets = base64.urlsafe_b64decode(f"{token}=")
    except (ValueError, binascii.Error):
        return None
    return octets if len(octets) == _TOKEN_LENGTH else None


def _hash(token: bytes) -> bytes:
    # 256 random bits are not found from their hash
    return hashlib.sha256(token).digest()
