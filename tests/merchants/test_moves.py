from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from gateway.journal import Change, Done, Journal, Move, Refused
from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids
from gateway.kernel.reasons import Reason
from gateway.merchants import Directory, Merchant, Terminal
from gateway.merchants.store import MERCHANT, TERMINAL

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
async def journal(pool: asyncpg.Pool[Any], clock: Clock, ids: Ids) -> AsyncIterator[Journal]:
    made = Journal(pool=pool, tables=[MERCHANT, TERMINAL], clock=clock, ids=ids)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def directory(pool: asyncpg.Pool[Any], terminal: Terminal) -> Directory:
    made = Directory(pool=pool)
    await made.refresh()
    return made


def change(ids: Ids, *moves: Move, expects: tuple[tuple[str, int], ...] = ()) -> Change:
    return Change(
        id=ids.new(),
        who="terminal:10000001",
        why="signed in",
        occurred_at=NOW,
        records=moves,
        expects=expects,
    )


def sign_in(terminal: Terminal, key: str) -> Move:
    to = {"mac_key": key, "previous_mac_key": terminal.mac_key, "signed_in_at": NOW, "batch_no": "000002"}
    return Move("terminal", terminal.id, terminal.version, to)


async def test_a_sign_in_moves_the_terminal_through_the_journal(
    journal: Journal,
    directory: Directory,
    terminal: Terminal,
    ids: Ids,
) -> None:
    assert await directory.terminal("10000001") == terminal
    assert isinstance(await journal.post(change(ids, sign_in(terminal, "K1"))), Done)
    await directory.refresh()
    signed_in = await directory.terminal("10000001")
    assert signed_in is not None
    assert (signed_in.mac_key, signed_in.batch_no, signed_in.signed_in_at) == ("K1", "000002", NOW)
    assert signed_in.version == terminal.version + 1


async def test_of_two_sign_ins_from_one_state_one_reads_again(journal: Journal, terminal: Terminal, ids: Ids) -> None:
    assert isinstance(await journal.post(change(ids, sign_in(terminal, "K1"))), Done)
    late = await journal.post(change(ids, sign_in(terminal, "K2")))
    assert isinstance(late, Refused)
    assert late.reason is Reason.MOVED


async def test_a_change_decided_before_a_merchant_was_suspended_is_sent_back(
    journal: Journal,
    directory: Directory,
    merchant: Merchant,
    terminal: Terminal,
    ids: Ids,
) -> None:
    expects = directory.expects
    suspended = Move("merchant", merchant.id, merchant.version, {"state": "suspended"})
    assert isinstance(await journal.post(change(ids, suspended)), Done)
    late = await journal.post(change(ids, sign_in(terminal, "K1"), expects=expects))
    assert isinstance(late, Refused)
    assert late.reason is Reason.MOVED
    await directory.refresh()
    assert isinstance(await journal.post(change(ids, sign_in(terminal, "K1"), expects=directory.expects)), Done)
