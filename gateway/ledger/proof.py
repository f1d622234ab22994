"""Proves the books from their own tables: every sum that must be nought, every balance that must follow."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.ledger import store
from gateway.ledger.store import Connection


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that does not hold: what kind of thing, which one, and what is wrong with it."""

    kind: str
    where: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What was counted and what does not hold; at most `store.SHOWN` faults of each kind are listed."""

    accounts: int
    transfers: int
    entries: int
    open_holds: int
    trial_balance: dict[str, int]
    faults: tuple[Fault, ...]


async def prove_books(connection: Connection) -> Books:
    """Check balances, versions, transfers, holds and sums; the connection is in one snapshot and reads only.

    The database does the walking: memory here does not grow with the number of entries.
    """
    counts = await store.counts(connection)
    trial = await store.sums_of_balances(connection)
    faults = [Fault("trial_balance", unit, f"all balances add up to {total}") for unit, total in trial.items() if total]
    for account, version, detail in await store.broken_entries(connection):
        faults.append(Fault("entry", f"{account} version {version}", detail))
    for transfer, detail in await store.broken_transfers(connection):
        faults.append(Fault("transfer", str(transfer), detail))
    for account, detail in await store.broken_accounts(connection):
        faults.append(Fault("account", str(account), detail))
    for account, detail in await store.broken_standings(connection):
        faults.append(Fault("standing", str(account), detail))
    return Books(
        accounts=counts["accounts"],
        transfers=counts["transfers"],
        entries=counts["entries"],
        open_holds=counts["open_holds"],
        trial_balance=trial,
        faults=tuple(faults),
    )
