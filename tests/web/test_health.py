from __future__ import annotations

import asyncio

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter

from gateway.web import add_health, add_metrics, health


async def fine() -> str | None:
    return None


async def behind() -> str | None:
    return "the database is 12 s behind"


async def broken() -> str | None:
    message = "password=secret"
    raise OSError(message)


async def stuck() -> str | None:
    await asyncio.Event().wait()
    return None


async def test_live_needs_nothing(aiohttp_client):
    app = web.Application()
    add_health(app, {"books": broken})
    client = await aiohttp_client(app)
    answer = await client.get("/health/live")
    assert (answer.status, await answer.json()) == (200, {"live": True})


async def test_ready_when_every_part_is(aiohttp_client):
    app = web.Application()
    add_health(app, {"books": fine, "keys": fine})
    answer = await (await aiohttp_client(app)).get("/health/ready")
    assert (answer.status, await answer.json()) == (200, {"ready": True, "not_ready": {}})


async def test_what_is_not_ready_and_why_without_secrets(aiohttp_client, monkeypatch):
    monkeypatch.setattr(health, "_PATIENCE_S", 0.01)
    app = web.Application()
    add_health(app, {"books": behind, "keys": fine, "channel": broken, "queue": stuck})
    answer = await (await aiohttp_client(app)).get("/health/ready")
    assert answer.status == 503
    assert await answer.json() == {
        "ready": False,
        "not_ready": {
            "books": "the database is 12 s behind",
            "channel": "the check failed: OSError",
            "queue": "no answer within 0.01 s",
        },
    }


async def test_metrics_come_in_the_format_the_scraper_asks_for(aiohttp_client):
    registry = CollectorRegistry()
    Counter("tillgate_things", "Things", registry=registry).inc()
    app = web.Application()
    add_metrics(app, registry)
    client = await aiohttp_client(app)
    plain = await client.get("/metrics")
    assert plain.headers["Content-Type"].startswith("text/plain")
    assert "tillgate_things_total 1.0" in await plain.text()
    open_form = await client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert open_form.headers["Content-Type"].startswith("application/openmetrics-text")
    assert (await open_form.text()).endswith("# EOF\n")
