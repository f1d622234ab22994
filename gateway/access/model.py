"""Access as records: callers, API keys, permission items, roles, menus, interception rules, the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from gateway.parties import Kind, Scope


class Algorithm(StrEnum):
    """How a caller signs: names of the registry of RFC 9421."""

    ED25519 = "ed25519"
    RSA_PSS_SHA512 = "rsa-pss-sha512"
    ECDSA_P256_SHA256 = "ecdsa-p256-sha256"
    HMAC_SHA256 = "hmac-sha256"


class CallerKind(StrEnum):
    """What a caller is: a system with an API key, a user by their party's kind, nobody we know, or the house itself."""

    API = "api"
    OPERATOR = "operator"
    MERCHANT = "merchant"
    AGENT = "agent"
    MEMBER = "member"
    ANONYMOUS = "anonymous"
    SYSTEM = "system"


# whose users are of which kind
USER_KINDS: dict[Kind, CallerKind] = {
    Kind.PLATFORM: CallerKind.OPERATOR,
    Kind.INSTITUTION: CallerKind.OPERATOR,
    Kind.AGENT: CallerKind.AGENT,
    Kind.MERCHANT: CallerKind.MERCHANT,
    Kind.SHOP: CallerKind.MERCHANT,
    Kind.MEMBER: CallerKind.MEMBER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key that requests are signed with. `sees` is the subtree of its party, as it stands now.

    `public_key` is SubjectPublicKeyInfo in DER; an HMAC key has `secret` instead, sealed under `SECRET_PURPOSE`.
    """

    id: UUID
    keyid: str
    algorithm: Algorithm
    public_key: bytes | None
    secret: bytes | None = field(repr=False)
    party_id: UUID
    permissions: frozenset[str]
    active: bool
    sees: Scope
    created_at: datetime
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who a proven request comes from, and what they may do and see.

    `name` is the keyid of an API key or a user's login. A user has `user` and `session`; `must` says what they have to
    do before anything else is open to them ("change_password", "enrol_totp").
    """

    party: UUID
    permissions: frozenset[str]
    name: str
    sees: Scope
    kind: CallerKind = CallerKind.API
    user: UUID | None = None
    session: UUID | None = None
    must: tuple[str, ...] = ()

    @property
    def who(self) -> str:
        """How histories name this caller."""
        own = {CallerKind.API: "api", CallerKind.SYSTEM: "system"}
        return f"{own.get(self.kind, 'user')}:{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A permission item (row P64). One of the system's is asked for by the code: it is neither renamed nor deleted."""

    id: UUID
    code: str
    title_zh: str
    title_en: str
    for_operators: bool
    is_system: bool
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A bundle of permission items (row P66): what it permits now, and how many users have it."""

    id: UUID
    code: str
    title_zh: str
    title_en: str
    holds_all: bool
    permissions: frozenset[str]
    holders: int
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuEntry:
    """One line of the menu (row P63), shown to those who have its permission; without one, to everybody."""

    id: UUID
    code: str
    parent_id: UUID | None
    position: int
    title_zh: str
    title_en: str
    permission: str | None
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InterceptionRule:
    """Refuses the requests that all of its fields match; an empty field matches everything (row P65).

    `path` is a pattern in which * stands for any characters, `source` a network (10.0.0.0/8). The daily window is in
    minutes of the day in Shanghai, `daily_from` included, and may run over midnight.
    """

    id: UUID
    code: str
    is_on: bool
    method: str = ""
    path: str = ""
    source: str = ""
    caller: CallerKind | None = None
    daily_from: int | None = None
    daily_until: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    why: str
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFacts:
    """What of a request an interception rule looks at."""

    method: str
    path: str
    source: str
    caller: CallerKind
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailFilter:
    """Which lines of the audit trail: every part that is given must hold; newest first, from before a line."""

    limit: int
    who: str = ""
    table: str = ""
    subject: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: UUID | None = None
    before_place: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordEdit:
    """One record's part of an edit; `before` is missing where it was added, `after` where it was deleted."""

    id: UUID
    place: int
    who: str
    why: str
    at: datetime
    table: str
    subject: UUID
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginEvent:
    """Somebody came to log in; `outcome` is "done" or why not, `user` is missing where nobody has that login."""

    id: UUID
    at: datetime
    login: str
    user: UUID | None
    party: UUID | None
    source: str
    outcome: str


SECRET_PURPOSE = "api_key.secret"  # noqa: S105 - the purpose's name, not a secret
