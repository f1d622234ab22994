"""One message of a terminal on its way through the door, and the way out for one that cannot be admitted."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from channels.iso8583 import Dialect, Message
from gateway.kernel.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """The body of a frame as it came. `source` is who is held to account for wrong MACs.

    `arrived` is the monotonic second it was whole, `answer_by` the one at which its budget ends. `certificate` is the
    common name of the client's certificate, None where it showed none.
    """

    dialect: Dialect
    data: bytes = field(repr=False)
    source: str
    certificate: str | None
    received_at: datetime
    arrived: float
    answer_by: float


@dataclass(frozen=True, slots=True)
class Request:
    """A letter that is a message of its dialect and asks for an answer."""

    letter: Letter
    message: Message

    @property
    def message_class(self) -> str:
        """First three digits of the message type: the same for a request and its repeats."""
        return self.message.mti[:3]

    def text(self, number: int) -> str:
        """Return a text field that must be there. Raises InadmissibleError naming it."""
        value = self.message.text(number)
        if value is None:
            raise lacking(number)
        return value


class InadmissibleError(Exception):
    """The door refuses a request before it reaches the payments: nothing was recorded. `text` is field 44."""

    def __init__(self, reason: Reason, text: str = "") -> None:
        super().__init__(f"{reason}: {text}")
        self.reason = reason
        self.text = text


def lacking(field_number: int) -> InadmissibleError:
    """Return the refusal (30) of a field that is missing or has no meaning; field 44 is its number."""
    return InadmissibleError(Reason.FORMAT, str(field_number))
