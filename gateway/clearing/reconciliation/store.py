"""The SQL of reconciliation: matching as one statement over a batch, chunks to post, sums, differences."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from channels.instruction import Ask, LineState
from gateway.clearing.late import late_of
from gateway.clearing.reconciliation.model import Bank, Difference, DifferenceKind, Line, Missing, Outcome, Own
from gateway.journal.model import Table
from gateway.kernel.postgres.pool import Database
from gateway.payments.payout import OwnInstruction, Payout, PayoutKind
from gateway.payments.payout import store as payouts
from gateway.payments.payout.store import Row

DIFFERENCE = Table(
    name="difference",
    columns={
        "id": "uuid",
        "batch_id": "uuid",
        "channel_id": "uuid",
        "line_id": "uuid",
        "instruction_id": "uuid",
        "number": "text",
        "kind": "text",
        "unit": "text",
        "own_minor": "bigint",
        "file_minor": "bigint",
        "own_state": "text",
        "file_state": "text",
        "party_id": "uuid",
        "suspense_item": "text",
        "suspense_minor": "bigint",
        "state": "text",
        "how": "text",
        "note": "text",
        "opened_at": "timestamptz",
        "resolved_at": "timestamptz",
        "resolved_by": "text",
        "transfer_id": "uuid",
        "version": "integer",
    },
)

# One statement sorts every line of a batch that is not posted yet. An instruction is ours to match where it belongs to
# a channel of the same bank. `standing` is what we hold to be true of it; a line against an open acquiring operation
# is undecided until its owner was asked once. A second line for one number, in this file or after an earlier file has
# settled it, is a duplicate at the bank; a payout's return after its success is not, nor is a word that contradicts,
# nor the word that a payout still waits for after one that decided nothing, nor the return of one that had failed with
# us and was paid all the same.
_MATCH = """
WITH line AS MATERIALIZED (
    SELECT l.id, l.number, l.amount_minor, l.unit, l.state, l.asked, l.posted,
           row_number() OVER (PARTITION BY l.number ORDER BY l.place) AS turn
    FROM settle_bank_return l WHERE l.batch_id = $1
), own AS MATERIALIZED (
    SELECT line.id AS line_id, line.amount_minor, line.unit, line.state AS said, line.asked, line.turn,
           i.id, i.version, i.ask, i.amount_minor AS own_minor, i.unit AS own_unit, i.state, i.communication, i.result,
           p.state AS payout,
           CASE
               WHEN i.id IS NULL THEN NULL
               WHEN i.ask = 'payout' AND i.communication IN ('waiting', 'in_file') THEN 'not_sent'
               WHEN i.ask = 'payout' THEN p.state
               WHEN i.state IN ('created', 'routed', 'sent', 'unknown') THEN 'open'
               WHEN i.state = 'success' AND coalesce(o.state, 'approved') = 'approved' THEN 'success'
               WHEN i.state = 'failed' THEN 'failed'
               ELSE 'undone'
           END AS standing
    FROM line
    LEFT JOIN instruction i ON i.number = line.number::bpchar AND i.channel_id = ANY ($2::uuid[]) AND i.ask <> 'reverse'
    LEFT JOIN payout p ON i.owner_kind = 'payout' AND p.id = i.owner_id
    LEFT JOIN operation o ON i.owner_kind = 'operation' AND o.id = i.owner_id
    WHERE NOT line.posted
), judged AS (
    SELECT own.*,
           CASE
               WHEN id IS NULL THEN 'unknown_to_us'
               WHEN turn > 1 THEN 'duplicate_at_bank'
               WHEN ask = 'payout' AND said = 'returned' AND standing = 'success' THEN 'ours'
               WHEN ask = 'payout' AND standing = 'returned' THEN 'duplicate_at_bank'
               WHEN ask = 'payout' AND said = 'returned' AND standing IN ('failed', 'cancelled')
                    AND result = 'status_differs' THEN 'ours'
               WHEN ask = 'payout' AND result = 'matched' AND (standing, said) IN
                   (('success', 'failed'), ('failed', 'success'), ('cancelled', 'success')) THEN 'ours'
               WHEN ask = 'payout' AND standing IN ('sent', 'unknown') THEN 'ours'
               WHEN result IN ('matched', 'amount_differs', 'status_differs') THEN 'duplicate_at_bank'
               WHEN standing = 'open' AND said IN ('success', 'failed') AND NOT asked THEN 'undecided'
               ELSE 'ours'
           END AS sorted,
           CASE
               WHEN ask = 'payout' THEN
                   (standing IN ('sent', 'unknown') AND said IN ('success', 'failed', 'returned'))
                   OR (standing = 'success' AND said IN ('success', 'returned'))
                   OR (standing IN ('failed', 'cancelled') AND said = 'failed')
               ELSE standing = said AND said IN ('success', 'failed')
           END AS states_agree
    FROM own
)
UPDATE settle_bank_return l
SET instruction_id = j.id, instruction_version = j.version,
    outcome = CASE WHEN j.sorted <> 'ours' THEN j.sorted
                   WHEN NOT j.states_agree THEN 'differs'
                   WHEN j.own_unit <> j.unit OR (j.own_minor <> j.amount_minor AND j.said <> 'failed') THEN 'differs'
                   ELSE 'matched' END,
    differs_in = CASE WHEN j.sorted <> 'ours' THEN ''
                      WHEN NOT j.states_agree OR j.own_unit <> j.unit THEN 'status'
                      WHEN j.own_minor <> j.amount_minor AND j.said <> 'failed' THEN 'amount'
                      ELSE '' END,
    own_minor = CASE WHEN j.sorted = 'ours'
                      AND (j.ask = 'payout' OR j.standing IN ('success', 'open')
                           OR (j.standing = 'failed' AND j.said = 'failed'))
                     THEN j.own_minor END
