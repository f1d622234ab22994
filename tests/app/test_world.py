"""A sandbox's world: the same folder is the same world, and it ends as a whole, however it ends."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from gateway.app.world import World, WorldError, WorldSettings
from gateway.kernel.clock import SystemClock
from gateway.kernel.postgres.embedded import discard
from tests.app.conftest import children, lives, until, words_of
from tests.plugins.world import UP_WITHIN_S, last_lines

# what a seed writes
SEEDED = (
    *("party", "merchant", "terminal", "bank_card", "withdrawal_password", "api_key", "named_key", "channel"),
    *("channel_opening", "fee_item", "fee_factor", "fee_instance", "fee_version", "fee_detail", "file_template"),
    *("generation", "record_edit", "record_edit_line"),
    *("permission_item", "role", "role_permission", "menu_entry", "access_user", "user_role", "user_password"),
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a path short enough for a socket."""
    made = Path(tempfile.mkdtemp(prefix="tg-app-"))
    yield made
    discard(made / "world" / "postgres")
    shutil.rmtree(made, ignore_errors=True)


async def _prints(dsn: str) -> dict[str, str]:
    """A fingerprint of each table that a seed writes."""
    connection = await asyncpg.connect(dsn)
    try:
        there = {
            row[0] for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        }
        found = {}
        for table in sorted(there & set(SEEDED)):
            rows = await connection.fetch(f"SELECT t::text AS row FROM {table} t ORDER BY 1")
            found[table] = f"{len(rows)} {hashlib.sha256(repr([row['row'] for row in rows]).encode()).hexdigest()}"
        return found
    finally:
        await connection.close()


async def test_the_same_folder_is_the_same_world(folder: Path) -> None:
    lives_of_one: list[tuple[dict[str, Any], dict[str, str]]] = []
    for _ in range(2):
        world = World(WorldSettings(directory=folder / "world", seed=9), clock=SystemClock())
        try:
            facts = await world.start()
            lives_of_one.append((facts, await _prints(facts["database"])))
        finally:
            await world.stop()
    (facts, prints), (again, prints_again) = lives_of_one
    assert again == facts, "ports, keys, cards and parties stay"
    assert prints_again == prints, "a second seed changes nothing"
    assert {"party", "merchant", "terminal", "api_key", "channel"} <= set(prints)
    assert all(not row.startswith("0 ") for table, row in prints.items() if table in {"merchant", "terminal"})


async def test_a_world_does_not_move_in_with_strangers(folder: Path, dsn: str, pool, ids) -> None:
    merchant = ids.new()
    platform = await pool.fetchrow("SELECT id, path FROM party WHERE parent_id IS NULL")
    await pool.execute(
        "INSERT INTO party (id, kind, code, name, parent_id, path, created_at)"
        " VALUES ($1, 'merchant', 'S', 'somebody', $2, $3, now())",
        merchant,
        platform["id"],
        f"{platform['path']}{merchant.hex}/",
    )
    await pool.execute("INSERT INTO merchant (id, number, created_at) VALUES ($1, '104110070110899', now())", merchant)
    world = World(WorldSettings(directory=folder / "world", dsn=dsn), clock=SystemClock())
    try:
        with pytest.raises(WorldError, match="knows nothing of"):
            await world.start()
    finally:
        await world.stop()


class Up:
    """`tillgate up` in a folder, as its user runs it."""

    def __init__(self, folder: Path) -> None:
        self.json = folder / "up.json"
        self.json.unlink(missing_ok=True)
        self.log = folder / "log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway.cli", "up", "--directory", folder / "world", "--json", self.json],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "NO_COLOR": "1"},
            )

    async def answers(self) -> dict[str, Any]:
        async def there() -> bool:
            assert self.process.poll() is None, last_lines(self.log)
            return self.json.exists()

        await until("tillgate up to be up", there, within_s=UP_WITHIN_S)
        found: dict[str, Any] = json.loads(self.json.read_text())
        return found

    async def nothing_left(self, parts: list[int]) -> None:
        async def gone() -> bool:
            return self.process.poll() is not None and not any(map(lives, parts))

        try:
            await until("every process of the world to end", gone)
        finally:
            for pid in [part for part in parts if lives(part)]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def _a_second_up(folder: Path) -> tuple[int, str]:
    command = [sys.executable, "-m", "gateway.cli", "up", "--directory", str(folder / "world")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stderr


async def test_a_world_ends_as_a_whole(folder: Path) -> None:
    first = Up(folder)
    facts = await first.answers()
    assert json.loads((folder / "world" / "world.json").read_text()) == facts
    parts = children(first.process.pid)
    names = " ".join(map(words_of, parts))
    assert all(name in names for name in ("gateway.sandbox.bank", "gateway.cli serve", "postgres"))

    code, words = _a_second_up(folder)
    assert (code, f"in use by process {first.process.pid}" in words) == (1, True)

    first.process.kill()
    await first.nothing_left(parts)

    again = Up(folder)
    assert await again.answers() == facts, "after a power cut it is the same world"
    parts = children(again.process.pid)
    again.process.send_signal(signal.SIGTERM)
    await again.nothing_left(parts)
    assert again.process.returncode == 0
    assert not (folder / "world" / "postgres" / "data" / "postmaster.pid").exists(), (
        "the database was shut down cleanly"
    )


async def test_a_world_whose_bank_dies_says_so(folder: Path) -> None:
    up = Up(folder)
    await up.answers()
    parts = children(up.process.pid)
    bank = next(pid for pid in parts if "gateway.sandbox.bank" in words_of(pid))
    os.kill(bank, signal.SIGKILL)
    await up.nothing_left(parts)
    assert up.process.returncode == 3
    assert "the bank ended by itself" in up.log.read_text()
