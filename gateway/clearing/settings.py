"""How long the road of a payment waits, and how its lanes back off; times in seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadSettings:
    """Patience of the road.

    A silent bank is asked `query_after_s` after the silence, the last interval repeating. The road closes
    `close_before_s` before the door's budget ends, so that what is told is durable when it is told. A write to the
    books may take `write_within_s`: an approval later than that before the budget's end is guarded by a timer until it
    is told. Recovery looks at a request `recover_after_s` after its budget. `poll_s` is how often the books are looked
    at for a request that another process carries. A reference is remembered for `reference_kept_days`. A
    pre-authorisation is held for `hold_days` and completed up to `completion_most_percent` of its amount.
    """

    bank_within_s: float = 10.0
    query_after_s: tuple[float, ...] = (2.0, 4.0, 8.0)
    close_before_s: float = 0.5
    write_within_s: float = 10.0
    recover_after_s: float = 5.0
    ask_again_s: float = 60.0
    ask_again_most_s: float = 3600.0
    lane_least_s: float = 1.0
    lane_most_s: float = 600.0
    lane_expires_s: float = 7 * 86_400.0
    poll_s: float = 0.1
    reference_kept_days: int = 400
    hold_days: int = 30
    completion_most_percent: int = 115
