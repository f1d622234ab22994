"""What money out needs of its neighbours; the composition root hands the adapters in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from gateway.kernel.money import Money
from gateway.kernel.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """A fee in minor units of the amount's unit, and the version of the rate it was made by ("" = no rate)."""

    amount_minor: int
    version: str


class Quotes(Protocol):
    """Prices money out (row U15)."""

    async def quote(self, *, item: str, party: UUID, amount: Money) -> Quoted:
        """Return the fee of `item` ("withdrawal_fee") for `amount`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PayeeCard:
    """A bank card as an instruction carries it: account and name sealed under `instruction.payee`."""

    account_sealed: bytes = field(repr=False)
    name_sealed: bytes = field(repr=False)
    bank: str


class BankCards(Protocol):
    """The parties' bank cards and withdrawal passwords (rows A52-A56, A59)."""

    async def payee(self, *, party: UUID, card: UUID) -> PayeeCard | None:
        """Return the party's card sealed anew for an instruction; None where it is not bound to the party."""
        ...

    async def verify(self, *, party: UUID, password: str) -> Reason | None:
        """Check the withdrawal password: None where it is right, else BAD_PIN or PIN_TRIES; wrong tries lock."""
        ...


class Numbers(Protocol):
    """Gives instruction numbers: 20 digits, unique for ever."""

    async def next(self, at: datetime) -> str:
        """Return the next number; `at` gives its date."""
        ...


class Routes(Protocol):
    """Picks the channel of a payout."""

    async def choose(self, *, party: UUID, amount: Money, business: str) -> UUID | None:
        """Return the channel, or None where none is open for this."""
        ...
