#!/usr/bin/env python3
"""Checks an export of the books with the standard library alone, by nothing but what `docs/verify.md` says.

    verify_export.py books.export.gz
    verify_export.py books.export 5f0c…

The second argument is the public key of the closes, 64 hexadecimal letters known from elsewhere; without it a close may
be signed by any key. Exit code: 0 everything holds, 1 the line that is printed does not.
"""

# ruff: noqa: T201 - a command line prints
from __future__ import annotations

import gzip
import json
import sys
import zlib
from collections import Counter
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any


def check(lines: Any, key: str = "") -> str:
    """Follow the algorithm line by line; return what was checked. Raises AssertionError where something is wrong."""
    running, number, word = 0, 0, ""
    hash_, hashing, batches, entries, closes = bytes(32), sha256(), 0, 0, 0
    close: list[Any] = []
    close_line = b""
    accounts: dict[str, list[Any]] = {}
    totals: Counter[tuple[str, str]] = Counter()
    over: Counter[str] = Counter()
    for number, raw in enumerate(lines, 1):
        line = raw[9:]
        running = zlib.crc32(line, running)
        demand(raw[:9] == b"%08x " % running, number, "was changed, or does not follow the line before it")
        word, *fields = json.loads(line)
        if word in ("transfer", "change", "hash"):
            demand(not any(over.values()), number, "the transfer before it does not balance")
            over.clear()
        if word == "batch":
            hashing, batches = sha256(hash_), batches + 1
            demand(fields[0] == "tillgate.batch.2" and fields[2] == batches, number, "is not the next batch")
        elif word == "opened":
            accounts[fields[0]] = [fields[2], fields[3], 0, 0]
        elif word == "entry":
            account, version, amount, balance = fields
            unit, purpose, at, before = accounts[account]
            demand(version == at + 1 and balance == before + amount, number, "does not follow the account's last entry")
            accounts[account][2:] = [version, balance]
            totals[unit, purpose] += amount
            over[unit] += amount
            entries += 1
        elif word == "hash":
            hash_ = hashing.digest()
            demand(fields[0] == hash_.hex(), number, f"batch {batches} is not what was hashed")
        elif word == "close":
            close, close_line = fields, line
            standing = sorted([*name, total] for name, total in totals.items() if total)
            demand(fields[3:5] == [batches, hash_.hex()], number, "is not the close of this batch")
            demand(fields[8:10] == [entries, standing], number, "says other totals")
        elif word == "signature":
            public = bytes.fromhex(key or fields[1])
            demand(is_signed(public, close_line, bytes.fromhex(fields[0])), number, f"close {close[2]} is not signed")
            closes += 1
        elif word == "head":
            demand(fields[1:3] == [batches, hash_.hex()], number, "is not where the chain ends")
            hash_, batches_before, batches, entries_before, entries = bytes(32), batches, 0, entries, 0
            accounts, totals = {}, Counter()
            print(f"book {fields[0]}: {batches_before} batches, {entries_before} entries, head {fields[2]}")
        hashing.update(line)
    demand(word == "end" and fields[0] == number - 1, number, "the file is cut off here")
    return f"everything holds; {closes} signed closes"


def demand(holds: bool, number: int, otherwise: str) -> None:  # noqa: FBT001 - the condition is what it is called with
    """Raise AssertionError, naming the line of the file, where something does not hold."""
    if not holds:
        raise AssertionError(f"line {number}: {otherwise}")


# Ed25519 (RFC 8032, section 5.1.7): is [S]B the same point as R + [k]A?
P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, ROOT = -121665 * pow(121666, -1, P) % P, pow(2, (P - 1) // 4, P)
Point = tuple[int, int]


def is_signed(key: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether the signature of the message is one by the key."""
    s, a, r = int.from_bytes(signature[32:], "little"), point(key), point(signature[:32])
    if len(signature) != 64 or s >= ORDER or a is None or r is None:
        return False
    k = int.from_bytes(sha512(signature[:32] + key + message).digest(), "little") % ORDER
    base = point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    return base is not None and times(s, base) == plus(r, times(k, a))


def point(text: bytes) -> Point | None:
    """Read a point: y, and in the last bit whether x is odd."""
    y = int.from_bytes(text, "little")
    odd, y = y >> 255, y & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if y >= P or (x * x - square) % P or (not x and odd):
        return None
    return (x if x & 1 == odd else P - x), y


def plus(one: Point, two: Point) -> Point:
    """Add two points."""
    (a, b), (c, d) = one, two
    cross = D * a * b * c * d % P
    return (a * d + b * c) * pow(1 + cross, -1, P) % P, (b * d + a * c) * pow(1 - cross, -1, P) % P


def times(count: int, one: Point) -> Point:
    """Add a point to itself so many times."""
    result = (0, 1)
    for bit in f"{count:b}":
        result = plus(result, result)
        if bit == "1":
            result = plus(result, one)
    return result


def main(path: str, key: str = "") -> int:
    """Check a file."""
    opened = gzip.open if path.endswith(".gz") else Path.open
    try:
        with opened(Path(path), "rb") as file:
            print(check(file, key))
    except AssertionError as wrong:
        print(wrong)
        return 1
    except (ValueError, LookupError, TypeError, OSError, EOFError, zlib.error) as wrong:
        print(f"cannot be read: {wrong}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
