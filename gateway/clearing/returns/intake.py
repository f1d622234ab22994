"""Taking a file in: recognised, kept once by name and digest, archived before anybody reads it (rows C62, C68-C73).

The same file again changes nothing; the same name with other content is quarantined; the same content under another
name is recorded as a duplicate.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from channels.ports import FileKind
from gateway.clearing.files import store as files
from gateway.clearing.files.archive import Archive, TooLargeError, Writing, path
from gateway.clearing.files.model import REFUSAL, Direction, FileEvent, FileFront, FileSettings, FileState, Fronts
from gateway.clearing.files.register import MovedError, Register, new_row
from gateway.clearing.files.states import advance
from gateway.journal.model import Done, Insert, Key, Move, Put, Receipt, Refused, Replayed
from gateway.kernel.clock import SHANGHAI
from gateway.kernel.faults import Faults
from gateway.kernel.reasons import Reason
from gateway.payments.payout import Effect

IMPORT = "files.import"
OTHER_CONTENT = "a file of this name with other content was received before"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The file is in the store; its import goes by itself. `state` is archived, quarantined or duplicate."""

    file: UUID
    state: FileState


@dataclass(frozen=True, slots=True)
class Known:
    """The very same file was received before: nothing was written."""

    file: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """Content that lies in the store under a fresh id, and what is known of it."""

    file: UUID
    name: str
    kind: FileKind
    size: int
    digest: bytes
    modified_at: datetime | None
    who: str


