"""What a day came to: the JSON of `tillgate demo --json`, and what did not hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.sandbox.slips import Slip


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What only the house itself can prove: the trial balance per unit, the bank's books against ours, the chain."""

    trial_balance: Mapping[str, int]
    bank_agrees: bool
    chain_verified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchases:
    """Purchases by where they stand at the day's end."""

    sent: int
    approved: int
    declined: int
    reversed: int
    unknown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawals:
    """Withdrawals by where they stand at the day's end."""

    success: int
    failed: int
    returned: int
    unknown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Files of the day, the bad ones counted."""

    sent: int
    fetched: int
    imported: int
    quarantined: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """Lines and instructions by how they met."""

    matched: int
    different: int
    missing: int
    unknown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DayResult:
    """A day's figures; `failures` are the checks that did not hold, `slips` what the terminals were answered."""

    seed: int
    seconds: float
    purchases: Purchases
    voids: int
    refunds: int
    duplicates_answered: int
    mac_refused: int
    withdrawals: Withdrawals
    files: Files
    reconciliation: Reconciliation
    proof: Proof
    failures: tuple[str, ...] = ()
    slips: tuple[Slip, ...] = field(default=(), repr=False)

    @property
    def ok(self) -> bool:
        """Tell whether every check of the day holds."""
        return not self.failures

    def with_failures(self, failures: tuple[str, ...]) -> DayResult:
        """Return the same day with the checks that did not hold."""
        return replace(self, failures=failures)

    def to_json(self) -> dict[str, Any]:
        """Return the day as `tillgate demo --json` writes it."""
        return {
            "seed": self.seed,
            "seconds": round(self.seconds, 3),
            "purchases": _fields(self.purchases),
            "voids": self.voids,
            "refunds": self.refunds,
            "duplicates_answered": self.duplicates_answered,
            "mac_refused": self.mac_refused,
            "payouts": {"orders": 0, "instructions": 0, "success": 0, "failed": 0},
            "withdrawals": _fields(self.withdrawals),
            "files": _fields(self.files),
            "reconciliation": _fields(self.reconciliation),
            "trial_balance": dict(self.proof.trial_balance),
            "bank_agrees": self.proof.bank_agrees,
            "chain_verified": self.proof.chain_verified,
            "ok": self.ok,
        }


def _fields(part: Purchases | Withdrawals | Files | Reconciliation) -> dict[str, int]:
    return {name: getattr(part, name) for name in part.__slots__}
