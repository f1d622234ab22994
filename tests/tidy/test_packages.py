from __future__ import annotations

import pytest

from tests.tidy.ladder import BELOW_THE_DOORS
from tests.tidy.packages import TEST_FIXTURE_OF_PYTEST_AIOHTTP, homes, takes, unused
from tests.tidy.source import Source, caught, findings


def test_named_packages_stay_at_home(sources: tuple[Source, ...]) -> None:
    assert findings(homes, sources) == []


def test_named_packages_are_put_to_use(sources: tuple[Source, ...]) -> None:
    assert list(unused(sources)) == []


def test_http_is_tested_with_pytest_aiohttp(test_sources: tuple[Source, ...]) -> None:
    assert any(takes(source, TEST_FIXTURE_OF_PYTEST_AIOHTTP) for source in test_sources)


@pytest.mark.parametrize("room", sorted(BELOW_THE_DOORS))
@pytest.mark.parametrize("package", ["aiohttp", "lxml", "paramiko"])
def test_no_room_below_the_doors_speaks_http_xml_or_sftp(room: str, package: str) -> None:
    assert caught(homes, f"gateway/{room}/store.py", f"from {package} import anything")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("gateway/payments/decide.py", "import asyncpg"),
        ("gateway/api/routes.py", "from asyncpg import Pool"),
        ("gateway/api/routes.py", "import lxml.etree"),
        ("gateway/clearing/dispatch.py", "def late():\n    import tenacity"),
        ("gateway/ledger/rules.py", "from cryptography.hazmat.primitives import hashes"),
        ("gateway/clearing/carry.py", "from prometheus_client import Counter"),
        ("channels/xmlbank/pay.py", "import aiohttp"),
        ("channels/filebank/file.py", "import paramiko"),
    ],
)
def test_a_package_away_from_home_is_caught(path: str, text: str) -> None:
    assert len(caught(homes, path, text)) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("gateway/payments/store.py", "import asyncpg"),
        ("gateway/journal/writer.py", "from asyncpg import Pool"),
        ("gateway/kernel/postgres/pool.py", "import asyncpg"),
        ("connectors/sftp/session.py", "import paramiko\nimport tenacity"),
        ("gateway/sandbox/bank/api.py", "import lxml.etree, aiohttp, paramiko"),
    ],
)
def test_a_package_at_home_is_left_alone(path: str, text: str) -> None:
    assert caught(homes, path, text) == []


def test_a_package_nobody_uses_is_named() -> None:
    lonely = [Source.of("gateway/journal/writer.py", "import asyncpg")]
    assert "tenacity is not imported in connectors" in list(unused(lonely))
    assert "asyncpg is not imported in gateway/journal" not in list(unused(lonely))


def test_a_fixture_is_found_by_its_parameter() -> None:
    assert takes(Source.of("tests/x.py", "async def test_x(aiohttp_client): ..."), "aiohttp_client")
    assert not takes(Source.of("tests/x.py", "async def test_x(client): ..."), "aiohttp_client")
