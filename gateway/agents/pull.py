"""The kind of task that pulls raw transactions from a remote source and works out their profit (rows A16, A21, A22)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import UUID

from gateway.agents import store
from gateway.agents.profit import Profit, ProfitSharing
from gateway.agents.transaction import RawTransaction, UnreadableError, read_transaction
from gateway.fees import CountedRules, RateError, RuleMeter
from gateway.journal.model import Insert
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.pool import Database
from gateway.parties import Kind, Party
from gateway.parties import store as parties
from gateway.tasks.batch import BadTaskError, BatchRun, BatchTask, Effect, Place, Portion, Row, RowError, SourceError
from gateway.tasks.sources import OpenPages, Pages, RemoteSource, SourceRegister, SourceState, gather

PULL = "transactions.pull"
# the cursor behind the last page: a source has none of its own for it
_ENDED = "\n"


class TransactionPull:
    """Kind `transactions.pull`; its one parameter is `source`, the code of a remote source."""

    name = PULL
    stops_at_failed_row = False

    def __init__(
        self,
        *,
        pool: Database,
        sources: SourceRegister,
        open_pages: OpenPages,
        sharing: ProfitSharing,
        ids: Ids,
        meter: RuleMeter | None = None,
    ) -> None:
        self._pool = pool
        self._sources = sources
        self._open_pages = open_pages
        self._sharing = sharing
        self._ids = ids
        self._meter = meter

    async def check(self, params: Mapping[str, Any]) -> str:
        """Return the source: only one task pulls from it at a time. Raises BadTaskError."""
        code = params.get("source")
        if set(params) != {"source"} or not isinstance(code, str):
            raise BadTaskError("its one parameter is source, the code of a remote source")
        found = await self._sources.by_code(code)
        if found is None or found.state is not SourceState.ACTIVE:
            raise BadTaskError(f"there is no active source {code!r}")
        return str(found.id)

    def open(self, task: BatchTask) -> AbstractAsyncContextManager[BatchRun]:
        """Open the task's source."""
        return self._opened(task)

    @asynccontextmanager
    async def _opened(self, task: BatchTask) -> AsyncIterator[BatchRun]:
        source = await self._sources.find(UUID(task.exclusive))
        if source is None or source.state is not SourceState.ACTIVE:
            raise SourceError("the source is closed", is_final=True)
        async with self._open_pages(source) as pages:
            yield _Pull(self._pool, source, pages, self._sharing, self._ids, self._meter)

    async def totals(self, task: BatchTask) -> Mapping[str, int]:
        """Return rows, amounts and profit that the task has stored."""
        return await store.totals(self._pool, task.id)


class _Pull:
    """One run."""

    def __init__(
        self,
        pool: Database,
        source: RemoteSource,
        pages: Pages,
        sharing: ProfitSharing,
        ids: Ids,
        meter: RuleMeter | None,
    ) -> None:
        self._pool = pool
        self._source = source
        self._pages = pages
        self._sharing = sharing
        self._ids = ids
        self._outer = meter
        self._rules = CountedRules(meter)
        self._agents: dict[str, Party | None] = {}

    async def read(self, cursor: str, size: int) -> Portion:
        """Read the items beyond `cursor`; one that is no transaction is a row that fails."""
        if cursor == _ENDED:
            return Portion(rows=(), cursor=_ENDED, is_last=True)
        page = await gather(self._pages, cursor=cursor, size=size, page_most=self._source.page_most)
        rows = [_row(item) for item in page.items]
        return Portion(rows=rows, cursor=page.next or _ENDED, is_last=page.next is None, total=page.total)

    async def known(self, rows: Sequence[Row]) -> Mapping[str, str]:
        """Tell which rows are stored, and which of them the source now tells otherwise."""
        self._rules = CountedRules(self._outer)
        stored = await store.digests(self._pool, self._source.id, [row.id for row in rows])
        return {row.id: _difference(row, stored[row.id]) for row in rows if row.id in stored}

    async def work(self, row: Row) -> tuple[UUID, Profit]:
        """Find the agent and work out the profit. Raises RowError."""
        if isinstance(row.content, UnreadableError):
            raise RowError(str(row.content))
        transaction: RawTransaction = row.content
        agent = await self._agent(transaction.agent)
        try:
            return agent.id, await self._sharing.of(transaction, agent=agent.id, meter=self._rules)
        except RateError as fault:
            raise RowError(str(fault)) from fault
        except KeyError as fault:
            raise RowError(f"there is no fee item {fault}") from fault

    def effect(self, done: Sequence[tuple[Row, Any]], place: Place) -> Effect:
        """Store each transaction and one profit entry for each of its takers."""
        records: list[Insert] = []
        for row, (agent, profit) in done:
            id_ = self._ids.new()
            records.append(Insert("raw_transaction", self._stored(id_, row.content, agent, profit, place)))
            records += self._entries(id_, profit)
        figures = {"rule_reads": self._rules.reads, "rule_hits": self._rules.hits}
        return Effect(records=tuple(records), figures=figures)

    async def _agent(self, code: str) -> Party:
        if code not in self._agents:
            self._agents[code] = await parties.party_by_code(self._pool, Kind.AGENT, code)
        found = self._agents[code]
        if found is None:
            raise RowError(f"there is no agent {code}")
        return found

    def _stored(
        self, id_: UUID, transaction: RawTransaction, agent: UUID, profit: Profit, place: Place
    ) -> dict[str, object]:
        return {
            "id": id_,
            "source_id": self._source.id,
            "row_id": transaction.id,
            "digest": transaction.digest,
            "task_id": place.task.id,
            "run": place.task.run,
            "chunk": place.chunk,
            "device": transaction.device,
            "agent_id": agent,
            "merchant": transaction.merchant,
            "unit": transaction.amount.unit,
            "amount_minor": transaction.amount.minor,
            "fee_minor": transaction.fee.minor,
            "cost_minor": transaction.cost.minor,
            "state": transaction.state,
            "occurred_at": transaction.occurred_at,
            "profit_minor": profit.total.minor,
            "rule_version": profit.version,
            "no_profit": profit.why_none,
            "recorded_at": place.at,
        }

    def _entries(self, transaction: UUID, profit: Profit) -> list[Insert]:
        return [
            Insert(
                "profit_entry",
                {
                    "id": self._ids.new(),
                    "transaction_id": transaction,
                    "place": place,
                    "item": share.item,
                    "party_id": share.party,
                    "unit": profit.total.unit,
                    "amount_minor": share.amount_minor,
                },
            )
            for place, share in enumerate(profit.shares, start=1)
        ]


def _row(item: bytes) -> Row:
    try:
        read = read_transaction(item)
    except UnreadableError as fault:
        return Row(fault.row_id, fault)
    return Row(read.id, read)


def _difference(row: Row, digest: str) -> str:
    if isinstance(row.content, RawTransaction) and row.content.digest == digest:
        return ""
    return "it is stored already, and the source now tells it otherwise"
