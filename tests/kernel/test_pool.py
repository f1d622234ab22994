from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg

from gateway.kernel.postgres.pool import prepare


async def test_json_and_uuid_travel_as_python_objects(pool: asyncpg.Pool[Any]) -> None:
    row = await pool.fetchrow(
        "SELECT $1::jsonb AS b, $2::json AS j, $3::uuid AS u",
        {"a": [1, "二"]},
        {"x": None},
        UUID(int=7),
    )
    assert row is not None
    assert (row["b"], row["j"], row["u"]) == ({"a": [1, "二"]}, {"x": None}, UUID(int=7))


async def test_a_read_asks_for_little_memory_and_long_values_travel_whole(pool: asyncpg.Pool[Any]) -> None:
    async with pool.acquire() as lent:
        connection: Any = lent
        assert connection._transport.max_size == 64 * 1024
        assert await connection.fetchval("SELECT repeat('x', $1)", 1_000_000) == "x" * 1_000_000


async def test_under_tls_the_protocol_beneath_asks_for_little_memory() -> None:
    class Enciphered:
        class _Reading:
            max_size = 256 * 1024

        def __init__(self) -> None:
            self._ssl_protocol = self._Reading()

    class Connection:
        def __init__(self) -> None:
            self._transport = Enciphered()

        async def set_type_codec(self, *_: object, **__: object) -> None:
            return None

    connection: Any = Connection()
    await prepare(connection)
    assert connection._transport._ssl_protocol.max_size == 64 * 1024