FROM judged j WHERE l.id = j.line_id AND NOT l.posted
"""

_MONEY_OUT = frozenset(kind.value for kind in PayoutKind)

_PAYOUT = ", ".join(f"p.{name} AS p_{name}" for name in payouts.PAYOUT.columns)

_CHUNK = f"""
SELECT l.id, l.version, l.place, l.number, l.ask, l.amount_minor, l.unit, l.state, l.code, l.text, l.bank_reference,
       l.value_on, l.outcome, l.differs_in, l.instruction_version, b.business,
       i.id AS i_id, i.number AS i_number, i.channel_id AS i_channel_id, i.state AS i_state,
       i.communication AS i_communication, i.tries AS i_tries, i.version AS i_version, i.ask AS i_ask,
       i.amount_minor AS i_amount_minor, i.unit AS i_unit, i.result AS i_result,
       i.settled_minor AS i_settled_minor, c.settlement_party AS i_settled_by,
       coalesce(p.party_id, o.merchant_id) AS i_party_id,
       d.id AS d_id, d.batch_id AS d_batch_id, d.version AS d_version, {_PAYOUT}
FROM settle_bank_return l JOIN settle_bank_return_batch b ON b.id = l.batch_id
LEFT JOIN instruction i ON i.id = l.instruction_id
LEFT JOIN channel c ON c.id = i.channel_id
LEFT JOIN payout p ON i.owner_kind = 'payout' AND p.id = i.owner_id
LEFT JOIN operation o ON i.owner_kind = 'operation' AND o.id = i.owner_id
LEFT JOIN difference d ON d.instruction_id = i.id AND d.kind = 'missing_at_bank' AND d.state = 'open'
WHERE l.batch_id = $1 AND NOT l.posted AND l.outcome IS NOT NULL AND l.outcome <> 'undecided'
  AND (i.id IS NULL OR i.version = l.instruction_version)
ORDER BY l.place LIMIT $2
"""

_UNDECIDED = """
SELECT l.id, l.instruction_id, l.state, l.code, l.text, l.bank_reference, l.value_on, l.amount_minor, l.fee_minor
FROM settle_bank_return l WHERE l.batch_id = $1 AND NOT l.posted AND l.outcome = 'undecided' ORDER BY l.place LIMIT $2
"""

# Own instructions that the file should have had and that no line speaks of. A payment's answer is held against the
# file it answers; a day file against every sent acquiring instruction of the bank up to its day.
_MISSING_ANSWER = """
SELECT i.id FROM instruction i
WHERE i.file_id = $2 AND i.business = $3 AND i.unit = $4 AND i.result = 'unchecked' AND i.state IN ('sent', 'unknown')
  AND NOT EXISTS (SELECT FROM settle_bank_return l WHERE l.batch_id = $1 AND l.instruction_id = i.id)
ORDER BY i.number LIMIT $5
"""

_MISSING_DAY = """
SELECT i.id FROM instruction i LEFT JOIN operation o ON i.owner_kind = 'operation' AND o.id = i.owner_id
WHERE i.id >= $2 AND i.channel_id = ANY ($3::uuid[]) AND i.business = $4 AND i.unit = $5
  AND i.ask IN ('pay', 'complete', 'void', 'refund') AND i.result = 'unchecked'
  AND i.state IN ('success', 'sent', 'unknown')
  AND coalesce(o.state, 'approved') IN ('approved', 'sent', 'unknown')
  AND coalesce(i.sent_at, i.created_at) <= $6
  AND coalesce(i.value_on, (coalesce(i.sent_at, i.created_at) AT TIME ZONE 'Asia/Shanghai')::date) <= $7
  AND NOT EXISTS (SELECT FROM settle_bank_return l WHERE l.batch_id = $1 AND l.instruction_id = i.id)
