"""Garbage on the terminal port: nothing breaks, all is counted, nothing moves but by a frame valid in itself."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import iso8583
import pytest

from gateway.sandbox.dialect import SPECIFICATION
from gateway.sandbox.security import message_code
from gateway.sandbox.slips import Request
from gateway.sandbox.terminal import SimulatedTerminal

SEED = 8583
GROUP = 8
"""Fewer than the wrong MACs in a row that block an address, twice over; after each group a good message is sent."""
_LENGTH, _ENVELOPE = 2, 11
_PAYING = {b"\x02\x00", b"\x02\x20"}
_MOST_GROWTH = 1.05
_FIFTHS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What is written at once: on the shared line where `counted`, else on a line of its own that ends with it.

    `counted` pieces are whole frames, so each must be counted by the door exactly once.
    """

    data: bytes
    counted: int = 0


@dataclass(slots=True)
class Garbage:
    """Makes bytes from good frames: `sent` ones (known to the front) and `fresh` ones (never sent).

    Of the fresh ones `delivered` come whole, only in another envelope, and `resealed` come changed under a right code.
    """

    drawn: random.Random
    sent: list[Request]
    fresh: list[Request]
    seal: Callable[[bytes], bytes]
    delivered: list[Request] = field(default_factory=list)
    resealed: list[Request] = field(default_factory=list)

    def pieces(self, count: int) -> Iterator[Piece]:
        kinds = [
            (self._noise, 8),
            (self._loose_noise, 4),
            (self._flipped, 24),
            (self._cut, 10),
            (self._longer, 6),
            (self._swapped, 14),
            (self._resealed, 14),
            (self._other_type, 6),
            (self._other_envelope, 6),
            (self._wrong_length, 6),
            (self._glued, 6),
        ]
        makers, weights = zip(*kinds, strict=True)
        for make in self.drawn.choices(makers, weights, k=count):
            yield make()

    def _noise(self) -> Piece:
        return _framed(self.drawn.randbytes(self.drawn.randint(1, 400)))

    def _loose_noise(self) -> Piece:
        return Piece(data=self.drawn.randbytes(self.drawn.randint(1, 600)))

    def _flipped(self) -> Piece:
        envelope, message = _parts(self._drawn_request())
        return _framed(envelope + self._with_flips(message))

    def _cut(self) -> Piece:
        envelope, message = _parts(self._drawn_request())
        content = envelope + message
        return _framed(content[: self.drawn.randrange(1, len(content))])

    def _longer(self) -> Piece:
        envelope, message = _parts(self._drawn_request())
        return _framed(envelope + message + self.drawn.randbytes(self.drawn.randint(1, 40)))

    def _swapped(self) -> Piece:
        """Two fields change places, or one is drawn anew; the code stays what it was."""
        envelope, message = _parts(self._drawn_request())
        changed = self._with_other_fields(message)
        return _framed(envelope + (changed if changed and not self._is_good(changed) else self._with_flips(message)))

    def _resealed(self) -> Piece:
        """Fields are drawn anew and the code is right: whoever has the key may still send nonsense."""
        request = self._drawn_request()
        envelope, message = _parts(request)
        changed = self._with_other_fields(message)
        if changed is None or message[:2] not in _PAYING:
            return _framed(envelope + self._with_flips(message))
        self.resealed.append(request)
        return _framed(envelope + changed[:-8] + self.seal(changed[:-8]))

    def _other_type(self) -> Piece:
        envelope, message = _parts(self._drawn_request())
        changed = self.drawn.randbytes(2) + message[2:]
        return _framed(envelope + (self._with_flips(message) if self._is_good(changed) else changed))

    def _other_envelope(self) -> Piece:
        """The TPDU or header is changed, which no code covers: the message is valid in itself."""
        fresh = self.fresh and self.drawn.random() < 0.3
        request = self.fresh.pop() if fresh else self.drawn.choice(self.sent)
        if fresh:
            self.delivered.append(request)
        envelope, message = _parts(request)
        place = self.drawn.randrange(1, _ENVELOPE)
        digits = bytes.fromhex(f"{self.drawn.randrange(100):02d}")
        return _framed(envelope[:place] + digits + envelope[place + 1 :] + message)

    def _wrong_length(self) -> Piece:
        frame = self.drawn.choice(self.sent).frame
        length = self.drawn.choice((0, 1, len(frame), len(frame) + 7, 4096, 4097, 65535, self.drawn.randrange(65536)))
        return Piece(data=length.to_bytes(_LENGTH) + frame[_LENGTH:])

    def _glued(self) -> Piece:
        """Several frames in one write, one of them good."""
        count = self.drawn.randint(2, 4)
        pieces = [self._flipped() for _ in range(count - 1)]
        frames = [piece.data for piece in pieces] + [self.drawn.choice(self.sent).frame]
        self.drawn.shuffle(frames)
        return Piece(data=b"".join(frames), counted=count)

    def _drawn_request(self) -> Request:
        pool = self.fresh if self.fresh and self.drawn.random() < 0.2 else self.sent
        return self.drawn.choice(pool)

    def _with_flips(self, message: bytes) -> bytes:
        """Flip bits; flips whole blocks apart leave a code that is folded by XOR right, so then others are drawn."""
        while True:
            changed = bytearray(message)
            for place in self.drawn.sample(range(len(message) * 8), self.drawn.randint(1, 8)):
                changed[place // 8] ^= 1 << place % 8
            if not self._is_good(changed):
                return bytes(changed)

    def _is_good(self, message: bytes | bytearray) -> bool:
        return self.seal(bytes(message[:-8])) == message[-8:]

    def _with_other_fields(self, message: bytes) -> bytes | None:
        fields, _ = iso8583.decode(message, SPECIFICATION)
        names = [name for name in fields if name.isdigit() and name not in {"1", "11", "41", "42", "64"}]
        if len(names) < 2:
            return None
        one, other = self.drawn.sample(names, 2)
        if self.drawn.random() < 0.5:
            fields[one], fields[other] = fields[other], fields[one]
        else:
            size = len(fields[one])
            fields[one] = "".join(self.drawn.choice("0123456789") for _ in range(size))
        try:
            changed, _ = iso8583.encode(fields, SPECIFICATION)
        except iso8583.EncodeError:
            return None
        return bytes(changed) if bytes(changed) != message else None


def _parts(request: Request) -> tuple[bytes, bytes]:
    content = request.frame[_LENGTH:]
    return content[:_ENVELOPE], content[_ENVELOPE:]


def _framed(content: bytes) -> Piece:
    return Piece(data=len(content).to_bytes(_LENGTH) + content, counted=1)


@pytest.mark.prove(part=1)
async def test_no_garbage_moves_anything(
    sandbox_world, outsider, books_of, proof, eventually, weigh, reference
) -> None:
    count = proof.count(quick=500, full=10_000)
    proof.figure(seed=SEED, frames=count)
    outside, books = outsider(sandbox_world.facts), books_of(sandbox_world.facts)
    trader, watchman, newcomer = outside.terminal(0), outside.terminal(2), outside.terminal(4)
    await watchman.sign_in()
    garbage = await _garbage(trader, outside)
    garbage.sent.append((await newcomer.sign_in()).request)
    assert await books.is_at_rest(within_s=30) == []

    before, entries = await books.operations(), await books.entries()
    pid = sandbox_world.gateway.pid
    counted = await _counts(outside)
    weights, sent = await _throw(garbage, count, outside, watchman, lambda: weigh(pid))

    assert sandbox_world.gateway.pid == pid
    assert await books.is_at_rest(within_s=30) == []
    after = await books.operations()
    _only_valid_frames_count(before, after, garbage, reference)
    new = [after[key]["id"] for key in after.keys() - before.keys()]
    assert await _entries_of_others(books, new) == entries
    await _all_is_counted(outside, counted, sent, eventually)

    proof.figure(rss_first=weights[0], rss_last=weights[-1], rss_ratio=round(weights[-1] / weights[0], 4))
    proof.figure(new_operations=len(new), counted_frames=sent)
    if count >= 10_000:
        assert weights[-1] <= weights[0] * _MOST_GROWTH, weights


async def _garbage(trader: SimulatedTerminal, outside: Any) -> Garbage:
    """Let a terminal do one of everything, and prepare purchases that it never sends."""
    card = outside.world.pans("approve")[0]
    await trader.sign_in()
    first, second, third = [await trader.purchase(amount, pan=card) for amount in (10_00, 20_00, 30_00)]
    slips = [first, second, third, await trader.void(first), await trader.refund(second, 5_00), await trader.echo()]
    slips += [await trader.enquire(third.request), await trader.reverse(third.request, approval=third.approval)]
    assert {slip.code for slip in slips[:6]} == {"00"}
    sent = [slip.request for slip in slips]
    assert trader.keys is not None
    key = trader.keys.mac
    fresh = []
    for place in range(200):
        named = dict(first.request.fields) | {"11": f"{900_000 + place:06d}", "4": f"{50_00 + place:012d}"}
        fresh.append(trader.prepare("purchase", named))
    return Garbage(random.Random(SEED), sent, fresh, lambda message: message_code(key, message))


async def _throw(
    garbage: Garbage, count: int, outside: Any, watchman: SimulatedTerminal, weight: Callable[[], int]
) -> tuple[list[int], int]:
    """Write all pieces; after each group a good message must be answered. Returns weights after fifths, and frames."""
    listener = outside.world.listener("cups")
    line = _Line(listener.host, listener.port)
    pieces, sent = list(garbage.pieces(count)), 0
    weights: list[int] = []
    probe = next(request for request in garbage.sent if request.transaction == "enquiry")
    for start in range(0, count, GROUP):
        for piece in pieces[start : start + GROUP]:
            sent += piece.counted
            await (line.write(piece.data) if piece.counted else line.write_apart(piece.data))
        assert (await watchman.enquire(probe)).code == "25"
        sent += 1
        if (start + GROUP) * _FIFTHS // count > len(weights):
            weights.append(weight())
    await line.close()
    return weights, sent


class _Line:
    """Writes garbage and reads whatever comes back, so that the door is never stuck with it."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def write(self, data: bytes) -> None:
        if self._reading is None or self._reading.done():
            reader, self._writer = await asyncio.open_connection(*self._address)
            self._reading = asyncio.create_task(_read_away(reader))
        assert self._writer is not None
        self._writer.write(data)
        await self._writer.drain()

    async def write_apart(self, data: bytes) -> None:
        reader, writer = await asyncio.open_connection(*self._address)
        with suppress(ConnectionError):
            writer.write(data)
            writer.write_eof()
            await _read_away(reader)
        writer.close()

    async def close(self) -> None:
        if self._writer is not None and self._reading is not None:
            self._writer.write_eof()
            await self._reading
            self._writer.close()


async def _read_away(reader: asyncio.StreamReader) -> None:
    with suppress(ConnectionError):
        while await reader.read(65536):
            pass


def _only_valid_frames_count(before: Any, after: Any, garbage: Garbage, reference: Any) -> None:
    """What was there stands as it stood; what is new was asked for by a frame with its right code."""
    for key, row in before.items():
        assert (after[key]["state"], after[key]["version"]) == (row["state"], row["version"]), key
    new = set(after.keys() - before.keys())
    delivered = {_reference_of(request, reference) for request in garbage.delivered}
    resealed = {_reference_of(request, reference) for request in garbage.resealed}
    assert delivered <= new <= delivered | resealed


def _reference_of(request: Request, reference: Any) -> Any:
    return reference(
        terminal=request.fields["41"],
        batch=request.batch,
        trace=request.trace,
        message_class=request.fields["t"][:3],
    )


async def _entries_of_others(books: Any, new: list[Any]) -> int:
    query = """
        SELECT count(*) FROM ledger_entry e JOIN ledger_transfer t ON t.id = e.transfer_id
        WHERE t.subject <> ALL($1::uuid[])"""
    return int(await books.value(query, new))


async def _counts(outside: Any) -> dict[str, float]:
    kinds = ("message", "envelope", "frame", "not_a_request", "blocked_source")
    counts = {kind: await outside.counted("tillgate_garbage_total", door="terminals", kind=kind) for kind in kinds}
    counts["answered"] = await outside.counted("tillgate_requests_total", door="terminals")
    counts["wrong_macs"] = await outside.counted("tillgate_wrong_macs_total")
    return counts


async def _all_is_counted(outside: Any, before: dict[str, float], sent: int, eventually: Any) -> None:
    """Every whole frame was counted, as answered or as garbage, and every kind of fault has its count."""
    grown: dict[str, float] = {}

    async def counted() -> bool:
        now = await _counts(outside)
        grown.update({kind: now[kind] - before[kind] for kind in now})
        return grown["answered"] + grown["message"] + grown["envelope"] + grown["not_a_request"] >= sent

    assert await eventually(counted, within_s=30), f"{sent} frames were sent, counted: {grown}"
    assert grown["blocked_source"] == 0
    for kind in ("message", "envelope", "frame", "not_a_request", "wrong_macs"):
        assert grown[kind] > 0, grown
