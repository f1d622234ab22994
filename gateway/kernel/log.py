"""Logs: one event per line, JSON in production, readable on a terminal, masked by a table that fails closed.

A field that is not in `FIELDS` is shown as `***`. Whatever looks like a card number is masked wherever it stands, also
inside texts and tracebacks. A request id set by `request_id` follows a request through every room.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from datetime import date, datetime, timedelta
from enum import Enum, StrEnum
from typing import IO, Any
from uuid import UUID

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from gateway.kernel.clock import Clock
from gateway.kernel.postgres.pool import quieten

HIDDEN = "***"


class Show(StrEnum):
    """How a field is shown: a text is scrubbed of card-like digits, a name of ours is shown as it is."""

    TEXT = "text"
    NAME = "name"


_NAMES = (
    "account_id agent approval_code attempt batch batch_id batch_no book bytes change channel channel_id code"
    " count day dialect direction door edit file file_id http id instruction instruction_id iso39 job key_id"
    " kind lane lease level line lines merchant merchant_id milliseconds most mti number offset operation"
    " operation_id outcome party party_id payout pid place platform point port reason role rows rrn seconds seq"
    " sequence size stan standing state status subject table terminal terminal_id thread timer timestamp trace"
    " transaction tries unit version withdrawal"
)
_TEXTS = (
    "address detail error event exc_info exception folder hint host logger message method name path peer"
    " process request stack stack_info url what why words"
)

# the table: whoever logs a new field adds it here, after asking whether it can hold a secret
FIELDS: Mapping[str, Show] = {
    **dict.fromkeys(_NAMES.split(), Show.NAME),
    **dict.fromkeys(_TEXTS.split(), Show.TEXT),
}

# 13 to 19 digits, also parted by single spaces or dashes, that are no part of a longer word or of a UUID
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_CARD_LIKE = re.compile(rf"({_UUID})|(?<![0-9A-Za-z])[0-9](?:[ -]?[0-9]){{12,18}}(?![0-9A-Za-z])")
_TRACK = re.compile(r"(?<![0-9A-Za-z])[0-9]{13,19}[=D][0-9]{4,}")
_HARMLESS = (bool, int, float, UUID, datetime, date, timedelta, Enum, type(None))
_DEPTH = 4


def scrub(text: str) -> str:
    """Mask what looks like a card number or a track: the last four digits stay."""
    return _CARD_LIKE.sub(_masked, _TRACK.sub(HIDDEN, text))


def mask(_logger: WrappedLogger | None, _method: str, event: EventDict) -> EventDict:
    """Structlog processor: show each field as the table says, and nothing that is not in it."""
    return {field: _shown(FIELDS.get(field), value) for field, value in event.items()}


@contextlib.contextmanager
def request_id(value: str) -> Iterator[None]:
    """Put `request` into every line that is written inside, also by tasks started there."""
    with structlog.contextvars.bound_contextvars(request=value):
        yield


def configure_log(*, clock: Clock, level: str = "info", form: str = "auto", out: IO[str] | None = None) -> None:
    """Set up structlog and the standard library's logging to write to `out` (stderr where it is None).

    `form` is `json`, `text` or `auto`: text where `out` is a terminal.
    """
    target = out if out is not None else sys.stderr
    as_text = form == "text" or (form == "auto" and target.isatty())
    before = _before(clock)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *before,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(_formatter(before, as_text=as_text))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    quieten()


def _before(clock: Clock) -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        _stamped(clock),
    ]


def _formatter(before: list[Processor], *, as_text: bool) -> structlog.stdlib.ProcessorFormatter:
    # a traceback is made into text before the mask, so that it is scrubbed like any other text
    shown: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        mask,
    ]
    last: Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if as_text
        else structlog.processors.JSONRenderer(default=str, ensure_ascii=False)
    )
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=before, processors=[*shown, last])


def _stamped(clock: Clock) -> Processor:
    def stamp(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["timestamp"] = clock.now().isoformat(timespec="milliseconds")
        return event

    return stamp


def _shown(how: Show | None, value: object) -> object:
    if how is None:
        return value if isinstance(value, bool) or value is None else HIDDEN
    return _made_safe(value, scrub if how is Show.TEXT else str, _DEPTH)


def _made_safe(value: Any, text: Callable[[str], str], depth: int) -> object:
    """A value whose texts went through `text`; what is not a plain value or a small nest of them is hidden."""
    if isinstance(value, str) and not isinstance(value, Enum):
        return text(value)
    if isinstance(value, _HARMLESS):
        return value if isinstance(value, (bool, int, float, type(None))) and _short(value) else text(str(value))
    if isinstance(value, BaseException):
        return scrub(f"{type(value).__name__}: {value}")
    if depth and isinstance(value, (list, tuple, set, frozenset)):
        return [_made_safe(part, text, depth - 1) for part in value]
    if depth and isinstance(value, MutableMapping):
        return {str(key): _shown(FIELDS.get(str(key)), part) for key, part in value.items()}
    return HIDDEN


def _short(value: float | None) -> bool:
    """Whether a number is too short to be a card's."""
    return value is None or abs(value) < 10**12


def _masked(found: re.Match[str]) -> str:
    if found.group(1):
        return found.group(1)
    return HIDDEN + found.group()[-4:]
