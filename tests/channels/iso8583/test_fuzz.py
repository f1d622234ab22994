"""Mutated frames through the decoder, guided by what they reach; every one is a message or one error."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

import pytest

from channels.iso8583 import (
    CUPS,
    ISO87_ASCII,
    CodecError,
    Dialect,
    EnvelopeError,
    FrameError,
    FrameReader,
    Message,
    decode,
    encode,
    frame,
    nested_faults,
    open_envelope,
    shown,
)
from channels.iso8583.table import read_by_table

SEED = 8583
_MOST_KEPT = 4_000
_TRACED_EVERY = 16
_FULL: dict[int, str | bytes] = {
    2: "6222020000000000",
    3: "000000",
    4: "000000012345",
    11: "000001",
    14: "3012",
    22: "051",
    23: "001",
    25: "00",
    35: "6222020000000000D30122010000000000000",
    36: "996222020000000000D1561560",
    41: "10000001",
    42: "104110070110814",
    44: "approved",
    48: "0100000042000062220200000000010000000012345",
    49: "156",
    52: bytes(8),
    53: "2600000000000000",
    54: "1002156C000000012345",
    55: bytes.fromhex("9F2608112233445566778895050000008000700A9A032611229C01005F3400"),
    59: "A2003abc",
    60: "22000001003501",
    61: "000001000042112201",
    62: bytes.fromhex("010AFFFF9876543210E000010302AABB"),
    63: "CUP free",
    64: b"E267B6E2",
}


@dataclass
class Fuzz:
    """Keeps the frames that reached a step nobody had reached before, and makes the next ones of them."""

    drawn: random.Random
    corpus: list[tuple[Dialect, bytes]] = field(default_factory=list)
    steps: set[tuple[CodeType, int, int]] = field(default_factory=set)
    outcomes: dict[str, int] = field(default_factory=dict)

    def run(self, count: int) -> None:
        self.corpus = [(dialect, data) for dialect in (CUPS, ISO87_ASCII) for data in _seeds(dialect)]
        for place in range(count):
            dialect, data = self.drawn.choice(self.corpus)
            mutated = self._mutated(data)
            if place % _TRACED_EVERY:
                self._try(dialect, mutated)
            elif self._reaches_more(lambda dialect=dialect, mutated=mutated: self._try(dialect, mutated)):  # type: ignore[misc]
                self._keep(dialect, mutated)

    def _try(self, dialect: Dialect, data: bytes) -> None:
        """Read a frame as the door does; anything raised here but the codec's own errors is the fault looked for."""
        reader = FrameReader(4096)
        try:
            reader.feed(data)
            content = reader.next_frame()
            body = open_envelope(dialect.framing, content or b"").body
            message = decode(dialect, body)
        except (CodecError, EnvelopeError, FrameError) as fault:
            self._count(type(fault).__name__)
            return
        self._count("message")
        assert shown(dialect, message)["mti"] == message.mti
        nested_faults(dialect, message)
        if dialect is CUPS:
            assert encode(dialect, message) == body
        if self.drawn.random() < 0.05:
            assert message == read_by_table(dialect, body)

    def _count(self, outcome: str) -> None:
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1

    def _reaches_more(self, work: Callable[[], None]) -> bool:
        """Run under a tracer of lines; a step is a pair of lines of one function, one after the other."""
        before, last = len(self.steps), {}

        def trace(current: FrameType, event: str, _: Any) -> Any:
            code = current.f_code
            if "iso8583" not in code.co_filename and not code.co_filename.startswith("<"):
                return None
            if event == "line":
                self.steps.add((code, last.get(code, 0), current.f_lineno))
                last[code] = current.f_lineno
            return trace

        other = sys.gettrace()
        sys.settrace(trace)
        try:
            work()
        finally:
            sys.settrace(other)
        return len(self.steps) > before

    def _keep(self, dialect: Dialect, data: bytes) -> None:
        if len(self.corpus) >= _MOST_KEPT:
            self.corpus[self.drawn.randrange(_MOST_KEPT)] = (dialect, data)
        else:
            self.corpus.append((dialect, data))

    def _mutated(self, data: bytes) -> bytes:
        content = bytearray(data)
        for _ in range(self.drawn.choice((1, 1, 1, 2, 4))):
            self.drawn.choice((_flip, _put, _cut, _double, _digit, _bit))(content, self.drawn)
        if self.drawn.random() < 0.9:
            return frame(bytes(content[2:])[:4096])
        return bytes(content)


def _flip(data: bytearray, drawn: random.Random) -> None:
    if data:
        place = drawn.randrange(len(data))
        data[place] ^= 1 << drawn.randrange(8)


def _put(data: bytearray, drawn: random.Random) -> None:
    if data:
        data[drawn.randrange(len(data))] = drawn.choice((0, 0x1F, 0x20, 0x30, 0x3D, 0x44, 0x7F, 0x80, 0x81, 0xD3, 0xFF))


def _cut(data: bytearray, drawn: random.Random) -> None:
    start = drawn.randrange(len(data) + 1)
    del data[start : start + drawn.randrange(1, 9)]


def _double(data: bytearray, drawn: random.Random) -> None:
    start = drawn.randrange(len(data) + 1)
    data[start:start] = data[start : start + drawn.randrange(1, 33)]


def _digit(data: bytearray, drawn: random.Random) -> None:
    if data:
        data[drawn.randrange(len(data))] = drawn.choice(b"0123456789ABCDEF")


def _bit(data: bytearray, drawn: random.Random) -> None:
    """Say another field is there, or is not."""
    place = drawn.choice((2, 13)) + 2 + drawn.randrange(16)
    if place < len(data):
        data[place] ^= 1 << drawn.randrange(8)


def _seeds(dialect: Dialect) -> list[bytes]:
    head = bytes.fromhex("6000030001603100311234") if dialect.framing.tpdu else b""
    messages = [Message("0200", {number: value}) for number, value in _FULL.items()]
    messages += [Message(mti, _FULL) for mti in ("0200", "0320", "0400", "0500", "0800", "0810")]
    if dialect.second_bitmap:
        messages.append(Message("0200", {**_FULL, 7: "1122334455", 70: "301", 90: "0" * 42, 128: bytes(8)}))
    return [frame(head + encode(dialect, message)) for message in messages]


@pytest.mark.prove(part=4)
def test_a_million_mutated_frames_give_a_message_or_one_error(proof: Any) -> None:
    count = proof.count(quick=20_000, full=1_000_000)
    fuzz = Fuzz(random.Random(SEED))
    fuzz.run(count)
    proof.figure(seed=SEED, frames=count, steps=len(fuzz.steps), kept=len(fuzz.corpus), **fuzz.outcomes)
    assert sum(fuzz.outcomes.values()) == count
    for outcome in ("message", "CodecError", "EnvelopeError"):
        assert fuzz.outcomes[outcome] > count // 200, fuzz.outcomes
