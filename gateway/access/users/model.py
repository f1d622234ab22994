"""Users and their sessions as records, and what an operator may set about them (rows P5, P6, P69, P70, L20, L21)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from gateway.access.model import CallerKind
from gateway.parties import Scope

NAME_PURPOSE, PHONE_PURPOSE, TOTP_PURPOSE = "user.name", "user.phone", "user.totp"


class UserState(StrEnum):
    """Whether a user may log in. A closed one never comes back, and keeps its login name."""

    ACTIVE = "active"
    LOCKED = "locked"
    CLOSED = "closed"


class UserParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What may be set for one user in place of the settings of all (row P6); None follows the settings."""

    session_idle_s: int | None = None
    session_life_s: int | None = None
    totp_needed: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRules:
    """What an operator sets for all users.

    A password has `password_least` characters or more and is none of the last `password_past`. `tries_most` wrong tries
    in a row lock a user for `locked_for`; `source_tries_most` from one address, whoever is tried, refuse that address
    until `source_window` has passed. A one-time password is good for `one_time_for`.
    """

    password_least: int = 10
    password_past: int = 5
    one_time_for: timedelta = timedelta(days=7)
    tries_most: int = 5
    locked_for: timedelta = timedelta(minutes=15)
    source_tries_most: int = 50
    source_window: timedelta = timedelta(minutes=15)
    session_idle: timedelta = timedelta(minutes=30)
    session_life: timedelta = timedelta(hours=12)
    totp_needed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user as it stands; `permissions` is what roles and grants give, less what is denied."""

    id: UUID
    login: str
    party_id: UUID
    kind: CallerKind
    name_sealed: bytes = field(repr=False)
    phone_sealed: bytes | None = field(repr=False)
    state: UserState
    parameters: UserParameters
    roles: Mapping[str, tuple[UUID, int]]
    grants: Mapping[str, tuple[UUID, int]]
    denials: Mapping[str, tuple[UUID, int]]
    permissions: frozenset[str]
    must_change: bool
    locked_until: datetime | None
    has_totp: bool
    created_at: datetime
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFilter:
    """Which users; every part that is given must hold. In the order of their ids, from beyond `after`."""

    limit: int
    after: UUID | None = None
    party: UUID | None = None
    state: str | None = None
    role: str | None = None
    login: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a log-in is checked against."""

    user: UUID
    login: str
    party: UUID
    is_open: bool
    parameters: UserParameters
    hash: str = field(repr=False)
    past: tuple[str, ...] = field(repr=False)
    must_change: bool
    good_until: datetime | None
    password_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Totp:
    """A user's one-time codes (RFC 6238)."""

    state: str
    secret_sealed: bytes = field(repr=False)
    last_step: int
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """An open session, as its user sees it."""

    id: UUID
    source: str
    opened_at: datetime
    seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSession:
    """A session that is good, with its user's rights as they stand now."""

    id: UUID
    user: UUID
    login: str
    kind: CallerKind
    party: UUID
    sees: Scope
    permissions: frozenset[str]
    parameters: UserParameters
    must_change: bool
    has_totp: bool
    seen_at: datetime
