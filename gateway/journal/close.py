"""The signed close of a book day: what stood in the book when the day's last batch was written, in one line.

Source: `docs/verify.md`. The line is kept, exported and signed as it is, its line feed included.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import msgspec

from gateway.keys.public import fingerprint, is_signed, pem_public_key

FORM = "tillgate.close.1"


class UnreadableCloseError(ValueError):
    """A text is not the line of a close."""


class Close(msgspec.Struct, array_like=True, tag="close", frozen=True, kw_only=True):
    """What a close says; everything counted is counted since the book's first batch.

    `hash` is that of batch `seq`, which closed `day`. `totals` are the balances per unit and purpose in minor units,
    debit positive, in order and without those that are 0; those of one unit add up to 0. `key` numbers the signing key.
    """

    form: str
    book: str
    day: date
    seq: int
    hash: str
    accounts: int
    events: int
    transfers: int
    entries: int
    totals: tuple[tuple[str, str, int], ...]
    key: int

    def line(self) -> bytes:
        """Return the line that is signed."""
        return msgspec.json.encode(self) + b"\n"


@dataclass(slots=True)
class Sums:
    """What is counted on the way to a close."""

    accounts: int = 0
    events: int = 0
    transfers: int = 0
    entries: int = 0
    totals: dict[tuple[str, str], int] = field(default_factory=dict)

    @classmethod
    def of(cls, close: Close) -> Sums:
        """Go on from an earlier close."""
        totals = {(unit, purpose): total for unit, purpose, total in close.totals}
        return cls(close.accounts, close.events, close.transfers, close.entries, totals)

    @classmethod
    def read(cls, kept: dict[str, Any]) -> Sums:
        """Read what `kept` wrote."""
        totals = {(unit, purpose): int(total) for unit, purpose, total in kept["totals"]}
        return cls(kept["accounts"], kept["events"], kept["transfers"], kept["entries"], totals)

    def kept(self) -> dict[str, Any]:
        """Write them down as JSON."""
        counts = {"accounts": self.accounts, "events": self.events, "transfers": self.transfers}
        return {**counts, "entries": self.entries, "totals": [list(total) for total in self.listed()]}

    def listed(self) -> tuple[tuple[str, str, int], ...]:
        """List the totals as a close does."""
        return tuple((unit, purpose, total) for (unit, purpose), total in sorted(self.totals.items()) if total)

    def add(self, unit: str, purpose: str, amount_minor: int) -> None:
        """Add an amount to the total of its unit and purpose."""
        self.totals[unit, purpose] = self.totals.get((unit, purpose), 0) + amount_minor

    def closed(self, *, book: str, day: date, seq: int, hash_: bytes, key: int) -> Close:
        """Say what stands at the end of `day`."""
        return Close(
            form=FORM,
            book=book,
            day=day,
            seq=seq,
            hash=hash_.hex(),
            accounts=self.accounts,
            events=self.events,
            transfers=self.transfers,
            entries=self.entries,
            totals=self.listed(),
            key=key,
        )

    def differs_from(self, close: Close) -> str:
        """Say what `close` counts otherwise; nothing where it agrees."""
        for what in ("accounts", "events", "transfers", "entries"):
            if getattr(self, what) != getattr(close, what):
                return f"counts {getattr(close, what)} {what}, there are {getattr(self, what)}"
        mine, its = set(self.listed()), set(close.totals)
        return "".join(f"says {total} {unit} on {purpose}; " for unit, purpose, total in sorted(its - mine)) + "".join(
            f"{total} {unit} stand on {purpose}; " for unit, purpose, total in sorted(mine - its)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedClose:
    """A close as it was signed: its line, the Ed25519 signature over that, and the key's public half (32 bytes)."""

    line: bytes
    signature: bytes
    public_key: bytes
    signed_at: datetime | None = None

    def close(self) -> Close:
        """Read the line. Raises UnreadableCloseError."""
        return read_close(self.line)

    def wrong_signature(self, trusted: Iterable[bytes] | None = None) -> str:
        """Say what is wrong with the signature; nothing where a trusted key (None: the one it names) has made it."""
        if trusted is not None and self.public_key not in set(trusted):
            return f"is signed by key {fingerprint(self.public_key)}, which is not one of those given"
        return "" if is_signed(self.public_key, self.line, self.signature) else "has a signature that does not hold"

    def shown(self) -> dict[str, Any]:
        """Return it as JSON, for people to write down and for `verify --close`."""
        close = self.close()
        return {
            "book": close.book,
            "day": close.day.isoformat(),
            "seq": close.seq,
            "hash": close.hash,
            "line": self.line.decode(),
            "signature": self.signature.hex(),
            "key": close.key,
            "fingerprint": fingerprint(self.public_key),
            "public_key": pem_public_key(self.public_key),
        }


def read_close(line: bytes) -> Close:
    """Read a close's line. Raises UnreadableCloseError where it is none, or of another form."""
    try:
        close = msgspec.json.decode(line, type=Close)
    except msgspec.MsgspecError as error:
        raise UnreadableCloseError(f"not the line of a close: {error}") from None
    if close.form != FORM:
        raise UnreadableCloseError(f"a close of form {close.form}; this release reads {FORM}")
    return close
