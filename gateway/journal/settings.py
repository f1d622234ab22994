"""How the journal batches, waits and gives up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSettings:
    """Limits of one journal; counts are changes, times are seconds.

    A batch has up to `batch_most` changes, up to `batch_largest` where far more wait, and no further one once it holds
    `batch_heaviest` records and postings; `slice` callers are answered at a time. `room` bounds the wishes that wait;
    facts have `reserved` places beyond it and wait for one rather than be refused. Sets are written in chunks that
    hold the head for about `set_holds_s`, after what waits beside them.

    A write that takes longer than `write_within_s` has its connection abandoned and is in doubt. Wishes that could not
    be written because the books were out of reach for `reach_s` are answered UNREACHABLE. A caller whose change's fate
    is unknown for `patience_s` gets InDoubtError.

    Where others write too, journals take turns of about `turn_s` each; one that does not get its turn within
    `turn_within_s` goes on without it for `turnless_s`, under the head's row lock. After `alone_batches` turns that
    nobody wrote between it goes on alone. About `remembered_accounts`
    accounts, and as many keys and records, are kept in mind. A key that was used already and was taken for free has
    the next `careful_batches` batches look theirs up first.
    """

    batch_most: int = 500
    batch_largest: int = 2_000
    batch_heaviest: int = 8_000
    room: int = 10_000
    reserved: int = 10_000
    slice: int = 64
    set_holds_s: float = 0.02
    write_within_s: float = 10.0
    reach_s: float = 3.0
    patience_s: float = 30.0
    pause_first_s: float = 0.02
    pause_most_s: float = 1.0
    remembered_accounts: int = 100_000
    careful_batches: int = 64
    alone_batches: int = 4
    turn_s: float = 0.02
    turn_within_s: float = 0.5
    turnless_s: float = 5.0
    idle_in_transaction_ms: int = 2_000
