"""Files as records, and what a bank front is: one channel's language, its carrier and its folders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from channels.ports import BatchChannel
from connectors.ports import FileCarrier

# The kind of a bank's word that a whole payment file was refused: one line of text, no details.
REFUSAL = "err"


class Direction(StrEnum):
    """Whether a file goes to a bank or comes from one."""

    OUT = "out"
    IN = "in"


class FileState(StrEnum):
    """Design section 4: outgoing file, then return file; `abandoned` is a payment file nothing was left for."""

    COLLECTING = "collecting"
    GENERATED = "generated"
    ARCHIVED = "archived"
    UPLOADING = "uploading"
    UPLOAD_UNKNOWN = "upload_unknown"
    UPLOADED = "uploaded"
    SUBMITTED = "submitted"
    ANSWERED = "answered"
    CHECKED = "checked"
    ABANDONED = "abandoned"
    EXPECTED = "expected"
    FETCHING = "fetching"
    PARSED = "parsed"
    IMPORTED = "imported"
    DONE = "done"
    QUARANTINED = "quarantined"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"


class FileEvent(StrEnum):
    """What can happen to a file."""

    GENERATE = "generate"
    ARCHIVE = "archive"
    BEGIN = "begin"
    LOSE_SIGHT = "lose_sight"
    ARRIVE = "arrive"
    NOT_ARRIVE = "not_arrive"
    SUBMIT = "submit"
    ANSWER = "answer"
    CHECK = "check"
    ABANDON = "abandon"
    FETCH = "fetch"
    PARSE = "parse"
    IMPORT = "import"
    FINISH = "finish"
    QUARANTINE = "quarantine"
    RECOGNISE_AGAIN = "recognise_again"
    RELEASE = "release"
    SUPERSEDE = "supersede"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """One file as it stands (row C70); `path` is the address of its content in the store (row C69).

    `tries`: how often an upload was begun; `begun`: bytes of the present try may have left; `absent_at`: when its name
    was first missing at the bank after an upload of unknown fate; `resent`: it went again after such an upload, so a
    refusal of the second copy says nothing about the first.
    """

    id: UUID
    direction: Direction
    channel_id: UUID
    kind: str
    name: str
    day: date
    sequence: int
    state: FileState
    unit: str
    count: int
    amount_minor: int
    size: int
    digest: bytes | None
    content_id: UUID
    path: str
    template_id: UUID | None
    answers_id: UUID | None
    duplicate_of: UUID | None
    reason: str
    error_line: int | None
    error_offset: int | None
    modified_at: datetime | None
    tries: int
    begun: bool
    resent: bool
    absent_at: datetime | None
    made_by: str
    made_at: datetime
    submitted_at: datetime | None
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFront:
    """The bank front of one batch channel: what it speaks, who carries, and where.

    `outgoing` and `incoming` are folders at the bank; `cut_offs` are local times; `fetch_every` None = only when asked.
    """

    channel_id: UUID
    kind: str
    customer: str
    language: BatchChannel
    carrier: FileCarrier
    outgoing: str = "in"
    incoming: str = "out"
    cut_offs: tuple[time, ...] = ()
    fetch_every: timedelta | None = None


class Fronts(Protocol):
    """Joins batch channels to their languages and carriers."""

    async def front(self, channel: UUID) -> FileFront:
        """Return the front of a channel. Raises LookupError where it is not a batch channel that is on."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSettings:
    """How files are handled.

    `most_per_file` bounds a payment file; a job that is under way already is looked at again after `look_again`, one
    that the bank could not be reached for after `try_again`; a name that is not in the bank's folder at two looks at
    least `absent_is_final_after` apart never arrived; an answer that has not come `answer_within` after submitting
    makes the payments unknown; a return file may be `oldest` days old; `slice_s` bounds one turn of a long job.
    """

    piece_bytes: int = 256 * 1024
    file_most_bytes: int = 1024 * 1024 * 1024
    most_per_file: int = 50_000
    moves_per_change: int = 100
    posts_at_once: int = 100
    lines_per_chunk: int = 5_000
    lines_per_change: int = 200
    changes_at_once: int = 5
    look_again: timedelta = timedelta(seconds=5)
    try_again: timedelta = timedelta(seconds=30)
    absent_is_final_after: timedelta = timedelta(seconds=30)
    answer_within: timedelta = timedelta(hours=36)
    oldest: timedelta = timedelta(days=31)
    look_back: timedelta = timedelta(days=40)
    names_kept: timedelta = timedelta(days=36_500)
    slice_s: float = 10.0
    reconcile_at_once: bool = True
