"""A timer, and what its handler answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """A due timer as a worker took it.

    `tries` counts takings since the last that ended well, this one included. `fence` is the number of this taking: a
    later one has a higher number, and only the holder of the latest may end the timer.
    """

    kind: str
    subject: UUID
    due_at: datetime
    tries: int
    fence: int
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finished:
    """The work is done: the timer ends, unless it was armed anew meanwhile."""


@dataclass(frozen=True, slots=True)
class Again:
    """The work went well so far and is to go on `after` a while; tries count from nought again."""

    after: timedelta


Outcome = Finished | Again
Handler = Callable[[Timer], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A timer as people see it in lists."""

    kind: str
    subject: UUID
    state: str
    due_at: datetime
    tries: int
    owner: str | None
    last_error: str | None
