"""Terminals of the running world, one after another."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from tests.peers.cards import Card, Cards
from tests.peers.line import Line
from tests.peers.places import Place, trace_numbers
from tests.peers.terminal import Terminal

World = dict[str, Any]
Listener = dict[str, Any]
DIALECT = "cups"


@pytest.fixture(scope="session")
def cards(world: World) -> Cards:
    return Cards(tuple(Card(card["pan"], card["pin"], card["behaviour"]) for card in world["cards"]))


@pytest.fixture(scope="session")
def every_place(world: World) -> tuple[Place, ...]:
    rows = [row for row in world["terminals"] if row["dialect"] == DIALECT]
    return tuple(Place(row["terminal"], row["merchant"], bytes.fromhex(row["tmk"])) for row in rows)


@pytest.fixture(scope="session")
def places(every_place: tuple[Place, ...]) -> Iterator[Place]:
    """The terminals of the dialect, round and round."""
    return itertools.cycle(every_place)


@pytest.fixture(scope="session")
def traces() -> Iterator[str]:
    """Trace numbers no other terminal of this session has used."""
    return trace_numbers()


@pytest.fixture(scope="session")
def listeners(world: World) -> list[Listener]:
    """The listeners of the dialect; at least one."""
    found = [listener for listener in world["listeners"] if listener["dialect"] == DIALECT]
    assert found, f"the world has no listener for {DIALECT}"
    return found


@pytest.fixture
async def open_line(world: World, listeners: list[Listener]) -> AsyncIterator[Callable[..., Awaitable[Line]]]:
    """Connect to a listener, the first if none is named; every connection ends with the test."""
    opened: list[Line] = []

    async def connect(listener: Listener | None = None) -> Line:
        chosen = listener or listeners[0]
        trust = world["ca"] if chosen["tls"] else ""
        opened.append(await Line.open(chosen["host"], chosen["port"], trust=trust))
        return opened[-1]

    yield connect
    for line in opened:
        await line.close()


@pytest.fixture
def open_terminal(
    open_line: Callable[..., Awaitable[Line]], places: Iterator[Place], traces: Iterator[str]
) -> Callable[..., Awaitable[Terminal]]:
    """Take the next terminal, on a connection of its own unless one is given, signed in unless told otherwise."""

    async def taken(*, download: str | None = "003", line: Line | None = None, place: Place | None = None) -> Terminal:
        terminal = Terminal(place or next(places), line or await open_line(), traces)
        if download is not None:
            answer = await terminal.sign_in(download)
            assert answer.code == "00", f"sign-in of {terminal.place.terminal}: {answer.code} {answer.words}"
        return terminal

    return taken


@pytest.fixture
async def terminal(open_terminal: Callable[..., Awaitable[Terminal]]) -> Terminal:
    """A terminal that is signed in."""
    return await open_terminal()
