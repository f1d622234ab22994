"""Access as a process runs it: seeds sown, services joined from settings; and users kept from the command line."""

from __future__ import annotations

import getpass
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from uuid import UUID

from gateway.access import Access, AccessParts, AccessSeeds, Order, build_access, house_order
from gateway.access.authority import PLATFORM_SCOPE
from gateway.access.users import store as user_store
from gateway.access.users.credentials import Reset
from gateway.access.users.desk import NewUser, Rights
from gateway.access.users.model import User, UserFilter
from gateway.access.writing import Written
from gateway.app.keystore import open_keystore
from gateway.app.settings import user_rules
from gateway.app.surroundings import Surroundings
from gateway.journal.model import Refused
from gateway.kernel.clock import Clock, SystemClock
from gateway.kernel.ids import Ids, UuidSevens, show
from gateway.kernel.postgres.edit import forget_nonces
from gateway.kernel.postgres.pool import Database, open_pool
from gateway.kernel.randomness import Randomness, SystemRandomness
from gateway.kernel.settings import Settings
from gateway.keys import KeyStore
from gateway.parties import PLATFORM, Kind
from gateway.parties import store as parties

_PAGE = 100
_Outcome = TypeVar("_Outcome", Reset, Written)


class UserRefusedError(Exception):
    """What was asked about a user was not done; the text says why."""


async def open_access(settings: Settings, around: Surroundings, keystore: KeyStore, *, reads: Database) -> Access:
    """Sow what was not sown yet and join the services of a process, whose callers are shown what `reads` lets see."""
    await AccessSeeds(pool=around.pool, ids=around.ids, clock=around.clock).sow()
    refused = around.metrics.logins_refused
    return build_access(
        AccessParts(
            pool=around.pool,
            keystore=keystore,
            clock=around.clock,
            ids=around.ids,
            randomness=around.randomness,
            rules=user_rules(settings),
            reads=reads,
            noted=lambda why: refused.labels(why).inc(),
        )
    )


class People:
    """Users from the command line: by login, as the house itself, whose orders see everybody."""

    def __init__(self, *, pool: Database, access: Access, clock: Clock, ids: Ids) -> None:
        self._pool = pool
        self._access = access
        self._clock = clock
        self._ids = ids

    async def add(self, *, login: str, name: str, party: str, roles: Sequence[str]) -> Mapping[str, Any]:
        """Add a user; `party` is `kind:code`, the platform where it is left out. Returns the one-time password."""
        new = NewUser(login=login, party=await self._party(party), name=name, rights=Rights(roles=frozenset(roles)))
        added = _done(await self._access.users.add(await self._order(), new))
        return {"login": login, "id": show("usr", added.user), "one_time_password": added.one_time_password}

    async def list(self) -> list[Mapping[str, Any]]:
        """List all users with their parties and roles."""
        found: list[Mapping[str, Any]] = []
        after = None
        while page := await self._access.users.list(PLATFORM_SCOPE, UserFilter(limit=_PAGE, after=after)):
            found += [await self._shown(user) for user in page]
            after = page[-1].id
        return found

    async def lock(self, login: str) -> Mapping[str, Any]:
        """Keep a user out, open sessions included."""
        user = await self._user(login)
        _done(await self._access.users.lock(await self._order(), user.id))
        return await self._shown(await self._user(login))

    async def unlock(self, login: str) -> Mapping[str, Any]:
        """Let a user in again, also after too many wrong tries."""
        user = await self._user(login)
        _done(await self._access.users.unlock(await self._order(), user.id))
        return await self._shown(await self._user(login))

    async def reset(self, login: str) -> Mapping[str, Any]:
        """Replace a user's password by a one-time one, and take the authenticator away."""
        user = await self._user(login)
        if user.has_totp:
            _done(await self._access.users.reset_codes(await self._order(), user.id))
        reset = _done(await self._access.users.reset_password(await self._order(), user.id, given=None))
        return {"login": login, "one_time_password": reset.one_time_password}

    async def role(self, login: str, roles: Sequence[str]) -> Mapping[str, Any]:
        """Make these a user's roles; special grants and denials stay."""
        user = await self._user(login)
        rights = Rights(roles=frozenset(roles), grants=frozenset(user.grants), denials=frozenset(user.denials))
        _done(await self._access.users.give(await self._order(), user.id, rights))
        return await self._shown(await self._user(login))

    async def _user(self, login: str) -> User:
        found = await self._access.users.find_login(PLATFORM_SCOPE, login)
        if found is None:
            raise UserRefusedError(f"there is no user {login}")
        return found

    async def _party(self, named: str) -> UUID:
        if not named:
            return PLATFORM
        kind, _, code = named.partition(":")
        found = await parties.party_by_code(self._pool, Kind(kind), code) if kind in set(Kind) else None
        if found is None:
            raise UserRefusedError(f"there is no party {named}: give kind:code, such as merchant:M1")
        return found.id

    async def _order(self) -> Order:
        key = f"command/{self._ids.new()}"
        return await house_order(self._pool, name=f"command/{getpass.getuser()}", key=key, clock=self._clock)

    async def _shown(self, user: User) -> Mapping[str, Any]:
        party = await parties.party(self._pool, user.party_id)
        return {
            "login": user.login,
            "party": "" if party is None else f"{party.kind}:{party.code}",
            "state": user.state.value,
            "roles": sorted(user.roles),
            "must_change": user.must_change,
            "authenticator": user.has_totp,
        }


@asynccontextmanager
async def people(settings: Settings, dsn: str, *, password: str | None) -> AsyncIterator[People]:
    """Open what the command's users verbs stand on."""
    clock, randomness = SystemClock(), SystemRandomness()
    pool = await open_pool(dsn, password=password, largest=2)
    try:
        ids = UuidSevens(clock, randomness)
        await AccessSeeds(pool=pool, ids=ids, clock=clock).sow()
        keystore = open_keystore(settings, randomness)
        access = access_of(settings, pool=pool, keystore=keystore, clock=clock, ids=ids, randomness=randomness)
        yield People(pool=pool, access=access, clock=clock, ids=ids)
    finally:
        await pool.close()


async def forget_expired(pool: Database, clock: Clock) -> None:
    """Delete sessions, counted tries and nonces whose time has passed."""
    await user_store.forget(pool, before=clock.now())
    await forget_nonces(pool, before=clock.now())


def access_of(
    settings: Settings, *, pool: Database, keystore: KeyStore, clock: Clock, ids: Ids, randomness: Randomness
) -> Access:
    """Join the services outside of a serving process: nobody counts what is refused."""
    return build_access(
        AccessParts(
            pool=pool, keystore=keystore, clock=clock, ids=ids, randomness=randomness, rules=user_rules(settings)
        )
    )


def _done(outcome: _Outcome | Refused) -> _Outcome:
    if isinstance(outcome, Refused):
        raise UserRefusedError(f"{outcome.reason.value}: {outcome.detail}")
    return outcome
