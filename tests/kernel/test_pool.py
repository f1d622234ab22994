from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg


async def test_json_and_uuid_travel_as_python_objects(pool: asyncpg.Pool[Any]) -> None:
    row = await pool.fetchrow(
        "SELECT $1::jsonb AS b, $2::json AS j, $3::uuid AS u",
        {"a": [1, "二"]},
        {"x": None},
        UUID(int=7),
    )
    assert row is not None
    assert (row["b"], row["j"], row["u"]) == ({"a": [1, "二"]}, {"x": None}, UUID(int=7))
