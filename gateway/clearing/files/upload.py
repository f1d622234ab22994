"""Sending: money goes into transit, then the first byte leaves; what is not known is settled by looking.

A file whose upload ended in the dark is looked for at the bank: under its name, and by the answer to it. Only a name
missing at two looks, apart, lets it go again, under the same name and with the same bytes; and only to a bank that
pays a number once, and that has not answered it meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from connectors.ports import CarrierError, NotUploaded, RemoteFile, Uploaded, UploadUnknown
from gateway.clearing.files import store
from gateway.clearing.files.archive import Archive
from gateway.clearing.files.bridge import pulled
from gateway.clearing.files.model import FileEvent, FileFront, FileRecord, FileSettings
from gateway.clearing.files.register import WHO, MovedError, Register
from gateway.journal.model import Done, Move
from gateway.kernel.faults import Faults
from gateway.payments.payout import Effect, OwnInstruction, Payout, results


class NameTakenError(Exception):
    """Another file lies at the bank under this name: a person has to look."""


class NotSentAgainError(Exception):
    """Whether the bank has the file is not known, and it would pay a second one again: a person has to look."""


class Uploader:
    """Sends archived files and settles uploads of unknown fate."""

    def __init__(self, *, register: Register, archive: Archive, faults: Faults, settings: FileSettings) -> None:
        self._register = register
        self._archive = archive
        self._faults = faults
        self._settings = settings

    async def send(self, front: FileFront, file: FileRecord) -> FileRecord:
        """Post 5b for all of an archived file, then upload it. Raises NameTakenError, MovedError."""
        begun = {"tries": file.tries + 1, "begun": False, "reason": ""}
        file = await self._register.move(file, FileEvent.BEGIN, why="upload begins", to=begun)
        if file.resent and await store.is_answered_by_line(self._register.pool, file.id):
            return await self._register.move(file, FileEvent.ANSWER, why="the bank has answered the first copy")
        await self._into_transit(file)
        file = await self._register.note(file, {"begun": True}, why="bytes leave")
        self._faults.at("files.uploading")
        pieces = pulled(asyncio.get_running_loop(), self._archive.read(file.content_id))
        outcome = await front.carrier.put(front.outgoing, file.name, pieces, file.size)
        self._faults.at("files.uploaded")
        match outcome:
            case Uploaded(was_there=was_there):
                why = "it lies at the bank already" if was_there else "uploaded"
                return await self._register.move(file, FileEvent.ARRIVE, why=why)
            case UploadUnknown(why=why):
                return await self._register.move(file, FileEvent.LOSE_SIGHT, why=why, to={"reason": why})
            case NotUploaded(why=why, is_final=is_final):
                return await self._not_sent(file, why, is_final=is_final)

    async def settle(self, front: FileFront, file: FileRecord) -> tuple[FileRecord, timedelta | None]:
        """Look for a file whose upload ended in the dark; returns it, and how long to wait where nobody can say yet."""
        if not file.begun:
            return await self._register.move(file, FileEvent.NOT_ARRIVE, why="no byte of it had left"), None
        try:
            there = await front.carrier.list(front.outgoing)
            answers = await front.carrier.list(front.incoming)
        except CarrierError as fault:
            return await self._register.note(file, {"reason": str(fault)}, why="the bank could not be asked"), (
                self._settings.try_again
            )
        found = next((remote for remote in there if remote.name == file.name), None)
        if found is not None and found.size != file.size:
            raise NameTakenError(f"{file.name} lies at the bank with {found.size} bytes instead of {file.size}")
        if found is not None or _is_answered(front, file, answers):
            return await self._register.move(file, FileEvent.ARRIVE, why="found at the bank"), None
        return await self._absent(front, file)

    async def submit(self, file: FileRecord) -> FileRecord:
        """Tell every instruction of an uploaded file that it is with the bank."""
        while rows := await self._read(file, ["sent"], ["sending"]):
            moves = tuple(Move("instruction", one.id, one.version, {"communication": "sent"}) for _, one in rows)
            receipt = await self._register.clerk.file(
                Effect(records=moves), who=WHO, why=f"in {file.name}, which is uploaded", is_fact=True
            )
            if not isinstance(receipt, Done):
                raise MovedError(f"the instructions of {file.name} were not moved: {receipt}")
        to = {"submitted_at": self._register.clock.now(), "reason": ""}
        return await self._register.move(file, FileEvent.SUBMIT, why="with the bank", to=to)

    async def give_up_waiting(self, file: FileRecord) -> None:
        """No answer has come in time: what was sent is unknown until a query, a later file or a person decides."""
        while rows := await self._read(file, ["sent"], ["sending", "sent"]):
            doubts = [results.doubted(p, i, why="no answer to the file in time") for p, i in rows]
            await self._register.post_each(doubts, who=WHO, why="no answer in time")

    async def _not_sent(self, file: FileRecord, why: str, *, is_final: bool) -> FileRecord:
        file = await self._register.move(file, FileEvent.NOT_ARRIVE, why=why, to={"reason": why, "begun": False})
        if is_final:
            raise NameTakenError(f"{file.name}: {why}")
        return file

    async def _absent(self, front: FileFront, file: FileRecord) -> tuple[FileRecord, timedelta | None]:
        now = self._register.clock.now()
        if file.absent_at is None:
            file = await self._register.note(file, {"absent_at": now}, why="not at the bank at a first look")
            return file, self._settings.absent_is_final_after
        left = file.absent_at + self._settings.absent_is_final_after - now
        if left > timedelta(0):
            return file, left
        if not front.language.capabilities.dedupes_by_number:
            raise NotSentAgainError(f"{file.name} is not at the bank, which may have taken it away")
        to = {"absent_at": None, "resent": True}
        return await self._register.move(file, FileEvent.NOT_ARRIVE, why="not at the bank at two looks", to=to), None

    async def _into_transit(self, file: FileRecord) -> None:
        while rows := await self._read(file, ["routed"], ["in_file"]):
            at = self._register.clock.now()
            new = self._register.ids.new
            sent = [results.sent(p, i, transfer=new(), at=at) for p, i in rows]
            await self._register.post_each(sent, who=WHO, why=f"sent in {file.name}")

    async def _read(
        self, file: FileRecord, states: list[str], communications: list[str]
    ) -> Sequence[tuple[Payout, OwnInstruction]]:
        return await store.payouts_in(
            self._register.pool,
            file.id,
            states=states,
            communications=communications,
            limit=self._settings.posts_at_once,
        )


def _is_answered(front: FileFront, file: FileRecord, answers: Sequence[RemoteFile]) -> bool:
    kinds = (front.language.recognise(remote.name) for remote in answers)
    return any(kind is not None and kind.answers == file.name for kind in kinds)
