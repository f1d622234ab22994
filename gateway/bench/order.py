"""The work that every form does: a transfer, an idempotency key, and an order that is written, then moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from gateway.journal import Change, Insert, Key, Move, Table
from gateway.kernel.ids import Ids
from gateway.ledger import Account, Leg, Transfer

ORDER = Table(
    name="bench_order",
    columns={"id": "uuid", "state": "text", "amount_minor": "bigint", "version": "integer"},
)
KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One transfer between two accounts, for the order `id`; `first` writes the order, else it is moved."""

    id: UUID
    change_id: UUID
    transfer_id: UUID
    reference: str
    payer: Account
    payee: Account
    amount_minor: int
    at: datetime
    first: bool

    @property
    def digest(self) -> bytes:
        """Stand for a keyed digest of the request's content."""
        return self.change_id.bytes * 2

    def change(self) -> Change:
        """Say the work as a change."""
        record = (
            Insert("bench_order", {"id": self.id, "state": "paid", "amount_minor": self.amount_minor})
            if self.first
            else Move("bench_order", self.id, 1, {"state": "settled"})
        )
        return Change(
            id=self.change_id,
            who="terminal:10000001",
            why="purchase approved by the bank",
            occurred_at=self.at,
            keys=(self._key(),),
            records=(record,),
            postings=(self._transfer(),),
        )

    def _key(self) -> Key:
        return Key(
            scope="bench",
            name=self.reference,
            digest=self.digest,
            digest_version=1,
            subject=self.id,
            expires_at=self.at + KEPT,
        )

    def _transfer(self) -> Transfer:
        return Transfer(
            id=self.transfer_id,
            kind="bench",
            subject=self.id,
            legs=(Leg(self.payer, self.amount_minor), Leg(self.payee, -self.amount_minor)),
            occurred_at=self.at,
            wish=True,
        )


def orders(
    count: int, accounts: Sequence[Account], *, hot: bool, ids: Ids, at: datetime, random: Random
) -> list[tuple[Order, Order]]:
    """Draw `count` transfers as pairs on one order each; `hot` has them all through the first account."""
    return [_pair(*_between(accounts, hot=hot, random=random), ids=ids, at=at) for _ in range((count + 1) // 2)]


def _between(accounts: Sequence[Account], *, hot: bool, random: Random) -> tuple[Account, Account]:
    payer, payee = random.sample(accounts, 2)
    if hot and accounts[0] not in (payer, payee):
        payee = accounts[0]
    return payer, payee


def _pair(payer: Account, payee: Account, *, ids: Ids, at: datetime) -> tuple[Order, Order]:
    order = ids.new()
    first, second = (
        Order(
            id=order,
            change_id=ids.new(),
            transfer_id=ids.new(),
            reference=f"{order.hex}-{line}",
            payer=payer,
            payee=payee,
            amount_minor=100 + line,
            at=at,
            first=line == 1,
        )
        for line in (1, 2)
    )
    return first, second
