from __future__ import annotations

from collections.abc import Iterator

from tests.tidy.imports import imported
from tests.tidy.source import PACKAGES, Finding, Source, at, caught, findings

PEERS = "tests/peers"


def own_words(source: Source) -> Iterator[Finding]:
    """A peer is written from the published protocol alone, so it can find us wrong; its own files are its own."""
    if not source.within(PEERS):
        return
    for name, node in imported(source):
        if name.partition(".")[0] in {*PACKAGES, "tests"} and not name.startswith("tests.peers."):
            yield at(source, node, f"a peer must not import {name}")


def test_peers_import_nothing_of_ours(test_sources: tuple[Source, ...]) -> None:
    assert findings(own_words, test_sources) == []


def test_a_borrowed_word_is_caught() -> None:
    assert len(caught(own_words, "tests/peers/terminal.py", "from channels.iso8583 import decode")) == 1
    assert len(caught(own_words, "tests/peers/terminal.py", "import gateway.kernel.money")) == 1
    assert len(caught(own_words, "tests/peers/terminal.py", "from tests.terminals import conftest")) == 1
    assert caught(own_words, "tests/peers/terminal.py", "import iso8583") == []
    assert caught(own_words, "tests/peers/test_terminal.py", "from tests.peers.terminal import Terminal") == []
    assert caught(own_words, "tests/terminals/test_door.py", "from channels.iso8583 import decode") == []
