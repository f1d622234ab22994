"""A third dialect is configuration: a definition named in the settings, a listener that speaks it, a terminal in it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from channels.iso8583 import FrameReader, Message, decode, encode, frame
from gateway.kernel import settings as kernel_settings
from gateway.kernel.settings import SettingsError
from gateway.terminals import TerminalDoor
from gateway.terminals.settings import known_dialects, terminal_settings

OWN = """
name = "own"
base = "cups"
form = "text"
lengths = "text"
[frame]
tpdu = false
header = 2
[kinds]
n = "digits"
"""


@pytest.fixture
def definition(tmp_path: Path) -> str:
    file = tmp_path / "own.toml"
    file.write_text(OWN, encoding="utf-8")
    return str(file)


async def test_a_terminal_signs_in_in_a_dialect_of_its_own(
    opened: Callable[..., Awaitable[TerminalDoor]], world: Any, definition: str
) -> None:
    known = known_dialects([definition])
    own = known["own"]
    world.terminals["10000001"] = replace(world.terminals["10000001"], dialect="own")
    door = await opened(listener={"dialect": "own"}, dialects=known)
    address = door.addresses[0]
    reader, writer = await asyncio.open_connection(address.host, address.port)
    asked = Message("0800", {11: "000001", 41: "10000001", 42: "104110070110814", 60: "00000001003"})
    writer.write(frame(b"\x01\x02" + encode(own, asked)))
    frames = FrameReader(4096)
    async with asyncio.timeout(10):
        while (content := frames.next_frame()) is None:
            frames.feed(await reader.read(4096))
    writer.close()
    await writer.wait_closed()
    answer = decode(own, content[2:])
    assert (content[:2], answer.mti, answer.text(39)) == (b"\x01\x02", "0810", "00")
    assert len(answer.octets(62) or b"") == 40  # laid out as its family has it


def test_definitions_are_named_in_the_settings(definition: str) -> None:
    assert set(terminal_settings(kernel_settings.Terminals(dialects=(definition,))).dialects) == {
        "cups",
        "iso87-ascii",
        "own",
    }


def test_a_definition_that_is_missing_or_named_twice_is_refused_at_the_start(definition: str) -> None:
    for files in (("/nowhere/own.toml",), (definition, definition)):
        with pytest.raises(SettingsError, match=r"terminals\.dialects: .*own"):
            known_dialects(files)
