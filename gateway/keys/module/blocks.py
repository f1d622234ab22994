"""A module's own key blocks: a TR-31 header of version 1, the key as the module wrapped it, and a CMAC over both.

A block has several parts where the port needs more of a key than the key itself: a triple-DES MAC key has its left half
beside it (X9.19 chains under that), a triple-DES base derivation key its masked form, an RSA key its public half.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gateway.keys.keyblock import Header, hexadecimal, read_header, show_header
from gateway.keys.port import KeyStoreError

MAC = 16
_LENGTH = 4


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A block taken apart, its MAC not yet checked: `covered` is what the MAC is over."""

    header: Header
    parts: tuple[bytes, ...]
    covered: bytes
    mac: bytes = field(repr=False)


def written(header: Header, parts: Sequence[bytes], authenticate: Callable[[bytes], bytes]) -> str:
    """Return the text of a block; `authenticate` makes its MAC."""
    body = "".join(f"{len(part):0{_LENGTH}X}{part.hex().upper()}" for part in parts)
    covered = show_header(header, body_length=len(body) + 2 * MAC) + body
    return covered + authenticate(covered.encode("ascii")).hex().upper()


def read(text: str) -> Wrapped:
    """Take a block apart. Raises KeyStoreError where it is none."""
    header, at = read_header(text)
    end = len(text) - 2 * MAC
    mac = hexadecimal(text[end:])
    if header.form != "1" or end < at or len(mac) != MAC:
        raise KeyStoreError("not a key block of a module")
    return Wrapped(header, _parts(text[at:end]), text[:end].encode("ascii"), mac)


def _parts(body: str) -> tuple[bytes, ...]:
    parts, at = [], 0
    while at < len(body):
        length = int.from_bytes(hexadecimal(body[at : at + _LENGTH]))
        part = hexadecimal(body[at + _LENGTH : at + _LENGTH + 2 * length])
        if not length or len(part) != length:
            raise KeyStoreError("the key block is cut")
        parts.append(part)
        at += _LENGTH + 2 * length
    return tuple(parts)
