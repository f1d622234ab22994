"""One row of the table of routes, and what a handler gets and gives."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Protocol, TypeVar
from uuid import UUID

import msgspec

from gateway.access import Caller, Open, Permission
from gateway.api.ports import Desks, Submission
from gateway.journal.model import Refused
from gateway.kernel.reasons import Reason
from gateway.web import AnswerKey

Body = TypeVar("Body")
Query = TypeVar("Query")

_PLACE: Final = re.compile(r"{(\w+)}")


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No body, no query."""


class BadRequestError(Exception):
    """The request cannot be read as its route asks; the text says what is wrong, never the value of a secret."""

    def __init__(self, reason: Reason, why: str, *, status: int | None = None) -> None:
        super().__init__(why)
        self.reason = reason
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[Body, Query]):
    """One proven request, decoded. `ids` are the path's ids, `words` its other parts, `source` its sender's address."""

    desks: Desks
    answer_keys: list[AnswerKey]
    body: Body
    query: Query
    ids: Mapping[str, UUID]
    words: Mapping[str, str]
    source: str
    proven: Caller | None
    submitted: Submission | None

    @property
    def caller(self) -> Caller:
        """Who calls; only public routes have nobody."""
        if self.proven is None:
            message = "a public route asked who calls"
            raise LookupError(message)
        return self.proven

    @property
    def order(self) -> Submission:
        """The command's submission; only routes that change something have one."""
        if self.submitted is None:
            message = "a reading route asked for a submission"
            raise LookupError(message)
        return self.submitted


@dataclass(frozen=True, slots=True)
class Given:
    """What a handler answers with."""

    body: msgspec.Struct
    replayed: bool = False


class Decoder(Protocol):
    """Reads a body of one form."""

    content: Mapping[str, Any]

    def read(self, body: bytes, headers: Mapping[str, str]) -> Any:
        """Return the decoded body. Raises BadRequestError where it is not of this form."""
        ...

    def digested(self, decoded: Any) -> bytes:
        """Return what a repeat of the request must have in common with the first one, secrets left out."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation of the API.

    `permission` is the item that its caller must have; `Open.PUBLIC` is for everybody, `Open.SIGNED_IN` for every user
    who has a session, whatever their rights (their own password, menus, sessions). `ids` maps a path parameter to the
    kind prefixes it may have; the others are words of the pattern in `words`. `refusals` are the reasons it may end
    with beside those that every route has. `key_is_optional`: it is known by a reference of its own, so that it needs
    no Idempotency-Key.
    """

    method: str
    path: str
    operation: str
    tag: str
    summary: str
    permission: Permission | Open
    handle: Callable[[Call[Any, Any]], Awaitable[Given | Refused]]
    answer: type[msgspec.Struct]
    decoder: Decoder | None = None
    query: type[msgspec.Struct] = Nothing
    ids: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    refusals: tuple[Reason, ...] = ()
    most: str = "body"
    key_is_optional: bool = False
    example: Mapping[str, Any] | None = None

    @property
    def changes(self) -> bool:
        """Whether the operation changes something: it then needs an Idempotency-Key, and a signed one a nonce."""
        return self.method == "POST" and self.permission is not Open.PUBLIC

    @property
    def places(self) -> list[str]:
        """The path's parameters, in order."""
        return _PLACE.findall(self.path)
