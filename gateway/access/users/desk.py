"""Users as operators keep them: added, edited, locked, closed, given rights (P5, P6, P16, P36, P69, P70, L20)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import msgspec

from gateway.access import store as access
from gateway.access.authority import refusal_beyond
from gateway.access.model import USER_KINDS, CallerKind, Item, Role
from gateway.access.order import Order
from gateway.access.users import store
from gateway.access.users.credentials import PasswordDesk, Reset
from gateway.access.users.login import LOGIN
from gateway.access.users.model import (
    NAME_PURPOSE,
    PHONE_PURPOSE,
    User,
    UserFilter,
    UserParameters,
    UserRules,
    UserState,
)
from gateway.access.users.parameters import refusal_of
from gateway.access.users.passwords import Passwords
from gateway.access.users.secondfactor import SecondFactor
from gateway.access.writing import Decision, Pen, Written
from gateway.journal.model import Refused
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.edit import Add, Alter, Line, Remove
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.keys.port import KeyStore
from gateway.parties import Scope
from gateway.parties import store as parties

_NOWHERE: Final = Refused(Reason.NOT_FOUND, "no such user")
_NO_PARTY: Final = Refused(Reason.NOT_FOUND, "no such party")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What a user has by themselves: role codes, specially granted and specially denied permission codes."""

    roles: frozenset[str] = frozenset()
    grants: frozenset[str] = frozenset()
    denials: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """A user to be added. Without a password a one-time one is made; either must be changed at the first log-in."""

    login: str
    party: UUID
    name: str = field(repr=False)
    phone: str = field(default="", repr=False)
    rights: Rights = Rights()
    parameters: UserParameters = field(default_factory=UserParameters)
    password: str | None = field(default=None, repr=False)
    must_change: bool = True


@dataclass(frozen=True, slots=True)
class _Catalogue:
    """The roles and permission items there are, by code."""

    roles: Mapping[str, Role]
    items: Mapping[str, Item]


