"""A raw transaction as a source sends it: read and checked, or refused with the field that is wrong (row A16)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.kernel.money import Money

_ID_MOST = 128
_Text = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\A[^\x00-\x1f]*\Z")]
_Minor = Annotated[int, Meta(ge=0, le=10**15)]
SUCCESS = "success"


class UnreadableError(ValueError):
    """An item is no transaction; `row_id` is its id as far as one can be told, the text names the field."""

    def __init__(self, row_id: str, why: str) -> None:
        super().__init__(why)
        self.row_id = row_id


class _Amount(msgspec.Struct, frozen=True):
    minor: _Minor
    unit: Annotated[str, Meta(pattern=r"\A[A-Z]{3}\Z")]


class _Item(msgspec.Struct, frozen=True):
    id: Annotated[str, Meta(min_length=1, max_length=_ID_MOST, pattern=r"\A[!-~]*\Z")]
    device: _Text
    agent: _Text
    merchant: _Text
    amount: _Amount
    fee: _Amount
    cost: _Amount
    state: _Text
    occurred_at: Annotated[datetime, Meta(tz=True)]


class _Named(msgspec.Struct, frozen=True):
    id: str


_ITEM = msgspec.json.Decoder(_Item)
_NAMED = msgspec.json.Decoder(_Named)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawTransaction:
    """A transaction of an agent's device; `fee` is what the merchant paid, `cost` what the channel took.

    `agent` is the agent's code. `digest` tells whether the same id was sent with other content.
    """

    id: str
    device: str
    agent: str
    merchant: str
    amount: Money
    fee: Money
    cost: Money
    state: str
    occurred_at: datetime
    digest: str


def read_transaction(item: bytes) -> RawTransaction:
    """Read one item. Raises UnreadableError."""
    try:
        read = _ITEM.decode(item)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise UnreadableError(_row_id(item), f"no transaction: {fault}") from None
    if len({read.amount.unit, read.fee.unit, read.cost.unit}) > 1:
        raise UnreadableError(read.id, "amount, fee and cost are in different units")
    return RawTransaction(
        id=read.id,
        device=read.device,
        agent=read.agent,
        merchant=read.merchant,
        amount=Money(read.amount.minor, read.amount.unit),
        fee=Money(read.fee.minor, read.fee.unit),
        cost=Money(read.cost.minor, read.cost.unit),
        state=read.state,
        occurred_at=read.occurred_at,
        digest=hashlib.sha256(msgspec.json.encode(read, order="sorted")).hexdigest(),
    )


def _row_id(item: bytes) -> str:
    try:
        found = _NAMED.decode(item).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = ""
    is_plain = 0 < len(found) <= _ID_MOST and found.isascii() and found.isprintable()
    # an item without an id of its own is still found again by its content
    return found if is_plain else f"sha256:{hashlib.sha256(item).hexdigest()}"
