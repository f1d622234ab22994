"""The published description agrees with what is served."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.api.openapi import EXAMPLE_ADDRESS, describe
from gateway.api.routes import ROUTES
from gateway.kernel.reasons import ANSWERS, Reason

PUBLISHED = Path(__file__).parents[2] / "docs" / "openapi.json"
DESCRIPTION = describe(ROUTES, EXAMPLE_ADDRESS)


def test_the_description_in_the_repository_is_the_one_that_is_served():
    """After a change: python -m gateway.api > docs/openapi.json."""
    assert json.loads(PUBLISHED.read_text("utf-8")) == json.loads(msgspec.json.encode(DESCRIPTION))


def everything(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, dict):
        for part in value.values():
            yield from everything(part)
    elif isinstance(value, list):
        for part in value:
            yield from everything(part)


def test_every_reference_leads_somewhere():
    references = {part["$ref"] for part in everything(DESCRIPTION) if isinstance(part, dict) and "$ref" in part}
    assert references
    for reference in references:
        found: Any = DESCRIPTION
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


def test_every_operation_has_a_name_of_its_own_and_all_of_its_parameters():
    operations = [operation for methods in DESCRIPTION["paths"].values() for operation in methods.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations) == len(ROUTES)
    for path, methods in DESCRIPTION["paths"].items():
        for operation in methods.values():
            named = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_every_command_asks_for_a_key_and_every_answer_is_typed(route):
    operation = DESCRIPTION["paths"][route.path][route.method.lower()]
    headers = {one["name"] for one in operation["parameters"] if one["in"] == "header"}
    assert headers == ({"Idempotency-Key"} if route.changes else set())
    assert "requestBody" in operation or route.method == "GET"
    assert operation["responses"]["200"]["content"]
    assert all(ANSWERS[reason].http != 200 for reason in route.refusals)


def test_every_code_of_a_problem_is_a_published_one():
    assert set(DESCRIPTION["components"]["schemas"]["Reason"]["enum"]) == {reason.value for reason in Reason}


async def test_the_description_and_its_page_are_served(world):
    served = await (await world.client.get("/openapi.json")).json()
    assert served["openapi"] == "3.1.0"
    assert served["servers"] == [{"url": "https://pay.example.test"}]
    assert served["paths"] == json.loads(msgspec.json.encode(DESCRIPTION["paths"]))
    page = await world.client.get("/docs")
    text = await page.text()
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    for route in ROUTES:
        assert f"id='{route.operation}'" in text
    for reason in Reason:
        assert f"id='{reason.value}'" in text
    assert not re.search(r"(src|href)='?https?:", text)
    style = await world.client.get("/docs/style.css")
    assert (style.status, style.headers["Content-Type"]) == (200, "text/css; charset=utf-8")


async def test_links_of_the_page_lead_somewhere(world):
    text = await (await world.client.get("/docs")).text()
    targets = set(re.findall(r"href='#([^']+)'", text))
    assert targets
    assert targets <= set(re.findall(r"id='?([\w-]+)", text))
