"""The line of steps of one payment file, walked by its timer: from any state it goes on where it stopped."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from gateway.clearing.files import store
from gateway.clearing.files.archive import Archive, path
from gateway.clearing.files.collect import collect
from gateway.clearing.files.cutoff import CutOffs
from gateway.clearing.files.generate import Generator
from gateway.clearing.files.model import FileEvent, FileFront, FileRecord, FileSettings, FileState, Fronts
from gateway.clearing.files.register import Register
from gateway.clearing.files.upload import Uploader
from gateway.kernel.faults import Faults
from gateway.keys.port import KeyStore
from gateway.tasks import Again, Finished, Timer

_NOW = timedelta(0)


class BrokenArchiveError(Exception):
    """What the store holds is not what was generated."""


class OutgoingFiles:
    """Timer `files.carry`: collects, generates, archives, uploads, settles, submits, and waits for the answer."""

    def __init__(
        self,
        *,
        register: Register,
        archive: Archive,
        keystore: KeyStore,
        fronts: Fronts,
        cutoffs: CutOffs,
        faults: Faults,
        settings: FileSettings,
    ) -> None:
        self._register = register
        self._archive = archive
        self._fronts = fronts
        self._cutoffs = cutoffs
        self._faults = faults
        self._settings = settings
        self._generator = Generator(register=register, archive=archive, keystore=keystore)
        self._uploader = Uploader(register=register, archive=archive, faults=faults, settings=settings)
        self._under_way: set[UUID] = set()

    async def handle(self, timer: Timer) -> Finished | Again:
        """Walk the file as far as it goes now; a second walk of this process beside the first waits."""
        if timer.subject in self._under_way:
            return Again(self._settings.look_again)
        self._under_way.add(timer.subject)
        try:
            return await self._walk(await self._register.find(timer.subject))
        finally:
            self._under_way.discard(timer.subject)

    async def _walk(self, file: FileRecord) -> Finished | Again:
        front = await self._fronts.front(file.channel_id)
        if file.state is FileState.UPLOADING:
            file = await self._register.move(file, FileEvent.LOSE_SIGHT, why="found uploading after a restart")
        while True:
            before = file
            file, wait = await self._step(front, file)
            if wait is not None:
                return Again(wait)
            if file.state is before.state:
                return Finished()

    async def _step(self, front: FileFront, file: FileRecord) -> tuple[FileRecord, timedelta | None]:  # noqa: PLR0911 - a list of states
        match file.state:
            case FileState.COLLECTING:
                return await self._generate(front, file), None
            case FileState.GENERATED:
                return await self._keep(file), None
            case FileState.ARCHIVED:
                sent = await self._uploader.send(front, file)
                return sent, self._settings.try_again if sent.state is FileState.ARCHIVED else None
            case FileState.UPLOAD_UNKNOWN:
                return await self._uploader.settle(front, file)
            case FileState.UPLOADED:
                return await self._uploader.submit(file), None
            case FileState.SUBMITTED:
                return await self._await_answer(file)
            case _:
                return file, None

    async def _generate(self, front: FileFront, file: FileRecord) -> FileRecord:
        file = await collect(self._register, file, self._settings)
        if await store.waiting(self._register.pool, file.channel_id, unit=file.unit, limit=1):
            await self._cutoffs.open(front, file.unit, who=file.made_by)
        file = await self._generator.generate(front, file)
        self._faults.at("files.generated")
        return file

    async def _keep(self, file: FileRecord) -> FileRecord:
        if await self._archive.digest(file.content_id) != (file.size, file.digest):
            raise BrokenArchiveError(f"the stored pieces of {file.name} are not what was generated")
        return await self._register.move(
            file, FileEvent.ARCHIVE, why="stored, and read back the same", to={"path": path(file.content_id)}
        )

    async def _await_answer(self, file: FileRecord) -> tuple[FileRecord, timedelta | None]:
        since = file.submitted_at or self._register.clock.now()
        left = since + self._settings.answer_within - self._register.clock.now()
        if left > _NOW:
            return file, left
        await self._uploader.give_up_waiting(file)
        return file, None