class Users:
    """The users of the parties that a caller sees. Nobody touches a user who may do more than they may themselves."""

    def __init__(
        self,
        *,
        pool: Database,
        reads: Database,
        keystore: KeyStore,
        ids: Ids,
        rules: UserRules,
        passwords: Passwords,
        credentials: PasswordDesk,
        codes: SecondFactor,
    ) -> None:
        self._pool = pool
        self._reads = reads
        self._keystore = keystore
        self._ids = ids
        self._rules = rules
        self._passwords = passwords
        self._credentials = credentials
        self._codes = codes
        self._pen = Pen(pool=pool, ids=ids)

    async def list(self, sees: Scope, which: UserFilter) -> Sequence[User]:
        """List users in the order of their ids."""
        return await store.users_in(self._reads, sees, which)

    async def find(self, sees: Scope, id_: UUID) -> User | None:
        """Read a user."""
        return await store.user_in(self._reads, sees, id_)

    async def find_login(self, sees: Scope, login: str) -> User | None:
        """Read a user by login."""
        return await store.user_by_login(self._reads, sees, login)

    async def person(self, user: User) -> tuple[str, str]:
        """Return a user's name and phone number in clear."""
        name = await self._keystore.unseal(NAME_PURPOSE, user.name_sealed)
        phone = b"" if user.phone_sealed is None else await self._keystore.unseal(PHONE_PURPOSE, user.phone_sealed)
        return name.decode(), phone.decode()

    async def add(self, order: Order, new: NewUser) -> Reset | Refused:
        """Add a user under a party; their rights must be ones the caller has."""
        password, id_ = new.password or self._passwords.one_time(), self._ids.new()

        async def decide() -> Decision:
            party = await parties.party_in(self._reads, order.caller.sees, new.party)
            if party is None or party.kind not in USER_KINDS:
                return _NO_PARTY
            kind = USER_KINDS[party.kind]
            refusal = _bad_login(new.login) or self._bad_parameters(order, new.parameters, None)
            refusal = refusal or await self._unfit(password, new.login)
            lines = refusal or await self._links(order, id_, kind, None, new.rights)
            if isinstance(lines, Refused):
                return lines
            first = await self._credentials.first(order, id_, password, must_change=new.must_change)
            return (Add(store.USER, await self._row(order, id_, new, kind)), first, *lines)

        written = await self._pen.write(order, f"user {new.login} added", decide)
        if isinstance(written, Refused):
            return written
        shown = None if written.replayed or new.password else password
        return Reset(user=written.subject, one_time_password=shown, replayed=written.replayed)

    async def edit(
        self, order: Order, id_: UUID, *, name: str, phone: str, parameters: UserParameters
    ) -> Written | Refused:
        """Change a user's name, phone number and special parameters."""

        async def decide(user: User) -> Decision:
            bad = self._bad_parameters(order, parameters, user)
            to = {**await self._sealed(name, phone), "parameters": msgspec.to_builtins(parameters)}
            return bad or (Alter(store.USER, user.id, user.version, to),)

        return await self._managed(order, id_, "user edited", decide)

    async def give(self, order: Order, id_: UUID, rights: Rights) -> Written | Refused:
        """Make these a user's roles, grants and denials, no more and no less."""

        async def decide(user: User) -> Decision:
            lines = await self._links(order, user.id, user.kind, user, rights)
            head = Alter(store.USER, user.id, user.version, {"login": user.login})
            return lines if isinstance(lines, Refused) else (head, *lines)

        return await self._managed(order, id_, "rights of a user set", decide)

    async def lock(self, order: Order, id_: UUID) -> Written | Refused:
        """Keep a user out, their sessions included, until somebody unlocks them."""
        return await self._managed(order, id_, "user locked", _move(order, {UserState.ACTIVE}, UserState.LOCKED))

    async def unlock(self, order: Order, id_: UUID) -> Written | Refused:
        """Let a user in again, also after too many wrong tries."""
        move = _move(order, {UserState.ACTIVE, UserState.LOCKED}, UserState.ACTIVE)
        written = await self._managed(order, id_, "user unlocked", move)
        if isinstance(written, Written) and not written.replayed:
            await store.forgive_tries(self._pool, id_)
        return written

    async def close(self, order: Order, id_: UUID) -> Written | Refused:
        """Close a user for good (row L20: a deleted operator cannot log in); what they did stays theirs."""
        move = _move(order, {UserState.ACTIVE, UserState.LOCKED}, UserState.CLOSED)
        return await self._managed(order, id_, "user closed", move)

    async def reset_password(self, order: Order, id_: UUID, *, given: str | None) -> Reset | Refused:
        """Replace a user's password by a one-time one; the old one and its sessions end at once (row L21)."""
        user = await self._manageable(order, id_)
        if isinstance(user, Refused):
            return user
        return await self._credentials.reset(order, user, given=given)

    async def reset_codes(self, order: Order, id_: UUID) -> Written | Refused:
        """Take a user's lost authenticator away."""
        user = await self._manageable(order, id_)
        if isinstance(user, Refused):
            return user
        return await self._codes.drop(order, id_, why=f"authenticator of {user.login} taken away")

    async def _managed(
        self, order: Order, id_: UUID, why: str, decide: Callable[[User], Awaitable[Decision]]
    ) -> Written | Refused:
        async def checked() -> Decision:
            user = await self._manageable(order, id_)
            return user if isinstance(user, Refused) else await decide(user)

        return await self._pen.write(order, why, checked)

    async def _manageable(self, order: Order, id_: UUID) -> User | Refused:
        user = await self.find(order.caller.sees, id_)
        return _NOWHERE if user is None else refusal_beyond(order.caller, user.permissions) or user

    async def _row(self, order: Order, id_: UUID, new: NewUser, kind: CallerKind) -> dict[str, object]:
        return {
            "id": id_,
            "login": new.login,
            "party_id": new.party,
            "kind": kind,
            **await self._sealed(new.name, new.phone),
            "parameters": msgspec.to_builtins(new.parameters),
            "created_at": order.at,
        }

    async def _sealed(self, name: str, phone: str) -> dict[str, object]:
        return {
            "name_sealed": await self._keystore.seal(NAME_PURPOSE, name.encode()),
            "phone_sealed": await self._keystore.seal(PHONE_PURPOSE, phone.encode()) if phone else None,
        }

    def _bad_parameters(self, order: Order, parameters: UserParameters, of: User | None) -> Refused | None:
        return refusal_of(parameters, of=of, caller=order.caller, rules=self._rules)

    async def _unfit(self, password: str, login: str) -> Refused | None:
        refusal = await self._passwords.refusal(password, login=login, past=())
        return None if refusal is None else Refused(Reason.BAD_PASSWORD, refusal)

    async def _links(
        self, order: Order, id_: UUID, kind: CallerKind, user: User | None, wanted: Rights
    ) -> Sequence[Line] | Refused:
        had = Rights() if user is None else _rights_of(user)
        catalogue = _Catalogue(
            roles={role.code: role for role in await access.roles(self._pool, order.caller.sees)},
            items={item.code: item for item in await access.items(self._pool)},
        )
        refusal = _bad_rights(catalogue, kind, wanted) or refusal_beyond(order.caller, _given(catalogue, had, wanted))
        if refusal is not None:
            return refusal
        gone = [] if user is None else _taken_away(user, had, wanted)
        return [*gone, *self._new_links(catalogue, id_, had, wanted)]

    def _new_links(self, catalogue: _Catalogue, id_: UUID, had: Rights, wanted: Rights) -> Sequence[Line]:
        lines = [
            Add(store.USER_ROLE, {"id": self._ids.new(), "user_id": id_, "role_id": catalogue.roles[code].id})
            for code in sorted(wanted.roles - had.roles)
        ]
        for effect, codes in (("grant", wanted.grants - had.grants), ("deny", wanted.denials - had.denials)):
            for code in sorted(codes):
                row = {"id": self._ids.new(), "user_id": id_, "permission_id": catalogue.items[code].id}
                lines.append(Add(store.USER_PERMISSION, {**row, "effect": effect}))
        return lines