class Intake:
    """Records received files."""

    def __init__(
        self, *, register: Register, archive: Archive, fronts: Fronts, faults: Faults, settings: FileSettings
    ) -> None:
        self._register = register
        self._archive = archive
        self._fronts = fronts
        self._faults = faults
        self._settings = settings

    async def accept(self, channel: UUID, *, name: str, content: bytes, who: str) -> Accepted | Refused:
        """Take a file that a person hands in (row C62).

        Refused with the reason: not this channel's, of a day that cannot be, received before. Raises LookupError where
        the channel is not a batch channel that is on.
        """
        front = await self._fronts.front(channel)
        kind = front.language.recognise(name)
        if kind is None:
            return Refused(Reason.FORMAT, "the name is not one of this channel's files", channel)
        if (why := self._wrong_day(kind)) is not None:
            return Refused(Reason.FORMAT, why, channel)
        try:
            writing = await self.spool([content])
        except TooLargeError as fault:
            return Refused(Reason.FORMAT, str(fault), channel)
        outcome = await self.keep(front, self.received(writing, name, kind, modified_at=None, who=who))
        if isinstance(outcome, Known):
            return Refused(Reason.REFERENCE_REUSED, "this file was received before", outcome.file)
        if outcome.state is not FileState.ARCHIVED:
            why = OTHER_CONTENT if outcome.state is FileState.QUARANTINED else "its content was received before"
            return Refused(Reason.REFERENCE_REUSED, why, outcome.file)
        return outcome

    async def open_spool(self) -> Writing:
        """Begin to receive content under a fresh id."""
        file = self._register.ids.new()
        await files.open_spool(self._register.pool, file, self._register.clock.now())
        return self._archive.writing(file)

    async def spool(self, pieces: list[bytes]) -> Writing:
        """Receive content that is at hand. Raises TooLargeError."""
        writing = await self.open_spool()
        try:
            for piece in pieces:
                await writing.write(piece)
            await writing.close()
        except TooLargeError:
            await self.forget(writing.content)
            raise
        return writing

    async def forget(self, file: UUID) -> None:
        """Drop received content that is not kept."""
        await self._archive.drop(file)
        await files.close_spool(self._register.pool, file)

    async def keep(self, front: FileFront, got: Received) -> Accepted | Known:
        """Record a received file under its name and digest; what was there before decides what it is."""
        receipt = await self._record(front, got, FileEvent.ARCHIVE, keys=self._keys(front, got))
        self._faults.at("files.archived")
        match receipt:
            case Done():
                await files.close_spool(self._register.pool, got.file)
                return Accepted(got.file, FileState.ARCHIVED)
            case Replayed(key=key, subject=first) if key == got.name:
                await self.forget(got.file)
                return await self._again(first, got)
            case Replayed(subject=first):
                return await self._duplicate(front, got, first)
            case Refused(reason=Reason.KEY_REUSED):
                return await self.quarantine(front, got, OTHER_CONTENT)
            case Refused(detail=detail):
                message = f"file {got.name} could not be recorded: {detail}"
                raise RuntimeError(message)

    async def quarantine(self, front: FileFront, got: Received, why: str) -> Accepted | Known:
        """Keep a file that must not be read as it is, for a person; the same one is kept once."""
        key = self._key(front, "quarantined", f"{got.name}/{got.digest.hex()}/{got.size}", got.digest, got.file)
        to = {"reason": why}
        receipt = await self._record(front, got, FileEvent.QUARANTINE, keys=(key,), to=to)
        return await self._settled(receipt, got, FileState.QUARANTINED)

    def received(
        self, writing: Writing, name: str, kind: FileKind, *, modified_at: datetime | None, who: str
    ) -> Received:
        """Make the record of received content."""
        return Received(
            file=writing.content,
            name=name,
            kind=kind,
            size=writing.size,
            digest=writing.digest,
            modified_at=modified_at,
            who=who,
        )

    async def _duplicate(self, front: FileFront, got: Received, first: UUID) -> Accepted | Known:
        key = self._key(front, "in", got.name, got.digest, got.file)
        to = {"duplicate_of": first, "reason": "its content was received before under another name"}
        receipt = await self._record(front, got, FileEvent.RECOGNISE_AGAIN, keys=(key,), to=to)
        outcome = await self._settled(receipt, got, FileState.DUPLICATE)
        await self._archive.drop(got.file)
        return outcome

    async def _settled(self, receipt: Receipt, got: Received, state: FileState) -> Accepted | Known:
        if isinstance(receipt, Done):
            await files.close_spool(self._register.pool, got.file)
            return Accepted(got.file, state)
        await self.forget(got.file)
        if isinstance(receipt, Replayed):
            return await self._again(receipt.subject, got)
        message = f"file {got.name} could not be recorded: {receipt.detail}"
        raise RuntimeError(message)

    async def _again(self, first: UUID, got: Received) -> Known:
        known = await self._register.find(first)
        if got.modified_at is not None and known.modified_at != got.modified_at:
            with suppress(MovedError):  # its import moves it just now: the next listing notes the time
                await self._register.note(known, {"modified_at": got.modified_at}, why="listed again with another time")
        return Known(first)

    async def _record(
        self,
        front: FileFront,
        got: Received,
        event: FileEvent,
        *,
        keys: tuple[Key, ...],
        to: Mapping[str, object] | None = None,
    ) -> Receipt:
        answers = await self._answered(front, got.kind)
        fetching = advance(Direction.IN, FileState.EXPECTED, FileEvent.FETCH)
        row = _row(front, got, fetching) | {"answers_id": answers, "made_at": self._register.clock.now(), **(to or {})}
        state = advance(Direction.IN, fetching, event)
        records: list[Insert | Move | Put] = [Insert("file", row), Move("file", got.file, 1, {"state": state.value})]
        if event is FileEvent.ARCHIVE:
            records += self._named(front, got)
        return await self._register.clerk.file(
            Effect(records=tuple(records)), who=got.who, why=f"received: {event}", keys=keys, is_fact=True
        )

    def _named(self, front: FileFront, got: Received) -> list[Insert | Move | Put]:
        new, common = self._register.ids.new, {"channel_id": front.channel_id, "file_id": got.file}
        name = {"id": new(), "direction": Direction.IN.value, "name": got.name, **common}
        timer = {"kind": IMPORT, "subject": got.file, "due_at": self._register.clock.now(), "data": {}}
        records: list[Insert | Move | Put] = [Insert("file_name", name), Put("timer.set", timer)]
        if got.kind.kind != REFUSAL:
            records.append(Insert("file_digest", {"id": new(), "digest": got.digest, **common}))
        return records

    async def _answered(self, front: FileFront, kind: FileKind) -> UUID | None:
        if kind.answers is None:
            return None
        found = await files.by_name(self._register.pool, front.channel_id, Direction.OUT, kind.answers)
        return None if found is None else found.id

    def _keys(self, front: FileFront, got: Received) -> tuple[Key, ...]:
        by_name = self._key(front, "in", got.name, got.digest, got.file)
        if got.kind.kind == REFUSAL:  # the same few words about another file are another refusal
            return (by_name,)
        return by_name, self._key(front, "digest", got.digest.hex(), got.digest, got.file)

    def _key(self, front: FileFront, what: str, name: str, digest: bytes, file: UUID) -> Key:
        return Key(
            scope=f"file.{what}:{front.channel_id}",
            name=name,
            digest=digest,
            digest_version=0,
            subject=file,
            expires_at=self._register.clock.now() + self._settings.names_kept,
            refusal=Reason.KEY_REUSED,
        )

    def _wrong_day(self, kind: FileKind) -> str | None:
        today = self._register.clock.now().astimezone(SHANGHAI).date()
        if kind.day > today + timedelta(days=1):
            return f"its day {kind.day} is still to come"
        if kind.day < today - self._settings.oldest:
            return f"its day {kind.day} is more than {self._settings.oldest.days} days ago"
        return None


def _row(front: FileFront, got: Received, state: FileState) -> dict[str, object]:
    return new_row(got.file) | {
        "direction": Direction.IN.value,
        "channel_id": front.channel_id,
        "kind": got.kind.kind,
        "name": got.name,
        "day": got.kind.day,
        "sequence": got.kind.sequence,
        "state": state.value,
        "size": got.size,
        "digest": got.digest,
        "path": path(got.file),
        "modified_at": got.modified_at,
        "made_by": got.who,
    }
