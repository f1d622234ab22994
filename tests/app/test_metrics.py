"""`/metrics` and `/health` of a running sandbox, as a scraper sees them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.sandbox.day.world import World as Outside
from tests.app.conftest import until

Samples = dict[str, list[tuple[dict[str, str], float]]]

# what docs/operations.md promises of a world in which somebody has paid: name -> labels
PROMISED = {
    "tillgate_up": {"role"},
    "tillgate_requests_total": {"door", "transaction", "reason"},
    "tillgate_request_seconds_count": {"door", "transaction"},
    "tillgate_connections": {"door"},
    "tillgate_terminals": {"state"},
    "tillgate_journal_batch_changes_count": {"book"},
    "tillgate_journal_wait_seconds_count": {"book"},
    "tillgate_journal_commit_seconds_count": {"book"},
    "tillgate_journal_queue": {"book"},
    "tillgate_ledger_imbalance_minor": {"unit"},
    "tillgate_partitions_ahead": {"table"},
    "tillgate_partition_caught": {"table"},
    "tillgate_payments": {"kind", "state"},
    "tillgate_instructions_total": {"channel", "ask", "state"},
    "tillgate_channel_up": {"channel"},
    "tillgate_channel_seconds_count": {"channel", "ask"},
    "tillgate_channel_in_flight": {"channel"},
}


@pytest.fixture(scope="module")
def paid(world: dict[str, Any], tmp_path_factory) -> None:
    """Somebody has paid, and somebody's card was declined."""
    folder = tmp_path_factory.mktemp("paid")
    (folder / "world.json").write_text(json.dumps(world))
    declined = next(card["pan"] for card in world["cards"] if card["behaviour"] == "decline:51")
    (folder / "script.txt").write_text(f"sign-in\npurchase 1.00\npurchase 1.00 {declined}\n")
    command = [sys.executable, "-m", "gateway.cli", "terminal", "script", folder / "script.txt"]
    command += ["--world", folder / "world.json", "--terminal", world["terminals"][0]["terminal"]]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 1


@pytest.fixture
def scrape(world: dict[str, Any], outside: Outside, http: aiohttp.ClientSession):
    async def scraped() -> Samples:
        async with http.get(world["metrics"], ssl=outside.tls()) as answer:
            assert answer.status == 200
            return dict(_grouped(await answer.text()))

    return scraped


def _grouped(text: str) -> Iterator[tuple[str, list[tuple[dict[str, str], float]]]]:
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((dict(sample.labels), sample.value))
    yield from found.items()


async def test_what_is_promised_is_there_with_its_labels(paid: None, scrape) -> None:
    missing: set[str] = set()

    async def all_there() -> bool:
        missing.clear()
        missing.update(set(PROMISED) - set(await scrape()))
        return not missing

    await until("the figures of the worker", all_there, within_s=20, but=missing)
    found = await scrape()
    assert {name: set(found[name][0][0]) - {"le"} for name in PROMISED} == PROMISED


async def test_what_was_paid_is_counted(paid: None, scrape) -> None:
    found = await scrape()
    by_reason = {
        labels["reason"]: value
        for labels, value in found["tillgate_requests_total"]
        if (labels["door"], labels["transaction"]) == ("terminals", "purchase")
    }
    assert by_reason["done"] >= 1
    assert by_reason["insufficient_funds"] >= 1

    async def counted() -> bool:
        rows = (await scrape()).get("tillgate_payments", [])
        states = {labels["state"]: value for labels, value in rows if labels["kind"] == "purchase"}
        return bool(states.get("approved", 0) >= 1 and states.get("declined", 0) >= 1)

    await until("the payments to be counted", counted, within_s=20)


async def test_the_ledger_is_in_balance(paid: None, scrape) -> None:
    assert (await scrape())["tillgate_ledger_imbalance_minor"] == [({"unit": "CNY"}, 0.0)]


async def test_no_label_is_the_number_of_a_card_or_an_order(paid: None, scrape) -> None:
    values = {
        value
        for rows in (await scrape()).values()
        for labels, _ in rows
        for name, value in labels.items()
        if name != "le"
    }
    assert [value for value in values if re.search(r"\d{8}", value) and not re.fullmatch(r"[0-9a-f-]{36}", value)] == []


async def test_every_role_is_up(scrape) -> None:
    assert {labels["role"]: value for labels, value in (await scrape())["tillgate_up"]} == {
        "terminals": 1.0,
        "api": 1.0,
        "worker": 1.0,
    }


@pytest.mark.parametrize("path", ["live", "ready"])
async def test_health(world: dict[str, Any], outside: Outside, http, path: str) -> None:
    async with http.get(f"{world['api']['url']}/health/{path}", ssl=outside.tls()) as answer:
        assert answer.status == 200
        assert (await answer.json())[path] is True
