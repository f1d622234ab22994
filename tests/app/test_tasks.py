"""Batch tasks by the API of a process that serves and works, from a remote source to the books."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from prometheus_client.parser import text_string_to_metric_families

from gateway.access import OPERATOR_PERMISSIONS, PARTY_PERMISSIONS, Algorithm, Enrolment, NewApiKey
from gateway.app.keystore import open_keystore
from gateway.kernel.clock import SystemClock
from gateway.kernel.ids import show
from gateway.kernel.randomness import SystemRandomness
from gateway.kernel.settings import load_settings
from gateway.parties import PLATFORM
from gateway.sandbox.day.api_client import ApiClient, ApiRefusedError, Signing
from gateway.sandbox.day.world import ApiKey
from tests.app.conftest import Serving, until
from tests.plugins.remote_source import Pulling, Remote, expected_shares

PULL = {"kind": "transactions.pull", "params": {"source": "remote"}, "chunk_size": 1000, "concurrency": 8}


@dataclass
class Door:
    """A process's API, asked by an operator; `metrics` scrapes it."""

    client: ApiClient
    stranger: ApiClient
    http: aiohttp.ClientSession
    metrics_at: str

    async def start(self, key: str, **fields: Any) -> dict[str, Any]:
        started: dict[str, Any] = await self.client.post("/v1/tasks", PULL | fields, key=key)
        return started

    async def over(self, task: str) -> dict[str, Any]:
        """The task's detail once it is over."""
        found: dict[str, Any] = {}

        async def is_over() -> bool:
            found.update(await self.client.get(f"/v1/tasks/{task}"))
            return found["task"]["state"] in {"done", "failed", "cancelled"}

        await until("the end of the task", is_over, but=found)
        return found

    async def sample(self, name: str, **labels: str) -> float:
        async with self.http.get(self.metrics_at) as answer:
            text = await answer.text()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    return float(sample.value)
        return 0.0


@pytest.fixture
async def client_of(pulling: Pulling, clock: SystemClock, ids: Any, http: aiohttp.ClientSession) -> Callable[..., Any]:
    keystore = open_keystore(load_settings((), pulling.environment), SystemRandomness())
    enrolment = Enrolment(pool=pulling.pool, keystore=keystore, clock=clock, ids=ids, who="test")

    async def made(name: str, party: Any, permissions: frozenset[str], url: str) -> ApiClient:
        private = ed25519.Ed25519PrivateKey.generate()
        public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        await enrolment.enrol(
            NewApiKey(
                keyid=name,
                algorithm=Algorithm.ED25519,
                party_id=party,
                permissions=permissions,
                public_key=public,
            )
        )
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        key = ApiKey(keyid=name, alg="ed25519", private_key=pem, party=show("pty", party))
        return ApiClient(
            session=http,
            address=url,
            signing=Signing(key=key, clock=clock, randomness=SystemRandomness()),
            tls=None,  # type: ignore[arg-type]
            patience_seconds=10,
        )

    return made


@pytest.fixture
async def api(serving: Serving, pulling: Pulling, client_of: Any, http: aiohttp.ClientSession) -> AsyncIterator[Door]:
    environment = {
        name: value for name, value in pulling.environment.items() if not name.endswith(("__DSN", "__DIRECTORY"))
    }
    async with serving("api,worker", **environment) as (_, addresses):
        operator = await client_of("operator", PLATFORM, OPERATOR_PERMISSIONS, addresses.api)
        stranger = await client_of("agent", pulling.agents["X"], PARTY_PERMISSIONS, addresses.api)
        yield Door(operator, stranger, http, addresses.metrics)


@pytest.fixture
def metrics(api: Door) -> Door:
    return api


