"""The dispatcher's honest word: NotSent only where nothing can have left, else Unknown; and the registry's lines."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from channels.instruction import Approved, Ask, Capabilities, Instruction, NotFound, NotSent, Unknown
from channels.ports import Message
from connectors.ports import Answered, NoAnswer, Unsent
from gateway.clearing.dispatch import Dispatcher
from gateway.clearing.model import Channel, Network, Opening
from gateway.clearing.numbers import Numbers
from gateway.clearing.registry import OpenLine, Registry
from gateway.kernel.metrics import build_metrics

CHANNEL = UUID(int=1)
GOOD = Answered(status=200, headers={}, body=b"good")
PAY = Instruction(
    number="20261122000000000001",
    ask=Ask.PAY,
    business="acquiring",
    amount_minor=1,
    unit="CNY",
    occurred_at=datetime(2026, 11, 22, tzinfo=UTC),
)


@dataclass
class Line:
    reply: Any = GOOD
    breaks: str = ""
    queries: bool = True
    sent: int = 0
    code: str = "bank"
    circuit_is_open: bool = False

    @property
    def language(self):
        return self

    @property
    def wire(self):
        return self

    @property
    def capabilities(self):
        return Capabilities(
            asks=frozenset({Ask.PAY}),
            communication="realtime",
            queries=self.queries,
            reverse_bars_unknown=True,
            dedupes_by_number=True,
            not_found_is_final_after_s=1,
        )

    def _break(self, point):
        if self.breaks == point:
            raise ValueError(point)

    async def ask(self, instruction):
        self._break("ask")
        return Message(path="/", headers={}, body=b"")

    async def query(self, **_):
        self._break("query")
        return Message(path="/", headers={}, body=b"")

    def read(self, **_):
        self._break("read")
        return Approved(bank_reference="B1")

    def read_query(self, **_):
        self._break("read")
        return NotFound()

    async def exchange(self, path, **_):
        self.sent += 1
        return self.reply


@dataclass
class Lines:
    only: Line | None

    def line(self, channel):
        return self.only


def dispatcher(line, clock):
    async def lease():
        return 1000

    return Dispatcher(lines=Lines(line), numbers=Numbers(lease), clock=clock, metrics=build_metrics())


@pytest.mark.parametrize(
    ("line", "asked", "queried"),
    [
        (None, NotSent, Unknown),
        (Line(), Approved, NotFound),
        (Line(breaks="ask"), NotSent, NotFound),
        (Line(breaks="query"), Approved, Unknown),
        (Line(breaks="read"), Unknown, Unknown),
        (Line(reply=NoAnswer("cut")), Unknown, Unknown),
        (Line(reply=Unsent("refused")), NotSent, Unknown),
        (Line(queries=False), Approved, Unknown),
    ],
)
async def test_what_becomes_of_an_ask_and_of_a_query(line, asked, queried, clock):
    desk = dispatcher(line, clock)
    assert isinstance(await desk.ask(CHANNEL, PAY, within_s=1), asked)
    assert isinstance(await desk.query(CHANNEL, PAY.number, within_s=1), queried)


async def test_nothing_is_sent_that_the_channel_cannot_do_or_that_has_no_time(clock):
    line = Line()
    desk = dispatcher(line, clock)
    assert isinstance(await desk.ask(CHANNEL, replace(PAY, ask=Ask.REFUND), within_s=1), NotSent)
    assert isinstance(await desk.ask(CHANNEL, PAY, within_s=0), NotSent)
    assert line.sent == 0


def channel(number=1, **fields):
    values = {
        "id": UUID(int=number),
        "code": f"c{number}",
        "name": "",
        "kind": "fake",
        "type": "quick",
        "communication": "realtime",
        "is_on": True,
        "asks": frozenset({Ask.PAY}),
        "units": frozenset({"CNY"}),
        "params": {},
        "settlement_party": UUID(int=99),
        "version": 1,
    }
    return Channel(**{**values, **fields})


@dataclass
class Rows:
    network: Network
    opened: list[str]
    closed: list[str]
    broken: set[str]

    async def read(self):
        return self.network

    async def generation(self):
        return self.network.generation

    async def open_line(self, row):
        if row.code in self.broken:
            raise ValueError("parameter 'address' is necessary")
        self.opened.append(f"{row.code}/{row.version}")

        async def close():
            self.closed.append(f"{row.code}/{row.version}")

        return OpenLine(code=row.code, language=Line(), wire=Line(), close=close)


async def test_lines_follow_the_rows_and_a_broken_one_keeps_no_other_shut():
    openings = tuple(Opening(merchant=UUID(int=7), channel=UUID(int=n), is_open=True, priority=n) for n in (1, 2))
    rows = Rows(Network(1, (channel(1), channel(2), channel(3, communication="batch_file")), openings), [], [], {"c2"})
    registry = Registry(read=rows.read, generation_of=rows.generation, open_line=rows.open_line)
    await registry.refresh()
    assert rows.opened == ["c1/1"]
    assert registry.failures == {UUID(int=2): "ValueError: parameter 'address' is necessary"}
    assert registry.expects == ("channels", 1)
    able = {each.code: each.asks for each in registry.candidates(UUID(int=7))}
    assert able == {"c1": frozenset({Ask.PAY}), "c2": frozenset()}
    assert registry.candidates(UUID(int=8)) == []

    rows.broken.clear()
    rows.network = Network(2, (channel(1, version=2), channel(2, is_on=False)), openings)
    await registry.refresh()
    assert rows.closed == ["c1/1"]
    assert rows.opened == ["c1/1", "c1/2", "c2/1"]
    assert registry.line(UUID(int=2)) is not None
    assert registry.failures == {}
    await registry.refresh()
    assert len(rows.opened) == 3
    await registry.close()
    assert rows.closed == ["c1/1", "c1/2", "c2/1"]
    assert registry.line(UUID(int=1)) is None
