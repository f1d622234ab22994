"""How the journal batches, waits and gives up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSettings:
    """Limits of one journal; counts are changes, times are seconds.

    A batch has up to `batch_most` changes, and no further one once it holds `batch_heaviest` records and postings.
    `room` bounds the wishes that wait; facts have `reserved` places beyond it and wait for one rather than be refused.
    A write that takes longer than `write_within_s` has its connection abandoned and is in doubt. Wishes that could not
    be written because the books were out of reach for `reach_s` are answered UNREACHABLE. A caller whose change's fate
    is unknown for `patience_s` gets InDoubtError. After a missed fence the next `locked_batches` batches take the
    head's row lock first; balances are remembered after `alone_batches` batches that nobody wrote between.
    """

    batch_most: int = 500
    batch_heaviest: int = 4_000
    room: int = 10_000
    reserved: int = 10_000
    slice: int = 64
    write_within_s: float = 10.0
    reach_s: float = 3.0
    patience_s: float = 30.0
    pause_first_s: float = 0.02
    pause_most_s: float = 1.0
    remembered_accounts: int = 100_000
    locked_batches: int = 16
    alone_batches: int = 4
    idle_in_transaction_ms: int = 2_000
