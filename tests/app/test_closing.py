"""The worker signs the days that were closed, with a key of the installation, and each of them once."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import asyncpg

from gateway.app.closing import KEY, KIND, CloseKeys
from gateway.journal import Change, CloseDay, Done, Journal, Known, closes, open_day, verify
from gateway.kernel.clock import SystemClock
from gateway.kernel.ids import UuidSevens
from gateway.keys import KeyRegister, KeyStoreSettings, open_software_store
from tests.app.conftest import until


async def _close_day(pool: asyncpg.Pool[Any], clock: SystemClock, ids: UuidSevens) -> date:
    journal = Journal(pool=pool, tables=(), clock=clock, ids=ids)
    await journal.start()
    try:
        day = await open_day(pool)
        change = Change(id=ids.new(), who="tester", why="closed", occurred_at=clock.now(), close_day=CloseDay(day))
        assert isinstance(await journal.post(change), Done)
        return day
    finally:
        await journal.stop()


async def test_a_worker_signs_what_was_closed(serving, pool, clock, ids) -> None:
    day = await _close_day(pool, clock, ids)

    async def signed() -> bool:
        return bool(await closes(pool))

    async with serving("worker") as (gateway, _), serving("worker"):
        await until("the close", signed, but=gateway)
        assert await pool.fetchval("SELECT count(*) FROM timer WHERE kind = $1", KIND) == 1
    (close,) = await closes(pool)
    assert (close.close().day, close.close().key) == (day, 1)
    proof = await verify(pool, known=Known(trusted=(close.public_key,)))
    assert (proof.faults, proof.closes, proof.unsigned) == ((), 1, ())


async def test_the_newest_key_signs_and_older_ones_are_kept(pool, clock, randomness, tmp_path: Path) -> None:
    keystore = open_software_store(KeyStoreSettings(directory=tmp_path / "keys"), randomness)
    register = KeyRegister(pool=pool, keystore=keystore, clock=clock)
    keys = CloseKeys(register=register, keystore=keystore)
    assert await keys.number() == 1
    (first,) = await register.all(KEY)
    signature, public = await keys.sign(b"line\n", 1)
    await register.replace(KEY, await keystore.make(first.block.kind, 32), by="tester")
    assert await keys.number() == 2
    assert await keys.sign(b"line\n", 1) == (signature, public)
    assert (await keys.sign(b"line\n", 2))[1] != public
