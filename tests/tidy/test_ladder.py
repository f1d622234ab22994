from __future__ import annotations

import pytest

from tests.tidy.ladder import BELOW_THE_DOORS, DOORS, STEP_OF, ladder
from tests.tidy.source import Source, caught, findings


def test_the_tree_keeps_to_the_ladder(sources: tuple[Source, ...]) -> None:
    assert findings(ladder, sources) == []


def test_every_file_of_the_gateway_has_a_step(sources: tuple[Source, ...]) -> None:
    rooms = {source.path.parts[1].removesuffix(".py") for source in sources if source.path.parts[0] == "gateway"}
    assert rooms - {"__init__", "__main__"} <= STEP_OF.keys()


def test_web_and_doors_stand_above_the_rooms_that_know_no_http() -> None:
    assert {"kernel", "journal", "clearing", "reports"} <= BELOW_THE_DOORS
    assert not BELOW_THE_DOORS & (DOORS | {"web", "sandbox", "bench", "app", "cli"})


@pytest.mark.parametrize(
    ("path", "text", "why"),
    [
        ("gateway/ledger/rules.py", "from gateway.journal.model import Change", "ledger must not import journal"),
        ("gateway/ledger/rules.py", "from gateway import journal", "ledger must not import journal"),
        ("gateway/ledger/rules.py", "import gateway.payments", "ledger must not import payments"),
        ("gateway/ledger/rules.py", "from ..journal import model", "ledger must not import journal"),
        ("gateway/ledger/rules.py", "import_module('gateway.journal')", "ledger must not import journal"),
        ("gateway/fees/quote.py", "def f():\n    from gateway.tasks import Timer", "fees must not import tasks"),
        ("gateway/api/routes.py", "from gateway.console import pages", "must not import the door console"),
        ("gateway/cli.py", "from gateway.terminals import Door", "only app does"),
        ("gateway/bench/purchase.py", "from gateway.terminals import Door", "only app does"),
        ("gateway/web/session.py", "from gateway.app import build", "web must not import app"),
        ("gateway/sandbox/bank/api.py", "from channels.iso8583 import decode", "sandbox must not import channels"),
        ("gateway/sandbox/bank/api.py", "from gateway.ledger.model import Unit", "sandbox must not import ledger"),
        ("gateway/sandbox/bank/api.py", "from gateway.payments import x", "sandbox must not import payments"),
        ("gateway/helpdesk/x.py", "from gateway.kernel import money", "no step on the ladder"),
        ("gateway/__init__.py", "from gateway.kernel import money", "no step on the ladder"),
        ("channels/xmlbank/pay.py", "from gateway.kernel.money import Unit", "channels must not import gateway"),
        ("channels/xmlbank/pay.py", "import connectors.http", "channels must not import connectors"),
        ("connectors/sftp.py", "from channels.ports import Signer", "connectors must not import channels"),
        ("connectors/sftp.py", "from gateway.kernel import clock", "connectors must not import gateway"),
    ],
)
def test_a_step_up_is_caught(path: str, text: str, why: str) -> None:
    assert why in "".join(caught(ladder, path, text))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("gateway/journal/post.py", "from gateway.ledger.model import Posting\nfrom gateway.journal import model"),
        ("gateway/clearing/carry.py", "from channels.instruction import Ask\nimport connectors.ports"),
        ("gateway/app.py", "from gateway.terminals import Door\nfrom gateway.sandbox import bank"),
        ("gateway/cli.py", "from gateway.app import build"),
        ("gateway/__main__.py", "from gateway.cli import main"),
        ("gateway/sandbox/bank/api.py", "from gateway.kernel.clock import Clock\nimport aiohttp"),
        ("gateway/clearing/files/store.py", "from . import model\nfrom ..registry import Registry"),
        ("channels/xmlbank/pay.py", "from channels.ports import Signer\nimport lxml.etree"),
    ],
)
def test_a_step_down_is_left_alone(path: str, text: str) -> None:
    assert caught(ladder, path, text) == []
