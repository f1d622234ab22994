"""Settling a terminal's batch: closed, its totals compared, its items taken in, ended; its merchant's money ripens.

Every step is one change; a step that was lost is asked for again by the terminal and goes on where the books stand. The
totals are worked out only when nothing of the batch is under way any more.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from gateway.clearing.identify import Identification
from gateway.clearing.minting import Mint
from gateway.clearing.settings import RoadSettings
from gateway.journal.model import Change, Count, Done, Insert, Move, Post, Receipt, Refused, Replayed
from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.merchants import BatchState as Standing
from gateway.merchants import Terminal
from gateway.merchants import store as merchants
from gateway.payments import store as payments
from gateway.payments.batches import store
from gateway.payments.batches.counts import closing
from gateway.payments.batches.model import Batch, BatchState, Difference, compared, differences, row_of, written
from gateway.payments.decision import Minted, Request, keys_of, ripening
from gateway.payments.model import AcquiringAnswer, Item, Settled, Settling, Totals, Transaction

_TRIES = 20
_UNIT = "CNY"
_LAST_NUMBER = 999_999
_NOTHING = Settling()


class _MovedError(Exception):
    """A record has moved since it was read."""


class Settlements:
    """Takes settlements and uploads; a repeat gets the first answer."""

    def __init__(
        self,
        *,
        journal: Post,
        pool: Database,
        identification: Identification,
        mint: Mint,
        clock: Clock,
        ids: Ids,
        settings: RoadSettings,
    ) -> None:
        self._journal = journal
        self._pool = pool
        self._identification = identification
        self._mint = mint
        self._clock = clock
        self._ids = ids
        self._settings = settings

    async def take(self, request: Request, *, until: float) -> AcquiringAnswer:
        """Carry one message of a settlement to its end, or until the monotonic second `until`. Raises InDoubtError."""
        for _ in range(_TRIES):
            used = await payments.used_by(self._pool, scope=request.scope, name=request.name)
            if used is not None:
                return await self._again(request, *used)
            try:
                return await self._taken(request, until)
            except _MovedError:
                request = await self._identification.afresh(request)
            except NotTakenError as refusal:
                return AcquiringAnswer(reason=refusal.reason, text=str(refusal))
        return AcquiringAnswer(reason=Reason.BUSY)

    async def _again(self, request: Request, digest: bytes, version: int, subject: UUID) -> AcquiringAnswer:
        first = await store.message(self._pool, subject)
        if first is None or not await self._identification.is_same(request, digest, version):
            return AcquiringAnswer(reason=Reason.REFERENCE_REUSED)
        batch = await store.batch_by_id(self._pool, first.batch_id)
        is_settlement = request.record.transaction is Transaction.SETTLEMENT
        return AcquiringAnswer(
            reason=Reason.DONE,
            rrn=first.rrn,
            answered_at=first.answered_at,
            settled=batch.settled if batch is not None and is_settlement else None,
            replayed=True,
        )

    async def _taken(self, request: Request, until: float) -> AcquiringAnswer:
        terminal, _ = await merchants.terminal(self._pool, request.record.reference.terminal)
        if terminal is None or terminal.merchant_id != request.payee.id:
            return AcquiringAnswer(reason=Reason.TERMINAL_UNKNOWN)
        if terminal.batch_no != request.record.reference.batch or terminal.batch_state is Standing.SETTLED:
            return AcquiringAnswer(reason=Reason.SIGN_IN_FIRST, text="the batch is not open")
        match request.record.transaction:
            case Transaction.SETTLEMENT:
                return await self._settlement(request, terminal, until)
            case Transaction.UPLOAD:
                return await self._upload(request, terminal)
            case _:
                return await self._end(request, terminal)

    async def _settlement(self, request: Request, terminal: Terminal, until: float) -> AcquiringAnswer:
        settling, batch = _said(request), await self._closed(request, terminal)
        if settling.totals is None:
            return AcquiringAnswer(reason=Reason.FORMAT, text="48")
        if not await self._is_at_rest(batch, until):
            return AcquiringAnswer(reason=Reason.BUSY, text="a transaction of the batch is under way")
        _, debits, credits_ = await store.counted(self._pool, terminal=batch.terminal, number=batch.number)
        ours = Totals(debits=debits, credits=credits_)
        settled = compared(ours, settling.totals)
        ripe, counts = await self._ripe(request, batch) if settled.is_balanced else (batch.ripened_minor, ())
        to: dict[str, object] = {"ours": written(ours), "theirs": written(settling.totals), "ripened_minor": ripe}
        why = "settlement answered: balanced" if settled.is_balanced else "settlement answered: not balanced"
        answer = await self._answered(request, batch, to, why=why, counts=counts)
        return replace(answer, settled=settled)

    async def _closed(self, request: Request, terminal: Terminal) -> Batch:
        """Return the terminal's closed batch, closing it first where it is open."""
        if terminal.batch_state is Standing.CLOSED:
            found = await store.batch_of(self._pool, terminal=terminal.number, number=terminal.batch_no)
            if found is None:
                raise _MovedError
            return found
        batch = Batch(
            id=self._ids.new(),
            terminal=terminal.number,
            merchant_id=terminal.merchant_id,
            number=terminal.batch_no,
            state=BatchState.CLOSED,
            unit=_UNIT,
            closed_at=self._clock.now(),
        )
        change = Change(
            id=self._ids.new(),
            who=request.who,
            why="the terminal settles its batch",
            occurred_at=request.at,
            records=(Insert(store.BATCH.name, row_of(batch)), _standing(terminal, {"batch_state": Standing.CLOSED})),
            counts=closing(terminal.number, terminal.batch_no),
        )
        _taken(await self._journal.post(change))
        return batch

    async def _is_at_rest(self, batch: Batch, until: float) -> bool:
        """Wait until nothing of a batch is under way; False where something still is at the end of the budget."""
        while await store.is_under_way(self._pool, terminal=batch.terminal, number=batch.number):
            left = until - self._clock.monotonic()
            if left <= 0:
                return False
            await asyncio.sleep(min(self._settings.poll_s, left))
        return True

    async def _upload(self, request: Request, terminal: Terminal) -> AcquiringAnswer:
        batch = await self._settled(terminal)
        if batch is None:
            return AcquiringAnswer(reason=Reason.WRONG_STATE, text="the batch is not settled yet")
        # the record moves, so that nothing is uploaded beside the end of its batch
        return await self._answered(request, batch, {"end_code": ""}, why="items uploaded", items=_said(request).items)

    async def _settled(self, terminal: Terminal) -> Batch | None:
        if terminal.batch_state is not Standing.CLOSED:
            return None
        batch = await store.batch_of(self._pool, terminal=terminal.number, number=terminal.batch_no)
        return None if batch is None or batch.settled is None else batch

    async def _end(self, request: Request, terminal: Terminal) -> AcquiringAnswer:
        batch = await self._settled(terminal)
        if batch is None or batch.settled is None:
            return AcquiringAnswer(reason=Reason.WRONG_STATE, text="the batch is not settled yet")
        ripe, counts = await self._ripe(request, batch)
        to: dict[str, object] = {
            "state": BatchState.ENDED,
            "end_code": _said(request).end_code,
            "end_count": _said(request).count,
            "ended_at": request.at,
            "ripened_minor": ripe,
        }
        found = await self._differences(batch, batch.settled)
        rows = [Insert(store.DIFFERENCE.name, self._row(batch, each, request.at)) for each in found]
        more: tuple[Insert | Move, ...] = (_standing(terminal, _after(terminal)), *rows)
        return await self._answered(request, batch, to, why="the batch is ended", counts=counts, more=more)

    async def _differences(self, batch: Batch, settled: Settled) -> tuple[Difference, ...]:
        if settled.is_balanced:
            return ()
        own, _, _ = await store.counted(self._pool, terminal=batch.terminal, number=batch.number)
        return differences(own, await store.items(self._pool, batch.id))

    def _row(self, batch: Batch, found: Difference, at: datetime) -> dict[str, object]:
        return {
            "id": self._ids.new(),
            "batch_id": batch.id,
            "merchant_id": batch.merchant_id,
            "kind": found.kind,
            "trace": found.trace,
            "operation_id": found.operation_id,
            "own_minor": found.own_minor,
            "terminal_minor": found.terminal_minor,
            "card_mask": found.card_mask,
            "state": "open",
            "found_at": at,
        }

    async def _ripe(self, request: Request, batch: Batch) -> tuple[int | None, tuple[Count, ...]]:
        """What a settled batch lets ripen of its merchant's money, once; never more than has not ripened."""
        if batch.ripened_minor is not None or not request.payee.ripens_with_batch:
            return batch.ripened_minor, ()
        unripe = await store.unripe(
            self._pool, terminal=batch.terminal, number=batch.number, merchant=batch.merchant_id
        )
        ripe = min(unripe.batch_minor, unripe.standing_minor)
        return ripe, ripening(batch.merchant_id, -ripe)

    async def _answered(
        self,
        request: Request,
        batch: Batch,
        to: dict[str, object],
        *,
        why: str,
        items: tuple[Item, ...] = (),
        counts: tuple[Count, ...] = (),
        more: tuple[Insert | Move, ...] = (),
    ) -> AcquiringAnswer:
        """Make a message durable with what it does, and answer it."""
        minted = await self._mint.make(request.at)
        change = Change(
            id=self._ids.new(),
            who=request.who,
            why=why,
            occurred_at=request.at,
            keys=keys_of(request, minted.operation),
            records=(
                _message(request, minted, batch),
                *(self._item(minted, batch, each) for each in items),
                Move(store.BATCH.name, batch.id, batch.version, to),
                *more,
            ),
            counts=counts,
            expects=request.expects if counts else (),
        )
        _taken(await self._journal.post(change))
        return AcquiringAnswer(reason=Reason.DONE, rrn=minted.rrn, answered_at=request.at)

    def _item(self, minted: Minted, batch: Batch, item: Item) -> Insert:
        row = {
            "id": self._ids.new(),
            "batch_id": batch.id,
            "message_id": minted.operation,
            "trace": item.trace,
            "amount_minor": item.amount_minor,
            "card_mask": item.card_mask,
            "is_foreign": item.is_foreign,
            "is_refund": item.is_refund,
        }
        return Insert(store.ITEM.name, row)


