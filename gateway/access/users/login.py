"""Logging in: login, password and one-time code against counted tries, every try written down."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final

from gateway.access import store as trail
from gateway.access.users import store
from gateway.access.users.model import Credentials, UserRules
from gateway.access.users.passwords import Passwords
from gateway.access.users.secondfactor import SecondFactor
from gateway.access.users.sessions import OpenedSession, Sessions
from gateway.journal.model import Refused
from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason

LOGIN: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{1,63}")
# one answer for all of these, so that nobody learns which logins there are, or which half of a try was right
_REFUSED: Final = Refused(
    Reason.LOGIN_REFUSED, "login, password or code is wrong; after several wrong tries nobody gets in for a while"
)
_CODE_NEEDED: Final = Refused(Reason.LOGIN_REFUSED, "the code of your authenticator, or a recovery code, is needed too")
_HOST_BITS: Final = 64
_MANY: Final = Refused(Reason.TOO_MANY_REQUESTS, "too many wrong tries from your address; come back later")


class Logins:
    """Lets users in. `noted` counts refusals by why: source, unknown, closed, locked, password, expired, code."""

    def __init__(
        self,
        *,
        pool: Database,
        clock: Clock,
        ids: Ids,
        rules: UserRules,
        passwords: Passwords,
        codes: SecondFactor,
        sessions: Sessions,
        noted: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._ids = ids
        self._rules = rules
        self._passwords = passwords
        self._codes = codes
        self._sessions = sessions
        self._noted = noted

    async def log_in(self, *, login: str, password: str, code: str, source: str) -> OpenedSession | Refused:
        """Open a session, or refuse. A try is counted before it is checked, for the address and for the user."""
        login = login.strip().casefold()
        now = self._clock.now()
        counted = _counted(source)
        tries = await store.take_source_try(self._pool, counted, now=now, forgotten_at=now + self._rules.source_window)
        if tries > self._rules.source_tries_most:
            # not written down each time: whoever has no tries left must not fill the trail
            self._noted("source")
            return _MANY
        found = await store.credentials(self._pool, login) if LOGIN.fullmatch(login) else None
        outcome = await self._outcome(found, password, code)
        await self._write(found, source, outcome)
        if outcome in {"done", "code_needed"}:
            await store.give_source_try_back(self._pool, counted)
        if found is None or outcome != "done":
            return _CODE_NEEDED if outcome == "code_needed" else _REFUSED
        return await self._sessions.open(found, source=source)

    async def _outcome(self, found: Credentials | None, password: str, code: str) -> str:
        if found is None:
            await self._passwords.waste(password)
            return "unknown"
        now, most = self._clock.now(), self._rules.tries_most
        if not await store.take_try(self._pool, found.user, most=most, now=now):
            return "locked"
        why = await self._wrong(found, password, code)
        if why == "code_needed":
            # a password alone gives no tries back: they are what keeps codes from being guessed
            await store.give_try_back(self._pool, found.user)
        elif not why:
            await store.forgive_tries(self._pool, found.user)
        else:
            await store.lock_if_spent(self._pool, found.user, most=most, until=now + self._rules.locked_for)
        return why or "done"

    async def _wrong(self, found: Credentials, password: str, code: str) -> str:
        if not await self._passwords.matches(found.hash, password):
            return "password"
        if not found.is_open:
            return "closed"
        if found.good_until is not None and found.good_until <= self._clock.now():
            return "expired"
        if not await self._codes.is_on(found.user):
            return ""
        if not code:
            return "code_needed"
        return "" if await self._codes.take(found.user, code) else "code"

    async def _write(self, found: Credentials | None, source: str, outcome: str) -> None:
        if outcome not in {"done", "code_needed"}:
            self._noted(outcome)
        await trail.note_login(
            self._pool,
            id_=self._ids.new(),
            at=self._clock.now(),
            # what is nobody's login may be a password typed into the wrong field
            login="" if found is None else found.login,
            source=source,
            outcome=outcome,
            user=None if found is None else (found.user, found.party),
        )


def _counted(source: str) -> str:
    """Return what tries are counted for: an IPv6 host chooses among 2^64 addresses, so its network counts."""
    try:
        address = ip_address(source.partition("%")[0])
    except ValueError:
        return source
    if not isinstance(address, IPv6Address):
        return source
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((address, _HOST_BITS), strict=False))