async def test_a_task_is_started_followed_and_traced(api: Door, pulling: Pulling, remote: Remote) -> None:
    plan = remote.tell(count=2500)
    started = await api.start("pull-1")
    assert started["state"] in {"waiting", "running"}, "answered before it is done"
    again = await api.start("pull-1")
    assert again["id"] == started["id"]
    done = await api.over(started["id"])
    task, totals = done["task"], done["totals"]
    assert (task["state"], task["chunks_done"], task["chunks_total"], task["stored"]) == ("done", 3, 3, 2500)
    assert task["rows_total"] == 2500
    chunks = (await api.client.get(f"/v1/tasks/{task['id']}/chunks"))["chunks"]
    assert [(one["number"], one["rows_read"]) for one in chunks] == [(1, 1000), (2, 1000), (3, 500)]
    assert all(one["began_at"] <= one["ended_at"] and one["owner"] for one in chunks)
    assert [one["ended_at"] for one in chunks] == sorted(one["ended_at"] for one in chunks)
    assert (totals["rows"], totals["profit_minor"]) == (2500, expected_shares(plan).total())
    assert await pulling.shares() == expected_shares(plan)
    counts = (await api.client.get("/v1/task-counts"))["counts"]
    assert counts == [{"kind": "transactions.pull", "state": "done", "count": 1}]


async def test_rows_pulled_before_are_skipped(api: Door, pulling: Pulling, remote: Remote) -> None:
    remote.tell(count=300)
    first = await api.over((await api.start("a"))["id"])
    remote.tell(count=320)
    second = await api.over((await api.start("b"))["id"])
    counts = [(one["task"]["stored"], one["task"].get("skipped")) for one in (first, second)]
    assert counts == [(300, 0), (20, 300)]
    assert await pulling.rows() == 320


async def test_a_failed_task_opens_at_its_row_and_completes_after_a_reset(
    api: Door, pulling: Pulling, remote: Remote
) -> None:
    plan = remote.tell(count=50, bad=("T1-00000033",))
    failed = await api.over((await api.start("a", chunk_size=20))["id"])
    task = failed["task"]
    assert (task["state"], task["failed_chunk"], task["failed_row"]) == ("failed", 2, "T1-00000033")
    listed = (await api.client.get("/v1/tasks?state=failed"))["tasks"]
    assert [one["id"] for one in listed] == [task["id"]]
    (row,) = (await api.client.get(f"/v1/tasks/{task['id']}/failed-rows"))["rows"]
    assert (row["chunk"], row["place"], row["row"]) == (2, 14, "T1-00000033")
    assert row["why"] == "no transaction: Object missing required field `amount`"
    remote.tell(count=50)
    reset = await api.client.post(f"/v1/tasks/{task['id']}/reset", {"why": "mended"}, key="r")
    assert reset["id"] == task["id"]
    done = await api.over(task["id"])
    assert (done["task"]["state"], done["task"]["stored"], done["task"]["skipped"]) == ("done", 1, 49)
    assert [run["stored"] for run in done["runs"]] == [49, 1]
    assert await pulling.shares() == expected_shares(remote.tell(count=plan.count))


async def test_a_source_is_configured_by_address_and_credentials(api: Door, remote: Remote) -> None:
    body = {
        "code": "second",
        "address": remote.address,
        "keyid": "tillgate-test",
        "secret": "a secret for tests only",
        "authorities": remote.authority,
        "page_most": 100,
    }
    made = await api.client.post("/v1/sources", body, key="s")
    assert "secret" not in made
    assert (await api.client.post("/v1/sources", body, key="s"))["id"] == made["id"]
    remote.tell(count=250, page_most=100)
    done = await api.over((await api.start("a", params={"source": "second"}))["id"])
    assert (done["task"]["state"], done["task"]["rows_read"]) == ("done", 250)
    await api.client.post(f"/v1/sources/{made['id']}/move", {"to": "closed"}, key="c")
    with pytest.raises(ApiRefusedError, match="no active source 'second'"):
        await api.start("b", params={"source": "second"})
    shown = (await api.client.get("/v1/sources"))["sources"]
    assert {one["code"]: one["state"] for one in shown} == {"remote": "active", "second": "closed"}


