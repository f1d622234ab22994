"""The file desk: channels' files in both directions, batches and differences."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from connectors.ports import CarrierError
from gateway.api.ports import (
    Batch,
    BatchFilter,
    Channel,
    Difference,
    File,
    FileFilter,
    Listing,
    Page,
    Submission,
    Taken,
)
from gateway.app.desks.steps import record_order
from gateway.clearing import store as clearing
from gateway.clearing.files import FileRecord
from gateway.clearing.files import store as files
from gateway.clearing.files.model import Direction, FileState
from gateway.clearing.reconciliation import BackOffice
from gateway.clearing.reconciliation import store as reconciliation
from gateway.clearing.reconciliation.model import Difference as Disagreement
from gateway.clearing.reconciliation.model import How
from gateway.clearing.returns import store as returns
from gateway.clearing.returns.intake import Known
from gateway.clearing.returns.model import Batch as BatchRecord
from gateway.clearing.returns.model import BatchState
from gateway.journal import Journal, Refused, Replayed
from gateway.kernel.ids import Ids
from gateway.kernel.money import Money
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason

_NO_CHANNEL = Refused(Reason.NOT_FOUND, "no such batch channel, or it is switched off")


class FileService:
    """Files for the API door."""

    def __init__(self, *, pool: Database, office: BackOffice, journal: Journal, ids: Ids) -> None:
        self._pool = pool
        self._office = office
        self._journal = journal
        self._ids = ids

    async def channels(self) -> Sequence[Channel]:
        """List the channels."""
        network = await clearing.network(self._pool)
        return [
            Channel(id=one.id, code=one.code, kind=one.kind, state="on" if one.is_on else "off")
            for one in network.channels
        ]

    async def cut_off(self, order: Submission, *, channel: UUID) -> Taken[Sequence[File]] | Refused:
        """Close what the channel collects; asking twice opens no file for nothing."""
        receipt = await record_order(self._journal, self._ids, order, what="channel.cut_off", subject=channel)
        if isinstance(receipt, Refused):
            return receipt
        try:
            made = await self._office.cut_off(channel, who=order.who)
        except LookupError:
            return _NO_CHANNEL
        return Taken(await self._shown(made), replayed=isinstance(receipt, Replayed))

    async def fetch(self, order: Submission, *, channel: UUID) -> Taken[Sequence[File]] | Refused:
        """Look into the bank's folder now; a file that was received is not received again."""
        receipt = await record_order(self._journal, self._ids, order, what="channel.fetch", subject=channel)
        if isinstance(receipt, Refused):
            return receipt
        try:
            report = await self._office.fetch(channel, who=order.who)
        except LookupError:
            return _NO_CHANNEL
        except CarrierError as fault:
            return Refused(Reason.UNREACHABLE, str(fault), channel)
        found = [*report.archived, *report.duplicates, *report.quarantined]
        return Taken(await self._shown(found), replayed=isinstance(receipt, Replayed))

    async def accept(self, order: Submission, *, channel: UUID, name: str, content: bytes) -> Taken[File] | Refused:
        """Take a return file that was carried by hand."""
        receipt = await record_order(self._journal, self._ids, order, what="file.handed_in", subject=channel)
        if isinstance(receipt, Refused):
            return receipt
        try:
            taken = await self._office.accept_file(channel, name=name, content=content, who=order.who)
        except LookupError:
            return _NO_CHANNEL
        if isinstance(taken, Refused) and not isinstance(receipt, Replayed):
            return taken
        id_ = taken.subject if isinstance(taken, Refused) else taken.file
        shown = await self._shown([id_] if id_ is not None else [])
        if not shown:
            return taken if isinstance(taken, Refused) else Refused(Reason.NOT_FOUND, "no such file")
        return Taken(shown[0], replayed=isinstance(receipt, Replayed) or isinstance(taken, Known))

    async def files(self, page: Page, which: FileFilter) -> Listing[File]:
        """List files, newest first."""
        if which.state and which.state not in set(FileState):
            return Listing(items=[], more=False)
        direction = Direction(which.direction) if which.direction else None
        state = FileState(which.state) if which.state else None
        found = await self._office.list_files(
            channel=which.channel,
            direction=direction,
            state=state,
            day=which.day,
            before=page.after,
            limit=page.limit + 1,
        )
        return Listing(items=[_file(file) for file in found[: page.limit]], more=len(found) > page.limit)

    async def batches(self, page: Page, which: BatchFilter) -> Listing[Batch]:
        """List batches, newest first."""
        if which.state and which.state not in set(BatchState):
            return Listing(items=[], more=False)
        state = BatchState(which.state) if which.state else None
        found = await self._office.list_batches(
            channel=which.channel,
            state=state,
            business=which.business,
            day=which.day,
            before=page.after,
            limit=page.limit + 1,
        )
        return Listing(items=[_batch(batch) for batch in found[: page.limit]], more=len(found) > page.limit)

    async def reconcile(self, order: Submission, *, batch: UUID) -> Taken[Batch] | Refused:
        """Start the reconciliation of an imported batch."""
        started = await self._office.reconcile(batch, who=order.who, keys=order.keys(batch))
        return started if isinstance(started, Refused) else Taken(_batch(started))

    async def differences(self, page: Page, *, batch: UUID) -> Listing[Difference] | None:
        """List a batch's differences."""
        if await returns.batch(self._pool, batch) is None:
            return None
        found = await self._office.differences(batch, after=page.after, limit=page.limit + 1)
        return Listing(items=[_difference(one) for one in found[: page.limit]], more=len(found) > page.limit)

    async def resolve(self, order: Submission, *, difference: UUID, how: str, note: str) -> Taken[Difference] | Refused:
        """Resolve an open difference."""
        known = await reconciliation.difference(self._pool, difference)
        if known is None:
            return Refused(Reason.NOT_FOUND, "no such difference", difference)
        if how not in set(How):
            return Refused(Reason.FORMAT, f"how is one of {', '.join(How)}", difference)
        result = await self._office.resolve(
            difference, how=How(how), who=order.who, note=note, keys=order.keys(difference)
        )
        return result if isinstance(result, Refused) else Taken(_difference(result))

    async def _shown(self, ids: Sequence[UUID]) -> list[File]:
        found = [await files.find(self._pool, one) for one in ids]
        return [_file(one) for one in found if one is not None]


