"""The register of files: every move of a file is a cell of its table, compare-and-set, with its history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from gateway.clearing.files import store
from gateway.clearing.files.model import FileEvent, FileRecord
from gateway.clearing.files.states import advance
from gateway.journal.model import Done, Move, PostSets
from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.pool import Database
from gateway.payments.payout import Clerk, Effect

WHO = "system:files"
_NOTHING: Mapping[str, object] = {}
_NO_EFFECT = Effect()


class MovedError(Exception):
    """Somebody else moved a record that was decided on; the job comes again and reads anew."""


class Register:
    """Reads and moves files."""

    def __init__(self, *, pool: Database, journal: PostSets, ids: Ids, clock: Clock) -> None:
        self.pool = pool
        self.clerk = Clerk(journal, ids=ids, clock=clock)
        self.ids = ids
        self.clock = clock

    async def find(self, file: UUID) -> FileRecord:
        """Read a file. Raises LookupError where there is none."""
        found = await store.find(self.pool, file)
        if found is None:
            message = f"there is no file {file}"
            raise LookupError(message)
        return found

    async def move(
        self,
        file: FileRecord,
        event: FileEvent,
        *,
        why: str,
        to: Mapping[str, object] = _NOTHING,
        effect: Effect = _NO_EFFECT,
        who: str = WHO,
    ) -> FileRecord:
        """Move a file, with whatever else happens at once; returns it as it stands then. Raises MovedError."""
        move = moved(file, event, to)
        return await self._file(file, Effect(records=(move,)) + effect, why=why, who=who)

    async def note(
        self, file: FileRecord, to: Mapping[str, object], *, why: str, effect: Effect = _NO_EFFECT
    ) -> FileRecord:
        """Set what is known of a file without moving its state. Raises MovedError."""
        move = Move("file", file.id, file.version, to)
        return await self._file(file, Effect(records=(move,)) + effect, why=why, who=WHO)

    async def post_each(self, effects: Iterable[Effect], *, who: str, why: str) -> None:
        """Post each effect as a change of its own. Raises MovedError where not one of them was taken."""
        receipts = await self.clerk.file_set(effects, who=who, why=why)
        if not any(isinstance(receipt, Done) for receipt in receipts):
            message = f"none of {len(receipts)} changes was taken ({why}): {receipts[:1]}"
            raise MovedError(message)

    async def _file(self, file: FileRecord, effect: Effect, *, why: str, who: str) -> FileRecord:
        receipt = await self.clerk.file(effect, who=who, why=why, is_fact=True)
        if not isinstance(receipt, Done):
            message = f"file {file.name} was not moved ({why}): {receipt}"
            raise MovedError(message)
        return await self.find(file.id)


def moved(file: FileRecord, event: FileEvent, to: Mapping[str, object] = _NOTHING) -> Move:
    """The move of a file by one cell of its table."""
    state = advance(file.direction, file.state, event)
    return Move("file", file.id, file.version, {"state": state.value, **to})


def new_row(file: UUID) -> dict[str, object]:
    """A new file's row with all that is not known yet; its content lies under the file's id until it is said."""
    return {
        "id": file,
        "unit": "",
        "count": 0,
        "amount_minor": 0,
        "size": 0,
        "digest": None,
        "content_id": file,
        "path": "",
        "template_id": None,
        "answers_id": None,
        "duplicate_of": None,
        "reason": "",
        "error_line": None,
        "error_offset": None,
        "modified_at": None,
        "tries": 0,
        "begun": False,
        "resent": False,
        "absent_at": None,
        "submitted_at": None,
        "version": 1,
    }
