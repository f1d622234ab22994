"""The hash chain over batches: which lines of a batch are hashed, in one declared form, and how batches are linked.

Two write these lines, the journal as it decides a batch and the proof as it reads the tables again; both write them
with the functions here. Source: `docs/verify.md`, which a third party can follow without this code.

Ids, numbers, times and codes stand in the lines as they are. What people wrote (why, notes, data of events) enters
only as a salted digest whose salt lies beside the text: once text and salt are erased nobody can guess the text from
the chain, and the chain still holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from hashlib import sha256, shake_256
from typing import NamedTuple, NoReturn
from uuid import UUID

import msgspec

FORM = "tillgate.batch.2"
GENESIS = bytes(32)
# The journal's own events: their data is numbers and days, and enters the lines as it is.
PLAIN = frozenset({"ledger_hold", "day_closed"})
SALT = 16
DIGEST = 32
_LATEST = 2**32 - 1
KEY_LEAF = 20

Line = tuple[object, ...]
Data = Mapping[str, object] | None

# Objects come back from the database with their keys in another order: they are written by key.
_ENCODER = msgspec.json.Encoder(order="sorted")


class UnrepeatableError(TypeError):
    """Data that would not come back from the database as it was hashed: a fault of the code that made it."""


class Said(NamedTuple):
    """A line of the event feed as its change says it, before it has its place."""

    kind: str
    subject: UUID
    version: int | None
    state: str | None
    data: Data


def opened(account_id: UUID, party: UUID, unit: str, purpose: str, item: str) -> Line:
    """Write an account that the batch opened."""
    return "opened", account_id, party, unit, purpose, item


def change(place: int, change_id: UUID, who: str, occurred_at: datetime, told: bytes) -> Line:
    """Write a change: who made it, when it happened in the world, and the digest of what was told (`telling`)."""
    return "change", place, change_id, who, utc(occurred_at), told.hex()


def event(line: int, said: Said) -> Line:
    """Write an event of the change before it; data only of the journal's own kinds."""
    kind, subject, version, state, data = said
    return "event", line, kind, subject, version, state, data if kind in PLAIN else None


def transfer(line: int, id_: UUID, kind: str, subject: UUID, occurred_at: datetime, value_on: date | None) -> Line:
    """Write a transfer of the change before it; its entries follow it, by account id."""
    return "transfer", line, id_, kind, subject, utc(occurred_at), value_on


def entry(account_id: UUID, version: int, amount_minor: int, balance_minor: int) -> Line:
    """Write an entry of the transfer before it."""
    return "entry", account_id, version, amount_minor, balance_minor


def batch(
    *, book: str, seq: int, batch_id: UUID, recorded_at: datetime, booked_on: date, changes: int, keys: bytes | None
) -> Line:
    """Write the line that opens a batch; `keys` are the leaves of its idempotency keys one after another."""
    digest = sha256(keys).hexdigest() if keys else None
    return "batch", FORM, book, seq, batch_id, utc(recorded_at), booked_on, changes, digest


def encode(lines: Sequence[Line]) -> bytes:
    """Write lines as they are hashed and exported: each one JSON array, UTF-8, without spaces, ended by a line feed."""
    return _ENCODER.encode_lines(lines)


def link(prev_hash: bytes, text: bytes) -> bytes:
    """Return the batch's hash: SHA-256 over the hash before it and the text of its lines."""
    return sha256(prev_hash + text).digest()


def salts(new_id: Callable[[], UUID], count: int) -> bytes:
    """Draw `count` salts, one after another; the seed they come from is kept nowhere."""
    seed = b"".join(new_id().bytes for _ in range(3))
    return shake_256(seed).digest(SALT * count)


def telling(salt: bytes, why: str, data: Sequence[Data], notes: Sequence[str]) -> bytes:
    """Return the digest of what a change tells: why, the data of each of its events, the note of each transfer.

    SHA-256 over the salt and a JSON array with sorted keys. Raises UnrepeatableError where data has a number that is
    not whole: the database may give it back in another form.
    """
    text = _ENCODER.encode((why, data, notes))
    if any(data):
        _refuse_fractions(text)
    return sha256(salt + text).digest()


def key_leaf(
    scope: str, name: str, digest: bytes, digest_version: int, subject: UUID, change_id: UUID, expires_at: datetime
) -> bytes:
    """Return a used key's leaf: until when it is kept, in whole seconds (4 bytes), and 16 bytes of a SHA-256 over it.

    A key that is kept for longer than 4 bytes can count has the largest number.

    The key's own keyed digest is in the SHA-256, so nobody can guess a name from the leaf once the key is forgotten.
    """
    text = _ENCODER.encode((scope, name, digest.hex(), digest_version, subject, change_id))
    return min(int(expires_at.timestamp()), _LATEST).to_bytes(4, "big") + sha256(text).digest()[: KEY_LEAF - 4]


def utc(instant: datetime) -> datetime:
    """Return the instant as the lines write it, in UTC."""
    return instant if instant.tzinfo is UTC else instant.astimezone(UTC)


def _refuse_fractions(text: bytes) -> None:
    try:
        _WHOLE.decode(text)
    except msgspec.ValidationError:
        raise UnrepeatableError("the data of an event has whole numbers and text only") from None


def _refuse(number: str) -> NoReturn:
    raise ValueError(number)


_WHOLE = msgspec.json.Decoder(float_hook=_refuse)
