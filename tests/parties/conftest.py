from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.edit import Add, Edit, Edited, apply_edit
from gateway.parties import PLATFORM, Kind, Party
from gateway.parties.store import PARTY, party

Plant = Callable[..., Awaitable[Party]]


@pytest.fixture
def plant(pool: asyncpg.Pool[Any], ids: Ids, clock: Clock) -> Plant:
    """Puts a party into the tree."""

    async def put(kind: Kind, code: str, parent: UUID = PLATFORM) -> Party:
        now = clock.now()
        row = {"id": ids.new(), "kind": kind, "code": code, "name": code, "parent_id": parent, "created_at": now}
        edit = Edit(
            id=ids.new(), key=f"{kind}/{code}", who="test", why="plant", at=now, said={}, lines=(Add(PARTY, row),)
        )
        result = await apply_edit(pool, edit)
        assert isinstance(result, Edited), result
        found = await party(pool, row["id"])  # type: ignore[arg-type]
        assert found is not None
        return found

    return put
