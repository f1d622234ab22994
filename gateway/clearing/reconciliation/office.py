"""Putting money out, files and reconciliation together: what doors call, and what timers run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from gateway.clearing.files import store as file_store
from gateway.clearing.files.archive import Archive
from gateway.clearing.files.carry import OutgoingFiles
from gateway.clearing.files.cutoff import CARRY, CUT_OFF, CutOffs
from gateway.clearing.files.model import Direction, FileRecord, FileSettings, FileState, Fronts
from gateway.clearing.files.register import Register
from gateway.clearing.files.store import FILE, FILE_DIGEST, FILE_NAME
from gateway.clearing.files.templates import FileTemplates
from gateway.clearing.reconciliation import store
from gateway.clearing.reconciliation.model import Difference, How, OperationConclusions
from gateway.clearing.reconciliation.reconcile import Reconciliations
from gateway.clearing.reconciliation.resolve import Resolutions
from gateway.clearing.returns import store as return_store
from gateway.clearing.returns.fetch import FETCH, Fetches, FetchReport
from gateway.clearing.returns.imports import RECONCILE, Imports
from gateway.clearing.returns.intake import IMPORT, Accepted, Intake
from gateway.clearing.returns.model import Batch, BatchState
from gateway.clearing.returns.refusals import Refusals
from gateway.journal.model import Key, PostSets, Refused
from gateway.kernel.clock import Clock
from gateway.kernel.faults import Faults
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.pool import Database
from gateway.keys.port import KeyStore
from gateway.payments.payout import PAYOUT
from gateway.tasks import Handler

TABLES = (PAYOUT, FILE, FILE_NAME, FILE_DIGEST, return_store.BATCH, return_store.LINE, store.DIFFERENCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackOffice:
    """The file side of the house: every call of a door is one method, every long job a timer."""

    pool: Database
    archive: Archive
    templates: FileTemplates
    cutoffs: CutOffs
    outgoing: OutgoingFiles
    intake: Intake
    fetches: Fetches
    imports: Imports
    reconciliations: Reconciliations
    resolutions: Resolutions

    def handlers(self) -> dict[str, Handler]:
        """The timers' kinds and what runs them."""
        return {
            CUT_OFF: self.cutoffs.handle,
            CARRY: self.outgoing.handle,
            FETCH: self.fetches.handle,
            IMPORT: self.imports.handle,
            RECONCILE: self.reconciliations.handle,
        }

    async def schedule(self) -> None:
        """Arm cut-offs and fetching of every batch channel that is on."""
        for channel in await file_store.batch_channels(self.pool):
            await self.cutoffs.schedule(channel)
            await self.fetches.schedule(channel)

    async def cut_off(self, channel: UUID, *, who: str) -> list[UUID]:
        """Give what waits for a channel a payment file; returns the files' ids. Raises LookupError."""
        return await self.cutoffs.run(channel, who=who)

    async def fetch(self, channel: UUID, *, who: str) -> FetchReport:
        """Fetch return files now (row C63). Raises LookupError, CarrierError."""
        return await self.fetches.run(channel, who=who)

    async def accept_file(self, channel: UUID, *, name: str, content: bytes, who: str) -> Accepted | Refused:
        """Take a return file by hand (row C62). Raises LookupError."""
        return await self.intake.accept(channel, name=name, content=content, who=who)

    async def list_files(
        self,
        *,
        channel: UUID | None = None,
        direction: Direction | None = None,
        state: FileState | None = None,
        day: date | None = None,
        before: UUID | None = None,
        limit: int = 100,
    ) -> Sequence[FileRecord]:
        """List files, newest first."""
        return await file_store.files(
            self.pool, channel=channel, direction=direction, state=state, day=day, before=before, limit=limit
        )

    async def list_batches(
        self,
        *,
        channel: UUID | None = None,
        file: UUID | None = None,
        state: BatchState | None = None,
        business: str | None = None,
        day: date | None = None,
        before: UUID | None = None,
        limit: int = 100,
    ) -> Sequence[Batch]:
        """List batches, newest first."""
        return await return_store.batches(
            self.pool,
            channel=channel,
            file=file,
            state=state,
            business=business,
            day=day,
            before=before,
            limit=limit,
        )

    async def batch(self, batch: UUID) -> Batch | None:
        """Read one batch."""
        return await return_store.batch(self.pool, batch)

    async def reconcile(self, batch: UUID, *, who: str, keys: tuple[Key, ...] = ()) -> Batch | Refused:
        """Start a batch (rows C82, C86); its run is a timer."""
        return await self.reconciliations.start(batch, who=who, keys=keys)

    async def differences(
        self, batch: UUID | None = None, *, state: str | None = None, after: UUID | None = None, limit: int = 100
    ) -> Sequence[Difference]:
        """List differences, oldest first."""
        return await store.differences(self.pool, batch=batch, state=state, after=after, limit=limit)

    async def resolve(
        self, difference: UUID, *, how: How, who: str, note: str = "", keys: tuple[Key, ...] = ()
    ) -> Difference | Refused:
        """Resolve a difference."""
        return await self.resolutions.resolve(difference, how=how, who=who, note=note, keys=keys)


def build_back_office(
    *,
    pool: Database,
    journal: PostSets,
    keystore: KeyStore,
    fronts: Fronts,
    conclusions: OperationConclusions,
    ids: Ids,
    clock: Clock,
    faults: Faults,
    settings: FileSettings,
) -> BackOffice:
    """Make the file side of the house; `TABLES` are the tables that the journal must know for it."""
    register = Register(pool=pool, journal=journal, ids=ids, clock=clock)
    archive = Archive(
        pool=pool, keystore=keystore, piece_bytes=settings.piece_bytes, most_bytes=settings.file_most_bytes
    )
    cutoffs = CutOffs(pool=pool, journal=journal, fronts=fronts, ids=ids, clock=clock, settings=settings)
    outgoing = OutgoingFiles(
        register=register,
        archive=archive,
        keystore=keystore,
        fronts=fronts,
        cutoffs=cutoffs,
        faults=faults,
        settings=settings,
    )
    intake = Intake(register=register, archive=archive, fronts=fronts, faults=faults, settings=settings)
    refusals = Refusals(register=register, archive=archive, settings=settings)
    imports = Imports(
        register=register, archive=archive, fronts=fronts, refusals=refusals, faults=faults, settings=settings
    )
    reconciliations = Reconciliations(register=register, conclusions=conclusions, faults=faults, settings=settings)
    return BackOffice(
        pool=pool,
        archive=archive,
        templates=FileTemplates(pool=pool, ids=ids, clock=clock),
        cutoffs=cutoffs,
        outgoing=outgoing,
        intake=intake,
        fetches=Fetches(register=register, intake=intake, fronts=fronts, settings=settings),
        imports=imports,
        reconciliations=reconciliations,
        resolutions=Resolutions(register=register, reconciliations=reconciliations),
    )
