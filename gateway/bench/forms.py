"""The forms that are measured against each other: the journal, and a transaction for each transfer."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from gateway.bench import store
from gateway.bench.ground import Ground, WrongAnswerError, open_journal
from gateway.bench.load import Ask, Loop
from gateway.bench.order import Order, orders
from gateway.bench.sample import Sample
from gateway.bench.store import OneStatement, PlainStatements, Pool
from gateway.journal import Change, Done, Journal, Refused, Replayed
from gateway.kernel.postgres.pool import open_pool
from gateway.ledger import Account

CONNECTIONS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How one run is done: so many transfers, a part of them before the clock starts, by so many callers."""

    transfers: int
    callers: int
    hot: bool
    warm_up: int = 0
    entries: int = 0


async def run_journal(ground: Ground, run: Run) -> Sample:
    """Measure the journal of one process."""
    async with ground.database(entries=run.entries) as dsn:
        pool = await open_pool(dsn, largest=4)
        async with open_journal(pool, ground.clock, room=max(10_000, run.callers)) as journal:
            sample = await _measured(ground, run, pool, posting(journal), changes, trips=lambda: journal.round_trips)
        await pool.close()
    return sample


async def run_reference(ground: Ground, run: Run, form: type[OneStatement | PlainStatements]) -> Sample:
    """Measure a transaction for each transfer, over 32 connections with prepared statements."""
    async with ground.database(entries=run.entries) as dsn:
        pool = await open_pool(dsn, smallest=CONNECTIONS + 2, largest=CONNECTIONS + 2)
        ids = await store.account_ids(pool, ground.accounts)
        sample = await _measured(ground, run, pool, _statements(pool, form(), ids), _as_they_are)
        await pool.close()
    costs = {**sample.costs, "round_trips_per_transfer": float(form.round_trips)}
    return Sample(rate=sample.rate, p50_ms=sample.p50_ms, p99_ms=sample.p99_ms, costs=costs)


def posting(journal: Journal) -> Ask[Change]:
    """Return how a change is asked for; anything but done spoils the run."""

    async def ask(change: Change) -> None:
        receipt = await journal.post(change)
        if isinstance(receipt, Refused | Replayed):
            raise WrongAnswerError(str(receipt))
        assert isinstance(receipt, Done)  # noqa: S101 - there is no fourth

    return ask


def changes(pairs: Sequence[tuple[Order, Order]]) -> list[tuple[Any, ...]]:
    """Say orders as changes, before the clock starts."""
    return [(first.change(), second.change()) for first, second in pairs]


def _as_they_are(pairs: Sequence[tuple[Order, Order]]) -> list[tuple[Any, ...]]:
    return list(pairs)


def _statements(
    pool: Pool, form: OneStatement | PlainStatements, ids: dict[Account, UUID]
) -> Callable[[Order], Coroutine[Any, Any, None]]:
    async def ask(order: Order) -> None:
        async with pool.acquire() as connection:
            await form.run(connection, order, ids)

    return ask


async def _measured(
    ground: Ground,
    run: Run,
    pool: Pool,
    ask: Ask[Any],
    say: Callable[[Sequence[tuple[Order, Order]]], list[tuple[Any, ...]]],
    *,
    trips: Callable[[], int] = lambda: 0,
) -> Sample:
    def drawn(count: int) -> list[tuple[Any, ...]]:
        at = ground.clock.now()
        return say(orders(count, ground.accounts, hot=run.hot, ids=ground.ids, at=at, random=ground.random))

    await store.settle(pool)
    await Loop[Any](ask, ground.clock).run(drawn(run.warm_up), run.callers)
    work, before, asked = drawn(run.transfers), await store.costs(pool), trips()
    loop = Loop[Any](ask, ground.clock)
    took_s = await loop.run(work, run.callers)
    asked = trips() - asked
    costs = (await store.costs(pool)).since(before, len(loop.waits_s))
    costs["round_trips_per_transfer"] = asked / len(loop.waits_s)
    return Sample.of(count=len(loop.waits_s), took_s=took_s, waits_s=loop.waits_s, costs=costs)
