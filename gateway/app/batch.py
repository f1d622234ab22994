"""Batch tasks as this installation has them: the kinds there are, joined to sources, rules, journal and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.agents import TABLES as AGENT_TABLES
from gateway.agents import ProfitSharing, TransactionPull
from gateway.app.meters import BatchMeter, ConnectorMeter, RuleCounter
from gateway.app.sources import Sources
from gateway.app.surroundings import Surroundings
from gateway.fees import RuleCache
from gateway.fees import store as fees
from gateway.journal import Journal
from gateway.kernel.settings import Settings
from gateway.keys import KeyStore
from gateway.tasks import TIMER, Handler
from gateway.tasks.batch import (
    SCHEDULE_TIMER,
    TASK_TIMER,
    BatchKind,
    BatchOffice,
    Runner,
    Schedules,
    Workshop,
)
from gateway.tasks.batch import TABLES as BATCH_TABLES
from gateway.tasks.sources import SourceRegister

# what the journal writes for tasks and for what their kinds store; a process that only handles tasks needs no more
TABLES = (*BATCH_TABLES, *AGENT_TABLES)
TABLES_ALONE = (TIMER, *TABLES)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRooms:
    """Who takes tasks and schedules, who works on them, and what they pull from."""

    office: BatchOffice
    schedules: Schedules
    runner: Runner
    sources: SourceRegister

    def handlers(self) -> Mapping[str, Handler]:
        """What timers run, by kind."""
        return {TASK_TIMER: self.runner.handle, SCHEDULE_TIMER: self.schedules.handle}


def build_batch(settings: Settings, around: Surroundings, *, journal: Journal, keystore: KeyStore) -> BatchRooms:
    """Join the batch tasks."""
    sources = SourceRegister(pool=around.pool, keystore=keystore, clock=around.clock, ids=around.ids)
    kinds = {kind.name: kind for kind in _kinds(settings, around, sources=sources, keystore=keystore)}
    office = BatchOffice(pool=around.pool, journal=journal, kinds=kinds, clock=around.clock, ids=around.ids)
    shop = Workshop(
        pool=around.pool,
        journal=journal,
        clock=around.clock,
        ids=around.ids,
        owner=around.writer,
        faults=around.faults,
        meter=BatchMeter(around.metrics),
    )
    return BatchRooms(
        office=office,
        schedules=Schedules(pool=around.pool, journal=journal, office=office, clock=around.clock, ids=around.ids),
        runner=Runner(shop, kinds=kinds),
        sources=sources,
    )


def _kinds(
    settings: Settings, around: Surroundings, *, sources: SourceRegister, keystore: KeyStore
) -> tuple[BatchKind, ...]:
    rules = RuleCache(
        read=lambda item, party: fees.rule(around.pool, item, party),
        generation_of=lambda: fees.generation(around.pool),
        clock=around.clock,
    )
    remote = Sources(
        keystore=keystore,
        meter=ConnectorMeter(around.metrics),
        clock=around.clock,
        randomness=around.randomness,
        allowed=settings.tasks.source_networks,
    )
    pull = TransactionPull(
        pool=around.pool,
        sources=sources,
        open_pages=remote.open,
        sharing=ProfitSharing(rules),
        ids=around.ids,
        meter=RuleCounter(around.metrics, room="agents"),
    )
    return (pull,)
