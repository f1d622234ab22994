"""What every room of one process is handed."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.kernel.clock import Clock
from gateway.kernel.faults import Faults
from gateway.kernel.ids import Ids
from gateway.kernel.metrics import Metrics
from gateway.kernel.postgres.pool import Database
from gateway.kernel.randomness import Randomness


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Database, time, ids, randomness, metrics, fault points; `writer` names this process.

    `pool` is for everything but writing the book (`book_pool`) and changing tables (`owner_pool`).
    """

    pool: Database
    book_pool: Database
    owner_pool: Database
    clock: Clock
    ids: Ids
    randomness: Randomness
    metrics: Metrics
    faults: Faults
    writer: str
