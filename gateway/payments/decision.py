"""What the deciders of this room take and give: requests that were identified, and decisions as values.

A payment is an accounting instruction plus a clearing instruction (row C2): `Decision` has the first as records and
postings, and names the second as `Asked`; `clearing` makes both durable as one change and then acts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from channels.instruction import Ask
from gateway.journal.model import Count, Event, Insert, Key, Move, Put
from gateway.kernel.reasons import Reason
from gateway.keys.port import Digest
from gateway.ledger.model import Posting
from gateway.payments.model import AcquiringAnswer, AcquiringRecord
from gateway.payments.operation import KeptCard, Operation

TABLE = "operation"
EXCEPTIONS = "payment_exception"
UNRIPE = "unripe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payee:
    """The merchant a request is for, in the state it stands in: only an `open` one is paid.

    `ripens_at_once`: what it gets may be withdrawn straight away; `ripens_with_batch`: once the terminal's batch is
    settled.
    """

    id: UUID
    number: str
    state: str
    ripens_at_once: bool
    ripens_with_batch: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request with what is known of it before it is decided.

    `digest` is the keyed digest of its content, `at` the present instant, `answer_by` the wall time of its budget's
    end, `kept_until` how long its reference is remembered, `expects` the generations its merchant was read at. `prints`
    are the card's fingerprints under every key still looked up, where it may have to be that of an original.
    """

    record: AcquiringRecord
    payee: Payee
    digest: bytes = field(repr=False)
    digest_version: int
    card: KeptCard | None
    at: datetime
    answer_by: datetime
    kept_until: datetime
    expects: tuple[tuple[str, int], ...] = ()
    prints: tuple[Digest, ...] = ()

    @property
    def scope(self) -> str:
        """Scope of the reference among all idempotency keys."""
        return f"trm:{self.record.reference.terminal}"

    @property
    def name(self) -> str:
        """The reference inside its terminal."""
        return key_name(self.record.reference.batch, self.record.reference.trace, self.record.reference.message_class)

    @property
    def who(self) -> str:
        """Who asks, for the history."""
        return f"{self.record.source}:{self.record.reference.terminal}"


def key_name(batch: str, trace: str, message_class: str) -> str:
    """Name of a terminal's reference inside its scope."""
    return f"{batch}/{trace}/{message_class}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Minted:
    """Ids and numbers made before a decision, so that the decision itself makes nothing up."""

    operation: UUID
    instruction: UUID
    number: str
    rrn: str
    transfer: UUID
    cost_transfer: UUID
    hold: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The clearing instruction that belongs to a decision; `original` is the number of what it undoes."""

    id: UUID
    number: str
    channel_id: UUID
    ask: Ask
    amount_minor: int
    unit: str
    owner_id: UUID
    original_id: UUID | None = None
    original: str | None = None
    routing: str = ""
    merchant: str = ""
    terminal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to be made durable, and what then; `operation` is the record as it will stand.

    `original` is what a void, refund or completion marks, as it will stand, `hold` the one under a completion that is
    voided. `answer` is given where nothing more is to be waited for. `fact` marks what has happened in the world.
    """

    operation: Operation
    why: str
    keys: tuple[Key, ...] = ()
    records: tuple[Insert | Move | Put, ...] = ()
    postings: tuple[Posting, ...] = ()
    counts: tuple[Count, ...] = ()
    events: tuple[Event, ...] = ()
    original: Operation | None = None
    hold: Operation | None = None
    asked: Asked | None = None
    answer: AcquiringAnswer | None = None
    fact: bool = False


@dataclass(frozen=True, slots=True)
class Unused:
    """Refused before anything was recorded: the reference stays free."""

    reason: Reason
    text: str = ""


@dataclass(frozen=True, slots=True)
class Awaits:
    """Cannot be decided while `counter` is still open on `original`: what it leaves of it is not known yet.

    `otherwise` is the answer where it stays open: nothing is recorded.
    """

    original: UUID
    counter: UUID
    otherwise: Reason = Reason.BUSY


def keys_of(request: Request, subject: UUID) -> tuple[Key, ...]:
    """The reference of a request and its door's own keys; the reference comes first, as it decides."""
    more = () if request.record.keys is None else request.record.keys(subject)
    return (reference_key(request, subject), *more)


def reference_key(request: Request, subject: UUID) -> Key:
    """The idempotency key of a request."""
    return Key(
        scope=request.scope,
        name=request.name,
        digest=request.digest,
        digest_version=request.digest_version,
        subject=subject,
        expires_at=request.kept_until,
    )


def ripening(payee_id: UUID, by: int) -> tuple[Count, ...]:
    """Move the sum of a party's money that has not ripened; it never goes below nothing."""
    if by == 0:
        return ()
    return (Count(scope=UNRIPE, name=str(payee_id), by=by, least=0, refusal=Reason.MOVED),)