def _rights_of(user: User) -> Rights:
    return Rights(roles=frozenset(user.roles), grants=frozenset(user.grants), denials=frozenset(user.denials))


def _taken_away(user: User, had: Rights, wanted: Rights) -> list[Line]:
    gone: list[Line] = [Remove(store.USER_ROLE, *user.roles[code]) for code in sorted(had.roles - wanted.roles)]
    gone += [Remove(store.USER_PERMISSION, *user.grants[code]) for code in sorted(had.grants - wanted.grants)]
    gone += [Remove(store.USER_PERMISSION, *user.denials[code]) for code in sorted(had.denials - wanted.denials)]
    return gone


def _given(catalogue: _Catalogue, had: Rights, wanted: Rights) -> AbstractSet[str]:
    """Return every permission that this hands to somebody: by roles, by grants, and by lifting denials."""
    by_roles = {code for role in wanted.roles for code in catalogue.roles[role].permissions}
    return by_roles | wanted.grants | (had.denials - wanted.denials)


def _bad_rights(catalogue: _Catalogue, kind: CallerKind, wanted: Rights) -> Refused | None:
    strangers = sorted(
        (wanted.roles - catalogue.roles.keys()) | ((wanted.grants | wanted.denials) - catalogue.items.keys())
    )
    if strangers:
        return Refused(Reason.FORMAT, f"no such roles or permission items: {', '.join(strangers)}")
    both = sorted(wanted.grants & wanted.denials)
    if both:
        return Refused(Reason.FORMAT, f"granted and denied at once: {', '.join(both)}")
    reserved = sorted(code for code in wanted.grants if catalogue.items[code].for_operators)
    if reserved and kind is not CallerKind.OPERATOR:
        return Refused(Reason.NOT_PERMITTED, f"only operators ever have {', '.join(reserved)}")
    return None


def _bad_login(login: str) -> Refused | None:
    if LOGIN.fullmatch(login):
        return None
    return Refused(Reason.FORMAT, "a login has 2 to 64 of a-z 0-9 . _ @ - and begins with a letter or digit")


def _move(order: Order, of: AbstractSet[UserState], to: UserState) -> Callable[[User], Awaitable[Decision]]:
    async def decide(user: User) -> Decision:
        if user.id == order.caller.user:
            return Refused(Reason.WRONG_STATE, "nobody locks, unlocks or closes themselves")
        if user.state not in of:
            return Refused(Reason.WRONG_STATE, f"the user is {user.state}")
        return (Alter(store.USER, user.id, user.version, {"state": to}),)

    return decide
