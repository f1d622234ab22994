"""The pool of sessions: lost ones come back, slow ones are given up, too many are refused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from gateway.kernel.clock import SystemClock
from gateway.kernel.randomness import SystemRandomness
from gateway.keys import KeyKind, KeyStoreError, MacScheme, StoreUnavailableError
from gateway.keys.module import Sessions, open_module_store
from gateway.keys.module.token import TokenSession
from gateway.keys.modulesettings import ModuleSettings
from tests.plugins import softhsm

pytestmark = pytest.mark.system_part("softhsm2-util")


class Calls:
    """Keeps what a meter is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def called(self, operation: str, *, seconds: float, outcome: str) -> None:
        assert seconds >= 0
        self.told.append((operation, outcome))


@pytest.fixture
async def settings() -> ModuleSettings:
    return replace(await asyncio.to_thread(softhsm.module_settings), sandbox=True)


@pytest.fixture
def meter() -> Calls:
    return Calls()


@pytest.fixture
def sessions(settings: ModuleSettings, meter: Calls) -> Iterator[Sessions]:
    opened = Sessions(settings, clock=SystemClock(), meter=meter)
    yield opened
    opened.close()


async def soon(holds: Callable[[], bool]) -> None:
    """Wait for what a thread is about to do."""
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - nobody tells when a call that was given up has ended
            await asyncio.sleep(0.001)


async def test_calls_at_once_share_no_session(sessions):
    together = threading.Barrier(2)

    def work(token: TokenSession) -> Any:
        together.wait(5)
        return token.session

    first, second = await asyncio.gather(sessions.call("a", work), sessions.call("b", work))
    assert first is not second


async def test_a_session_that_was_closed_is_opened_anew(settings, meter):
    store = open_module_store(
        replace(settings, sessions=1), randomness=SystemRandomness(), clock=SystemClock(), meter=meter
    )
    key = await store.make(KeyKind.MAC, 16)
    before = await store.mac(key, MacScheme.X919, b"data")
    await store._sessions.call("break", lambda token: token.session.close())
    assert await store.mac(key, MacScheme.X919, b"data") == before
    assert ("mac", "done") in meter.told
    store.close()


async def test_a_lost_login_is_made_again(settings):
    store = open_module_store(replace(settings, sessions=1), randomness=SystemRandomness(), clock=SystemClock())
    other = open_module_store(settings, randomness=SystemRandomness(), clock=SystemClock())
    key = await store.make(KeyKind.MAC, 16)
    before = await store.mac(key, MacScheme.X919, b"data")
    store._sessions._keeper.close()  # logs the whole process out: every private object of a session is gone
    assert await store.mac(key, MacScheme.X919, b"data") == before
    assert await other.mac(key, MacScheme.X919, b"data") == before
    other.close()
    assert await store.mac(key, MacScheme.X919, b"data") == before
    store.close()


async def test_a_module_that_hangs_is_given_up_and_taken_back(settings, meter):
    sessions = Sessions(replace(settings, sessions=1, within_ms=50, waiting=1), clock=SystemClock(), meter=meter)
    answers = threading.Event()
    with pytest.raises(StoreUnavailableError, match="in time"):
        await sessions.call("hang", lambda _: answers.wait(5))
    with pytest.raises(StoreUnavailableError, match="in time"):
        await sessions.call("wait", lambda _: None)
    with pytest.raises(StoreUnavailableError, match="too many"):
        await sessions.call("refuse", lambda _: None)
    answers.set()
    await soon(lambda: not sessions._under_way)
    assert await sessions.call("work", lambda token: bool(token.masters()))
    assert meter.told == [("hang", "unavailable"), ("wait", "unavailable"), ("refuse", "unavailable"), ("work", "done")]
    sessions.close()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"token": "no-such-token"}, "cannot be reached"),
        ({"library": "no-such-library.so"}, "cannot be loaded"),
    ],
)
async def test_what_is_not_there_is_said(settings, change, told):
    store = open_module_store(replace(settings, **change), randomness=SystemRandomness(), clock=SystemClock())
    with pytest.raises(StoreUnavailableError, match=told):
        await store.make(KeyKind.MAC, 16)
    store.close()


async def test_a_wrong_pin_is_refused_without_saying_it(settings):
    store = open_module_store(replace(settings, pin="000000"), randomness=SystemRandomness(), clock=SystemClock())
    with pytest.raises(KeyStoreError, match="PinIncorrect") as refused:
        await store.make(KeyKind.MAC, 16)
    assert "000000" not in str(refused.value)
    store.close()


async def test_ready_keys_are_bounded_and_leave_nothing_in_the_module(settings):
    store = open_module_store(
        replace(settings, sessions=1, cached_keys=3), randomness=SystemRandomness(), clock=SystemClock()
    )
    keys = [await store.make(KeyKind.MAC, 16) for _ in range(6)]
    first = [await store.mac(key, MacScheme.X919, b"data") for key in keys]
    assert [await store.mac(key, MacScheme.X919, b"data") for key in keys] == first

    def objects(token: TokenSession) -> int:
        return sum(1 for _ in token.session.get_objects())

    held = await store._sessions.call("count", objects)
    signing = await store.make(KeyKind.SIGNING, 256)
    for _ in range(3):
        await store.sign(signing, b"data")
        await store.wrap(await store.make(KeyKind.TERMINAL_MASTER, 16), keys[-1])
    assert len(await store.export_clear(keys[0])) == 16
    grown = await store._sessions.call("count", objects)
    assert grown <= held + 1  # of a kept key, both parts; nothing of what was made, signed with or handed out
    store.close()
