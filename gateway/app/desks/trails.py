"""Record edits as lines of a history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from gateway.api.ports import Step
from gateway.kernel.postgres.pool import Database
from gateway.kernel.postgres.trail import EditLine, edits_of

_OF_THE_SHELL = frozenset({"version", "id"})


async def edit_steps(pool: Database, subjects: Sequence[UUID]) -> list[Step]:
    """Return what was edited of some records, oldest first: only what differs, before and after."""
    return [_step(line) for line in await edits_of(pool, subjects)]


def _step(line: EditLine) -> Step:
    before, after = line.before or {}, line.after or {}
    changed = {name for name in {*before, *after} - _OF_THE_SHELL if before.get(name) != after.get(name)}
    what = "added" if line.before is None else "edited" if line.after is not None else "deleted"
    return Step(
        at=line.at,
        what=f"{line.table} {what}",
        who=line.who,
        why=line.why,
        data={"before": _only(before, changed), "after": _only(after, changed)},
    )


def _only(values: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in sorted(values.items()) if name in names}
