"""What is kept of a change that could not be written: its names and shapes, none of its values."""

from __future__ import annotations

import re
import traceback

import asyncpg

from gateway.journal.model import Change, Insert, Move

_UNFIT = re.compile(r"\d{7,}|\x00")


def describe(change: Change) -> dict[str, object]:
    """Return what a person needs to find the fault, fit to be stored: columns by name, amounts, ids; no values."""
    return {
        "who": _masked(change.who),
        "why": _masked(change.why),
        "occurred_at": change.occurred_at,
        "fact": change.fact,
        "keys": [_masked(key.scope) for key in change.keys],
        "records": [_record(record) for record in change.records],
        "postings": [
            {"posting": type(posting).__name__, "kind": _masked(posting.kind), "subject": posting.subject}
            for posting in change.postings
        ],
        "counts": [{"scope": _masked(count.scope), "by": str(count.by)} for count in change.counts],
        "events": [_masked(event.kind) for event in change.events],
    }


def explain(error: BaseException) -> str:
    """Name an error without the values it may quote: its class, code and the constraint it met."""
    if isinstance(error, asyncpg.PostgresError):
        constraint = getattr(error, "constraint_name", None)
        return f"{type(error).__name__} {error.sqlstate}" + (f" ({constraint})" if constraint else "")
    # The text of an error of our own may quote a value: where it was raised says as much.
    frames = traceback.extract_tb(error.__traceback__)
    return type(error).__name__ + (f" in {frames[-1].name}, line {frames[-1].lineno}" if frames else "")


def _record(record: object) -> dict[str, object]:
    match record:
        case Insert():
            return {"insert": record.table, "id": str(record.row.get("id")), "columns": sorted(record.row)}
        case Move():
            moved: dict[str, object] = {"move": record.table, "id": str(record.id), "columns": sorted(record.to)}
            return {**moved, "version": record.version}
        case _:
            return {"put": getattr(record, "statement", ""), "columns": sorted(getattr(record, "row", ()))}


def _masked(text: str) -> str:
    return _UNFIT.sub("…", text)
