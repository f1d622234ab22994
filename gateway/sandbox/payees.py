"""Payees of the sandbox's parties: what each account triggers at the bank, and the password that withdrawals take."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.sandbox.cards import card_number

WITHDRAWAL_PASSWORD = "135790"  # noqa: S105 - the sandbox's parties have this one, and no others do


class Fate(StrEnum):
    """What becomes of a payout to a payee."""

    PAID = "paid"
    FAILED = "failed"
    SILENT = "silent"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxPayee:
    """A bank card to bind to a party of the sandbox; its last four digits tell it from the others."""

    account: str
    name: str
    bank: str
    fate: Fate


def _payee(trigger: str, serial: int, name: str, fate: Fate) -> SandboxPayee:
    return SandboxPayee(account=card_number(trigger, serial), name=name, bank="102100099996", fate=fate)


PAYEES: tuple[SandboxPayee, ...] = (
    _payee("000", 101, "张三", Fate.PAID),
    _payee("151", 102, "李四", Fate.FAILED),
    _payee("700", 103, "王五", Fate.SILENT),
    _payee("800", 104, "赵六", Fate.RETURNED),
)
"""The bank cards that every merchant of the sandbox has."""


def fate_of(mask: str) -> Fate | None:
    """Tell which of the payees a masked account is; None for any other account."""
    return next((payee.fate for payee in PAYEES if payee.account[-4:] == mask[-4:]), None)