ORDER BY i.id LIMIT $8
"""

_OWN = f"""
SELECT i.id AS i_id, i.number AS i_number, i.channel_id AS i_channel_id, i.state AS i_state,
       i.communication AS i_communication, i.tries AS i_tries, i.version AS i_version, i.ask AS i_ask,
       i.amount_minor AS i_amount_minor, i.unit AS i_unit, i.result AS i_result,
       i.settled_minor AS i_settled_minor, c.settlement_party AS i_settled_by,
       coalesce(p.party_id, o.merchant_id) AS i_party_id,
       d.id AS d_id, d.batch_id AS d_batch_id, d.version AS d_version, {_PAYOUT}
FROM instruction i JOIN channel c ON c.id = i.channel_id
LEFT JOIN payout p ON i.owner_kind = 'payout' AND p.id = i.owner_id
LEFT JOIN operation o ON i.owner_kind = 'operation' AND o.id = i.owner_id
LEFT JOIN difference d ON d.instruction_id = i.id AND d.kind = 'missing_at_bank' AND d.state = 'open'
WHERE i.id = ANY ($1::uuid[]) ORDER BY i.number
"""

_SUMS = """
SELECT
    count(own_minor)::integer + coalesce(min(gone.count), 0)::integer AS own_count,
    coalesce(sum(own_minor), 0)::bigint + coalesce(min(gone.minor), 0)::bigint AS own_minor,
    coalesce(sum(bank_minor), 0)::bigint AS bank_minor,
    count(*) FILTER (WHERE outcome = 'matched')::integer AS matched,
    count(*) FILTER (WHERE outcome = 'differs')::integer AS different,
    count(*) FILTER (WHERE outcome = 'unknown_to_us')::integer AS unknown,
    count(*) FILTER (WHERE outcome = 'duplicate_at_bank')::integer AS duplicate,
    coalesce(min(gone.count), 0)::integer AS missing
FROM (SELECT count(*) AS count, sum(own_minor) AS minor FROM difference
      WHERE batch_id = $1 AND kind = 'missing_at_bank') gone
LEFT JOIN settle_bank_return l ON l.batch_id = $1
"""

_DIFFERENCES = """
SELECT * FROM difference
WHERE ($1::uuid IS NULL OR batch_id = $1) AND ($2::text IS NULL OR state = $2) AND ($3::uuid IS NULL OR id > $3)
ORDER BY id LIMIT $4
"""


async def match(pool: Database, batch: UUID, channels: Sequence[UUID]) -> None:
    """Sort every line of a batch that is not posted; done again it gives what holds then."""
    await pool.execute(_MATCH, batch, list(channels))


async def chunk(pool: Database, batch: UUID, limit: int) -> Sequence[Line]:
    """Read the next lines to post whose instruction has not moved since they were matched."""
    return [_line(row) for row in await pool.fetch(_CHUNK, batch, limit)]


async def is_open(pool: Database, batch: UUID) -> bool:
    """Tell whether a batch has a line that is not posted."""
    return bool(
        await pool.fetchval("SELECT EXISTS (SELECT FROM settle_bank_return WHERE batch_id = $1 AND NOT posted)", batch)
    )


async def undecided(pool: Database, batch: UUID, limit: int) -> Sequence[Row]:
    """Read lines whose owner is to be asked."""
    return await pool.fetch(_UNDECIDED, batch, limit)


async def note_asked(pool: Database, lines: Sequence[UUID]) -> None:
    """Remember that the owners of lines were asked: what they did not conclude is a difference."""
    await pool.execute("UPDATE settle_bank_return SET asked = true WHERE id = ANY ($1::uuid[])", list(lines))


async def missing_answers(
    pool: Database, batch: UUID, *, answered: UUID, business: str, unit: str, limit: int
) -> Sequence[Own]:
    """Read instructions of an answered payment file that its answer does not speak of."""
    rows = await pool.fetch(_MISSING_ANSWER, batch, answered, business, unit, limit)
    return await own(pool, [row["id"] for row in rows])


async def missing_of_day(
    pool: Database,
    batch: UUID,
    *,
    since: UUID,
    channels: Sequence[UUID],
    business: str,
    unit: str,
    until: datetime,
    day: date,
    limit: int,
) -> Sequence[Own]:
    """Read acquiring instructions sent up to a day, and before the file came, that the day's file does not speak of."""
    rows = await pool.fetch(_MISSING_DAY, batch, since, list(channels), business, unit, until, day, limit)
    return await own(pool, [row["id"] for row in rows])


