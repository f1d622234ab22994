"""Corrections: what is in the book stays, and is set right by a new posting that names it.

A correction is a transfer of kind `CORRECTION` whose subject is the transfer that it corrects. It is a fact: what its
party does not have is taken from the deposit and then owed, as with any other fact.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from gateway.ledger.model import Account, Leg, Purpose, Transfer

CORRECTION = "correction"


class NotCorrectableError(ValueError):
    """A transfer cannot be mirrored: it moved what a hold keeps, which only a hold's release or use sets right."""


def correction(
    original: UUID,
    entries: Sequence[tuple[Account, int]],
    *,
    id_: UUID,
    at: datetime,
    note: str,
    value_on: date | None = None,
) -> Transfer:
    """Take back transfer `original`, whose entries are `entries` (account, amount in minor units), whole.

    `note` says why. Raises NotCorrectableError where an entry stands on a frozen account.
    """
    if any(account.purpose is Purpose.FROZEN for account, _ in entries):
        raise NotCorrectableError(f"transfer {original} moved frozen money: release or use its hold")
    return replacement(
        original,
        [Leg(account, -amount) for account, amount in entries],
        id_=id_,
        at=at,
        note=note,
        value_on=value_on,
    )


def replacement(
    original: UUID, legs: Sequence[Leg], *, id_: UUID, at: datetime, note: str, value_on: date | None = None
) -> Transfer:
    """Set transfer `original` right by `legs`: the difference between what was posted and what should have been."""
    return Transfer(
        id=id_, kind=CORRECTION, subject=original, legs=tuple(legs), occurred_at=at, value_on=value_on, note=note
    )
