"""Frames out of what an operator has at hand: hexadecimal, a file of frames, or a capture of the line (pcap).

Source of the capture's form: the libpcap file format, classic; RFC 791, 8200, 9293.
"""

from __future__ import annotations

import string
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from channels.iso8583 import FrameError, FrameReader

_LONGEST = 65_535
_LENGTH = 2
_PCAP = {b"\xa1\xb2\xc3\xd4": ">", b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\x3c\x4d": ">", b"\x4d\x3c\xb2\xa1": "<"}
_PCAP_HEAD, _PACKET_HEAD = 24, 16
# Link type -> bytes before the IP packet: none, Ethernet, raw IP, Linux cooked.
_LINKS = {0: 4, 1: 14, 12: 0, 101: 0, 113: 16, 276: 20}
_TCP = 6
_MOST_BYTES = 64 * 1024 * 1024


class CaptureError(Exception):
    """What was given holds no frame; the text says what was expected."""


@dataclass(frozen=True, slots=True)
class Captured:
    """The content of one frame (without its length), and where it was found."""

    where: str
    content: bytes


def captured(given: str) -> list[Captured]:
    """Return the frames in a file of this name, else in this hexadecimal text. Raises CaptureError."""
    path = Path(given) if len(given) < 4096 and "\n" not in given else None
    if path is not None and path.is_file():
        if path.stat().st_size > _MOST_BYTES:
            raise CaptureError(f"{path} is larger than {_MOST_BYTES} bytes: cut the part you want out of it")
        return _in_file(path.read_bytes(), path.name)
    data = _hexadecimal(given)
    if data is None:
        raise CaptureError("neither a file nor hexadecimal digits")
    return _frames(data, "given")


def _in_file(data: bytes, name: str) -> list[Captured]:
    if data[:4] in _PCAP:
        found = [frame for flow, stream in _streams(data).items() for frame in _frames(stream, flow)]
    else:
        text = _hexadecimal(data.decode("ascii", "replace"))
        found = _frames(data if text is None else text, name)
    if not found:
        raise CaptureError(f"{name} holds no frame")
    return found


def _hexadecimal(text: str) -> bytes | None:
    digits = "".join(text.lower().removeprefix("0x").split()).replace(":", "")
    if not digits or len(digits) % 2 or not set(digits) <= set(string.hexdigits):
        return None
    return bytes.fromhex(digits)


def _frames(data: bytes, where: str) -> list[Captured]:
    """Cut frames; bytes that do not begin with their length are taken as one content without it."""
    reader = FrameReader(_LONGEST)
    reader.feed(data)
    found: list[bytes] = []
    try:
        while (content := reader.next_frame()) is not None:
            found.append(content)
    except FrameError as fault:  # pragma: no cover - the longest length there is, is allowed
        raise CaptureError(str(fault)) from None
    if reader.held and not found:
        return [Captured(where, data)]
    named = [Captured(f"{where}, frame {place}", content) for place, content in enumerate(found, 1) if content]
    if reader.held:
        named.append(Captured(f"{where}, cut short after frame {len(found)}", data[len(data) - reader.held :]))
    return named


def _streams(data: bytes) -> dict[str, bytes]:
    """Return what went each way of each connection, in the order of its sequence numbers."""
    segments: dict[str, dict[int, bytes]] = {}
    for packet in _packets(data):
        segment = _segment(packet)
        if segment is not None and segment[2]:
            flow, sequence, payload = segment
            known = segments.setdefault(flow, {})
            known[sequence] = max(known.get(sequence, b""), payload, key=len)
    return {flow: _joined(known) for flow, known in segments.items()}


def _joined(segments: dict[int, bytes]) -> bytes:
    """Join segments, each byte once; numbers that began anew after 2**32 are put behind the others."""
    first = next(iter(segments))
    stream, expected = bytearray(), None
    for sequence in sorted(segments, key=lambda number: (number - first + (1 << 31)) % (1 << 32)):
        seen = 0 if expected is None else (expected - sequence) % (1 << 32)
        repeated = seen if seen < 1 << 31 else 0
        stream += segments[sequence][repeated:]
        expected = (sequence + max(len(segments[sequence]), repeated)) % (1 << 32)
    return bytes(stream)


def _packets(data: bytes) -> Iterator[bytes]:
    order = _PCAP[data[:4]]
    if len(data) < _PCAP_HEAD:
        raise CaptureError("the capture is cut short")
    (link,) = struct.unpack_from(f"{order}I", data, 20)
    if link not in _LINKS:
        raise CaptureError(f"link type {link} of the capture is not known; save it as Ethernet, raw IP or Linux cooked")
    at = _PCAP_HEAD
    while at + _PACKET_HEAD <= len(data):
        (size,) = struct.unpack_from(f"{order}I", data, at + 8)
        at += _PACKET_HEAD
        yield data[at : at + size][_LINKS[link] :]
        at += size


def _segment(packet: bytes) -> tuple[str, int, bytes] | None:
    """Return flow, sequence number and payload of a packet; None where it is no whole TCP one."""
    try:
        version = packet[0] >> 4
        if version == 4:
            head, size, carries = (packet[0] & 15) * 4, int.from_bytes(packet[2:4]), packet[9]
        else:
            head, size, carries = 40, 40 + int.from_bytes(packet[4:6]), packet[6]
        source, target, sequence = struct.unpack_from(">HHI", packet, head)
        payload = packet[head + (packet[head + 12] >> 4) * 4 : size]
    except (IndexError, struct.error):
        return None
    return (f"port {source} to {target}", sequence, payload) if carries == _TCP else None