async def test_a_scheduled_task_appears_at_its_time(api: Door, remote: Remote, clock: SystemClock) -> None:
    remote.tell(count=10)
    once_at = clock.now() + timedelta(seconds=2)
    body = {"kind": "transactions.pull", "name": "once", "params": {"source": "remote"}, "once_at": once_at.isoformat()}
    schedule = await api.client.post("/v1/task-schedules", body, key="s")
    assert (schedule["state"], (await api.client.get("/v1/tasks"))["tasks"]) == ("active", [])
    tasks: list[dict[str, Any]] = []

    async def appeared() -> bool:
        tasks[:] = (await api.client.get("/v1/tasks"))["tasks"]
        return bool(tasks)

    await until("the scheduled task", appeared)
    assert (tasks[0]["schedule"], tasks[0]["created_by"]) == (schedule["id"], "schedule:once")
    assert once_at <= clock.now()
    daily = {**body, "name": "daily", "cron": "02:30", "zone": "Europe/Berlin"}
    del daily["once_at"]
    kept = await api.client.post("/v1/task-schedules", daily, key="d")
    moved = await api.client.post(f"/v1/task-schedules/{kept['id']}/time", {"cron": "03:45"}, key="t")
    assert (moved["cron"], moved["zone"]) == ("03:45", "Asia/Shanghai")
    paused = await api.client.post(f"/v1/task-schedules/{kept['id']}/move", {"to": "pause"}, key="p")
    assert (paused["state"], "next_at" in paused) == ("paused", False)


async def test_only_operators_ask_and_one_task_is_open_for_a_source(api: Door, remote: Remote) -> None:
    with pytest.raises(ApiRefusedError, match="not_permitted"):
        await api.stranger.get("/v1/tasks")
    later = (SystemClock().now() + timedelta(hours=1)).isoformat()
    waiting = await api.start("a", at=later)
    assert waiting["state"] == "waiting"
    with pytest.raises(ApiRefusedError, match="409 in_progress"):
        await api.start("b")
    cancelled = await api.client.post(f"/v1/tasks/{waiting['id']}/cancel", {}, key="c")
    again = await api.client.post(f"/v1/tasks/{waiting['id']}/cancel", {}, key="c")
    assert cancelled["state"] == again["state"] == "cancelled"
    with pytest.raises(ApiRefusedError, match="409 wrong_state"):
        await api.client.post(f"/v1/tasks/{waiting['id']}/cancel", {}, key="d")


async def test_rows_and_tasks_in_flight_and_counts_by_state(metrics: Door, remote: Remote) -> None:
    kind = "transactions.pull"
    body = {
        "address": remote.address,
        "keyid": "tillgate-test",
        "secret": "a secret for tests only",
        "authorities": remote.authority,
    }
    await metrics.client.post("/v1/sources", {"code": "second", **body}, key="s")
    remote.tell(count=20_000, page_most=5000)
    tasks = [
        await metrics.start(source, params={"source": source}, chunk_size=2000, concurrency=16)
        for source in ("remote", "second")
    ]
    most = {"tillgate_tasks_in_flight": 0.0, "tillgate_task_rows_in_flight": 0.0}

    async def seen() -> bool:
        for name, before in most.items():
            most[name] = max(before, await metrics.sample(name, kind=kind))
        return min(most.values()) > 1

    await until("rows and tasks in flight above 1", seen, but=most)
    async with asyncio.timeout(2):
        assert (await metrics.client.get("/v1/task-counts"))["counts"], "the door answers while rows are worked on"
    for task in tasks:
        assert (await metrics.over(task["id"]))["task"]["state"] == "done"
    assert await metrics.sample("tillgate_task_rows_total", kind=kind) == 40_000
    assert await metrics.sample("tillgate_rule_reads_total", room="agents") == 2, "one read for each rule"
    assert await metrics.sample("tillgate_rule_cache_total", room="agents", outcome="hit") == 40_000 - 2

    async def counted() -> bool:
        return await metrics.sample("tillgate_tasks", kind=kind, state="done") == 2

    await until("the count by state", counted)