def _message(request: Request, minted: Minted, batch: Batch) -> Insert:
    row = {
        "id": minted.operation,
        "batch_id": batch.id,
        "message_class": request.record.reference.message_class,
        "trace": request.record.reference.trace,
        "rrn": minted.rrn,
        "answered_at": request.at,
    }
    return Insert(store.MESSAGE.name, row)


def _said(request: Request) -> Settling:
    return request.record.settling or _NOTHING


def _standing(terminal: Terminal, to: dict[str, object]) -> Move:
    return Move("terminal", terminal.id, terminal.version, to)


def _after(terminal: Terminal) -> dict[str, object]:
    """A terminal's next batch comes with its next sign-in; one that never signs in has it at once."""
    if terminal.tmk is not None:
        return {"batch_state": Standing.SETTLED}
    return {"batch_no": f"{int(terminal.batch_no) % _LAST_NUMBER + 1:06d}", "batch_state": Standing.OPEN}


def _taken(receipt: Receipt) -> None:
    """Go on where a change was taken; raise _MovedError where the books have to be read again."""
    match receipt:
        case Done():
            return
        case Replayed() | Refused(reason=Reason.MOVED | Reason.REFERENCE_REUSED | Reason.SIGN_IN_FIRST):
            raise _MovedError
        case Refused(reason=reason, detail=detail):
            raise NotTakenError(reason, detail)


class NotTakenError(Exception):
    """The books did not take a step of a settlement; nothing of it was written."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