async def own(pool: Database, instructions: Sequence[UUID]) -> Sequence[Own]:
    """Read our side of instructions."""
    return [_own(row) for row in await pool.fetch(_OWN, list(instructions))]


async def sums(pool: Database, batch: UUID) -> dict[str, int]:
    """Return what a batch came to."""
    row = await pool.fetchrow(_SUMS, batch)
    return {} if row is None else dict(row)


async def differences(
    pool: Database, *, batch: UUID | None = None, state: str | None = None, after: UUID | None = None, limit: int = 100
) -> Sequence[Difference]:
    """List differences in the order they were opened; `after` continues a page."""
    return [_difference(row) for row in await pool.fetch(_DIFFERENCES, batch, state, after, limit)]


async def difference(pool: Database, id_: UUID) -> Difference | None:
    """Read one difference."""
    row = await pool.fetchrow("SELECT * FROM difference WHERE id = $1", id_)
    return None if row is None else _difference(row)


async def unfinished_batches(pool: Database, file: UUID) -> int:
    """Count the batches of a file that are not reconciled."""
    return int(
        await pool.fetchval(
            "SELECT count(*) FROM settle_bank_return_batch WHERE file_id = $1"
            " AND state IN ('importing', 'imported', 'matching')",
            file,
        )
    )


async def bank_of(pool: Database, channel: UUID) -> Bank:
    """Return the bank account that a channel settles through, and all channels that do."""
    rows = await pool.fetch(
        "SELECT o.id, o.settlement_party FROM channel c JOIN channel o ON o.settlement_party = c.settlement_party"
        " WHERE c.id = $1 ORDER BY o.id",
        channel,
    )
    return Bank(account=rows[0]["settlement_party"], channels=tuple(row["id"] for row in rows))


async def settled_batches(pool: Database, channel: UUID) -> Sequence[UUID]:
    """List a channel's unbalanced batches that have no open difference left."""
    rows = await pool.fetch(
        "SELECT b.id FROM settle_bank_return_batch b WHERE b.channel_id = $1 AND b.state = 'not_balanced'"
        " AND NOT EXISTS (SELECT FROM difference d WHERE d.batch_id = b.id AND d.state = 'open') ORDER BY b.id",
        channel,
    )
    return [row["id"] for row in rows]


def _line(row: Row) -> Line:
    ours = None if row["i_id"] is None else _own(row)
    # A bank that does not say what it did: our own names of money out tell which way it went.
    guessed = Ask.PAYOUT if row["business"] in _MONEY_OUT else Ask.PAY
    said = Ask(row["ask"]) if row["ask"] else guessed
    return Line(
        id=row["id"],
        version=row["version"],
        place=row["place"],
        number=row["number"],
        ask=said if ours is None else ours.ask,
        amount_minor=row["amount_minor"],
        unit=row["unit"],
        state=LineState(row["state"]),
        code=row["code"],
        text=row["text"],
        bank_reference=row["bank_reference"],
        value_on=row["value_on"],
        outcome=Outcome(row["outcome"]),
        differs_in=row["differs_in"],
        own=ours,
    )


def _own(row: Row) -> Own:
    instruction: OwnInstruction = payouts.read_instruction(row, "i_")
    payout: Payout | None = None if row["p_id"] is None else payouts.read_payout(row, "p_")
    missing = (
        None if row["d_id"] is None else Missing(id=row["d_id"], batch_id=row["d_batch_id"], version=row["d_version"])
    )
    return Own(
        instruction=instruction,
        ask=Ask(row["i_ask"]),
        amount_minor=row["i_amount_minor"],
        unit=row["i_unit"],
        result=row["i_result"],
        settled_by=row["i_settled_by"],
        party_id=row["i_party_id"],
        payout=payout,
        missing=missing,
        late_minor=late_of(
            ask=Ask(row["i_ask"]),
            state=row["i_state"],
            result=row["i_result"],
            amount_minor=row["i_amount_minor"],
            settled_minor=row["i_settled_minor"],
        ),
    )


def _difference(row: Row) -> Difference:
    values = {name: row[name] for name in DIFFERENCE.columns}
    values["kind"] = DifferenceKind(values["kind"])
    return Difference(**values)
