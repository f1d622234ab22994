"""What only the house itself can prove at a day's end: trial balance, hash chain, and the sandbox bank's books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.app import store
from gateway.journal import verify
from gateway.kernel.postgres.pool import Database
from gateway.ledger.store import trial_balance

_STANDS = {"success", "processing"}
_OURS_STANDING = {"success"}
_PAYOUT_WORDS = {"success": "success", "failed": "failed", "returned": "returned"}
_OPEN_OPERATIONS = {"created", "sent", "unknown", "reversing"}
_OPEN_PAYOUTS = {"frozen", "sent", "unknown"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Items of the bank's own books against ours; `disagreements` name them by instruction number."""

    compared: int
    disagreements: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Tell whether everything agrees."""
        return not self.disagreements


async def prove(pool: Database) -> tuple[dict[str, int], tuple[str, ...]]:
    """Return the trial balance per unit and what `verify` found wrong, if anything."""
    proof = await verify(pool)
    return await trial_balance(pool), tuple(str(fault) for fault in proof.faults)


async def agree(pool: Database, books: Sequence[Mapping[str, Any]]) -> Agreement:
    """Compare what the bank says it did, item by item, with what our books say it did."""
    ours, strangers = await store.settled_by_number(pool), await store.strangers(pool)
    wrong: list[str] = []
    for item in books:
        number = item["number"]
        own = ours.pop(number, None)
        if own is None:
            if strangers.get(number) != item["amount"] or item["state"] not in _STANDS:
                wrong.append(f"{number}: the bank has {item['kind']} {item['state']}, we have nothing")
            continue
        wrong += _differences(number, item, own)
    wrong += [
        f"{number}: we say {own['state']}, the bank has nothing"
        for number, own in ours.items()
        if own["ask"] != "reverse" and own["state"] in _OURS_STANDING
    ]
    return Agreement(compared=len(books), disagreements=tuple(wrong))


def _differences(number: str, item: Mapping[str, Any], own: Mapping[str, Any]) -> list[str]:
    said = own["amount_minor"] + own["corrected_minor"]
    if item["kind"] == "payout":
        is_open, ours = own["payout"] in _OPEN_PAYOUTS, own["payout"]
        agrees = item["state"] == _PAYOUT_WORDS.get(str(own["payout"]))
    else:
        is_open, ours = own["operation"] in _OPEN_OPERATIONS, own["state"]
        agrees = (item["state"] in _STANDS) == (own["state"] in _OURS_STANDING)
    if is_open:
        return [f"{number}: still open with us ({ours}), the bank says {item['state']}"]
    if not agrees:
        return [f"{number}: the bank says {item['state']}, we say {ours}"]
    if item["state"] in _STANDS and item["amount"] != said:
        return [f"{number}: the bank has {item['amount']}, we have {said}"]
    return []
