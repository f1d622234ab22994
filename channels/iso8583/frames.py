"""Frames on a stream: two length bytes, then TPDU, header and message. No sockets here: bytes in, frames out.

A length of 0 is a keep-alive. Source: `docs/terminal-protocol.md` "Frame".
"""

from __future__ import annotations

from dataclasses import dataclass, field

_LENGTH = 2
_TPDU = 5
_TPDU_ID = 0x60


class FrameError(Exception):
    """The stream cannot be followed any further: a frame is longer than allowed. The connection has to be closed."""


class EnvelopeError(Exception):
    """One frame is not of this framing (too short, or no TPDU); the stream itself goes on."""


@dataclass(frozen=True, slots=True)
class Framing:
    """What stands before the message: a TPDU of 5 bytes or none, and a header of `header` bytes that answers echo."""

    tpdu: bool
    header: int


@dataclass(frozen=True, slots=True)
class Envelope:
    """A frame taken apart. `body` is the message and may hold card data."""

    tpdu: bytes
    header: bytes
    body: bytes = field(repr=False)

    def answer(self, body: bytes) -> bytes:
        """Return the frame that carries `body` back: the TPDU's two addresses change places, the header is echoed."""
        tpdu = self.tpdu[:1] + self.tpdu[3:] + self.tpdu[1:3]
        return frame(tpdu + self.header + body)


def frame(content: bytes) -> bytes:
    """Put the length before `content`, which is everything after it."""
    return len(content).to_bytes(_LENGTH) + content


KEEP_ALIVE = frame(b"")


def open_envelope(framing: Framing, content: bytes) -> Envelope:
    """Take the content of a frame apart. Raises EnvelopeError."""
    tpdu = _TPDU if framing.tpdu else 0
    start = tpdu + framing.header
    if len(content) <= start:
        message = "the frame is shorter than its TPDU and header"
        raise EnvelopeError(message)
    if tpdu and content[0] != _TPDU_ID:
        message = "the TPDU does not begin with 60"
        raise EnvelopeError(message)
    return Envelope(content[:tpdu], content[tpdu:start], content[start:])


class FrameReader:
    """Cuts a stream into frames: `feed` what came, then `next_frame` until it gives None.

    Nothing is kept but an unfinished frame (at most `longest` bytes and its length) and what was fed and not yet taken.
    """

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._buffer = bytearray()
        self._at = 0

    def feed(self, data: bytes) -> None:
        """Add bytes in the order they arrived."""
        if self._at:
            del self._buffer[: self._at]
            self._at = 0
        self._buffer += data

    def next_frame(self) -> bytes | None:
        """Return the content of the next whole frame (empty: a keep-alive), None where more bytes are needed.

        Raises FrameError as soon as a length above the longest allowed is read, before its bytes arrive.
        """
        start = self._at + _LENGTH
        if len(self._buffer) < start:
            return None
        length = int.from_bytes(self._buffer[self._at : start])
        if length > self._longest:
            message = f"a frame of {length} bytes; at most {self._longest} are allowed"
            raise FrameError(message)
        if len(self._buffer) < start + length:
            return None
        self._at = start + length
        return bytes(self._buffer[start : self._at])

    @property
    def held(self) -> int:
        """How many bytes wait for the rest of their frame."""
        return len(self._buffer) - self._at