def _file(record: FileRecord) -> File:
    has_money = record.unit and record.count
    return File(
        id=record.id,
        direction=record.direction.value,
        channel=record.channel_id,
        kind=record.kind,
        name=record.name,
        day=record.day,
        sequence=record.sequence,
        state=record.state.value,
        count=record.count,
        amount=Money(record.amount_minor, record.unit) if has_money else None,
        made_at=record.made_at,
        reason=record.reason,
        line=record.error_line,
        offset=record.error_offset,
    )


def _batch(record: BatchRecord) -> Batch:
    return Batch(
        id=record.id,
        file=record.file_id,
        channel=record.channel_id,
        business=record.business,
        day=record.day,
        state=record.state.value,
        file_count=record.file_count,
        file_amount=Money(record.file_minor, record.unit),
        own_count=record.own_count,
        own_amount=Money(record.own_minor, record.unit),
        matched=record.matched,
        different=record.different,
        missing=record.missing,
        unknown=record.unknown,
        duplicate=record.duplicate,
    )


def _difference(record: Disagreement) -> Difference:
    return Difference(
        id=record.id,
        batch=record.batch_id,
        kind=record.kind.value,
        number=record.number,
        own_amount=_money(record.own_minor, record.unit),
        file_amount=_money(record.file_minor, record.unit),
        own_state=record.own_state,
        file_state=record.file_state,
        state=record.state,
        how=record.how,
        opened_at=record.opened_at,
        resolved_at=record.resolved_at,
        resolved_by=record.resolved_by,
    )


def _money(minor: int | None, unit: str) -> Money | None:
    return None if minor is None else Money(minor, unit)
