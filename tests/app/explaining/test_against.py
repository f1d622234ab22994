"""A frame held against the books: terminal, session, MAC under each key, the nearest operation."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import pytest

from channels.iso8583 import CUPS, Message, encode, mac_input
from gateway.app.explaining.against import against_books
from gateway.app.explaining.explanation import GOOD, OPEN, WRONG, explain
from gateway.kernel.randomness import SeededRandomness
from gateway.keys.masters import MasterKey, Masters
from gateway.keys.port import KeyBlock, KeyKind, MacScheme
from gateway.keys.software import SoftwareKeyStore
from tests.app.explaining.test_explanation import HEAD, PURCHASE

PARTY = UUID(int=7)


@dataclass
class Terminal:
    id: UUID = PARTY
    number: str = "10000001"
    merchant_id: UUID = PARTY
    dialect: str = "cups"
    state: str = "active"
    tmk: str | None = None
    mac_key: str | None = None
    pin_key: str | None = None
    previous_mac_key: str | None = None
    previous_pin_key: str | None = None
    offered_mac_key: str | None = None
    offered_pin_key: str | None = None
    batch_no: str = "000001"
    batch_state: str = "open"
    settings: dict[str, object] = field(default_factory=dict)
    version: int = 1


@dataclass
class Merchant:
    id: UUID = PARTY
    state: str = "open"


@dataclass
class Facts:
    terminal: Terminal | None

    async def fresh_terminal(self, number: str) -> Any:
        return self.terminal if self.terminal and number == self.terminal.number else None

    async def merchant(self, number: str) -> Any:
        return Merchant() if number == "104110070110814" else None


@pytest.fixture
def keys() -> SoftwareKeyStore:
    return SoftwareKeyStore(masters=Masters([MasterKey(1, bytes(range(32)))]), randomness=SeededRandomness(1))


@pytest.fixture
async def terminal(keys: SoftwareKeyStore) -> Terminal:
    current, previous = [await keys.make(KeyKind.MAC, 8) for _ in range(2)]
    return Terminal(mac_key=current.text, previous_mac_key=previous.text)


async def sealed(keys: SoftwareKeyStore, key: str | None, *, before: bytes = b"") -> bytes:
    assert key is not None
    covered = mac_input(CUPS, encode(CUPS, Message("0200", PURCHASE)))
    return HEAD + covered + await keys.mac(KeyBlock(KeyKind.MAC, key), MacScheme.CUPS, before + covered)


async def verdicts(
    pool: Any, facts: Facts, keys: SoftwareKeyStore | None, content: bytes
) -> dict[str, tuple[str, str]]:
    explained = explain(CUPS, content, "here")
    told = await against_books(explained, dialect=CUPS, pool=pool, facts=facts, keys=keys)
    return {each.check: (each.verdict, each.says) for each in told.findings}


async def test_a_good_mac_names_its_key(pool: Any, keys: SoftwareKeyStore, terminal: Terminal) -> None:
    for name, key in (("current", terminal.mac_key), ("previous", terminal.previous_mac_key)):
        found = await verdicts(pool, Facts(terminal), keys, await sealed(keys, key))
        assert found["mac"] == (GOOD, f"good under the {name} key")
        assert (found["terminal"][0], found["merchant"][0], found["batch"][0]) == (GOOD, GOOD, GOOD)


async def test_a_usual_mistake_is_recognised(pool: Any, keys: SoftwareKeyStore, terminal: Terminal) -> None:
    found = await verdicts(pool, Facts(terminal), keys, await sealed(keys, terminal.mac_key, before=HEAD))
    assert found["mac"] == (WRONG, "good under the current key over TPDU and header too: they do not belong to it")


async def test_a_wrong_mac_tells_what_it_covers_and_no_right_one(
    pool: Any, keys: SoftwareKeyStore, terminal: Terminal
) -> None:
    content = HEAD + encode(CUPS, Message("0200", PURCHASE))
    found = await verdicts(pool, Facts(terminal), keys, content)
    assert found["mac"][0] == WRONG
    assert found["mac"][1].endswith("by cups, under every key there is (current, previous)")
    assert (await sealed(keys, terminal.mac_key))[-8:].decode() not in str(found)
    assert (await verdicts(pool, Facts(terminal), None, content))["mac"][0] == OPEN


@pytest.mark.parametrize(
    ("changed", "check", "says"),
    [
        ({"state": "locked"}, "terminal", "the terminal is locked"),
        ({"dialect": "iso87-ascii"}, "terminal", "the terminal speaks iso87-ascii"),
        ({"merchant_id": UUID(int=8)}, "merchant", "field 42 is not the terminal's merchant"),
        ({"mac_key": None}, "session", "the terminal has no working key: it must sign in"),
        ({"batch_no": "000002"}, "batch", "60.2 is 000001; the terminal's batch is 000002, open"),
    ],
)
async def test_what_the_books_say_against_it(
    pool: Any, keys: SoftwareKeyStore, terminal: Terminal, changed: dict[str, Any], check: str, says: str
) -> None:
    found = await verdicts(pool, Facts(replace(terminal, **changed)), keys, await sealed(keys, terminal.mac_key))
    assert found[check] == (WRONG, says)


async def test_an_unknown_terminal(pool: Any, keys: SoftwareKeyStore) -> None:
    found = await verdicts(pool, Facts(None), keys, HEAD + encode(CUPS, Message("0200", PURCHASE)))
    assert found["terminal"] == (WRONG, "no terminal has the number in field 41")
