"""One process and its roles: what it opens, what it refuses, how it ends."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import asyncpg
import pytest

from gateway.app.figures import Figures
from gateway.app.process import BrokenError, Gateway, UnknownRoleError
from gateway.kernel.clock import SystemClock
from gateway.kernel.metrics import build_metrics, expose
from gateway.kernel.postgres.migrate import MigrationError
from gateway.kernel.randomness import SystemRandomness
from gateway.kernel.settings import Settings, SettingsError
from tests.app.conftest import until

EVERYWHERE = "0.0.0.0"  # noqa: S104 - the setting that is refused without a public address


@pytest.mark.parametrize("roles", [(), ("cook",), ("api", "cook")])
def test_unknown_roles_are_refused(roles: tuple[str, ...]) -> None:
    with pytest.raises(UnknownRoleError, match="this release has terminals, api, worker"):
        Gateway(Settings(), roles=roles, clock=SystemClock(), randomness=SystemRandomness())


async def test_a_process_has_the_doors_of_its_roles(serving, http) -> None:
    async with serving("terminals") as (_, alone):
        assert (len(alone.listeners), alone.api, alone.metrics) == (1, "", "")
    async with serving("api,worker") as (_, addresses):
        assert addresses.listeners == ()
        assert addresses.api.startswith("http://127.0.0.1:")
        async with http.get(f"{addresses.api}/health/ready") as answer:
            assert (answer.status, await answer.json()) == (200, {"ready": True, "not_ready": {}})
        async with http.get(addresses.metrics) as answer:
            text = await answer.text()
        assert 'tillgate_up{role="api"} 1.0' in text
        assert 'tillgate_up{role="worker"} 1.0' in text
        assert 'role="terminals"' not in text


async def test_a_worker_can_be_watched_on_an_address_of_its_own(serving, http) -> None:
    async with serving("worker", TILLGATE_METRICS__HOST="127.0.0.1") as (_, addresses):
        assert (addresses.api, addresses.metrics.endswith("/metrics")) == ("", True)
        origin = addresses.metrics.removesuffix("/metrics")
        async with http.get(addresses.metrics) as answer:
            assert 'tillgate_up{role="worker"} 1.0' in await answer.text()
        for path in ("live", "ready"):
            async with http.get(f"{origin}/health/{path}") as answer:
                assert answer.status == 200
    with pytest.raises(OSError, match=r"Connect call failed|refused"):
        await asyncio.open_connection("127.0.0.1", int(origin.rpartition(":")[2]))


async def test_not_ready_while_the_books_are_away(serving, http, dsn: str, postgres) -> None:
    name = dsn.partition("?")[0].rpartition("/")[2]
    admin = await asyncpg.connect(postgres.dsn())
    try:
        async with serving("api,worker") as (_, addresses):

            async def ready() -> bool:
                async with http.get(f"{addresses.api}/health/ready") as answer:
                    told = await answer.json()
                assert (answer.status == 503) == bool(told["not_ready"])
                return "books" not in told["not_ready"]

            async def away() -> bool:
                return not await ready()

            await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
            await until("the books to be away", away)
            async with http.get(f"{addresses.api}/health/live") as answer:
                assert answer.status == 200
            await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            await until("the books to be back", ready)
    finally:
        await admin.close()


async def test_a_schema_of_another_release_is_refused(serving, pool) -> None:
    await pool.execute("DELETE FROM schema_migration WHERE version = '0001'")
    with pytest.raises(MigrationError, match="run `tillgate migrate`"):
        async with serving("worker"):
            pass
    await pool.execute("INSERT INTO schema_migration (version, name, sha256) VALUES ('0001', 'x', 'x')")
    await pool.execute("INSERT INTO schema_migration (version, name, sha256) VALUES ('9999', 'x', 'x')")
    with pytest.raises(MigrationError, match="1 migrations ahead"):
        async with serving("worker"):
            pass


async def test_a_start_that_fails_closes_what_it_opened(serving, pool) -> None:
    taken = socket.create_server(("127.0.0.1", 0))
    port = str(taken.getsockname()[1])
    with taken, pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}"):
        async with serving("worker,api", TILLGATE_HTTP__PORT=port):
            pass
    count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

    async def alone() -> bool:
        return bool(await pool.fetchval(count) == pool.get_size() - 1)

    await until("its connections to be closed", alone)


async def test_what_clients_sign_must_be_known(serving) -> None:
    with pytest.raises(SettingsError, match=r"http.public_address is needed, because http.host is 0\.0\.0\.0"):
        async with serving("api", TILLGATE_HTTP__HOST=EVERYWHERE):
            pass
    named = {"TILLGATE_HTTP__HOST": EVERYWHERE, "TILLGATE_HTTP__PUBLIC_ADDRESS": "https://pay.example/"}
    async with serving("api", **named) as (_, addresses):
        assert addresses.api == "https://pay.example"


async def test_a_certificate_that_is_none_is_refused(serving, tmp_path: Path) -> None:
    (tmp_path / "tls.pem").write_text("no certificate")
    with pytest.raises(SettingsError, match=r"http.tls_certificate and http\.tls_key cannot be used"):
        async with serving("api", TILLGATE_HTTP__TLS_CERTIFICATE=str(tmp_path / "tls.pem")):
            pass


async def test_a_part_that_ends_by_itself_ends_the_process(serving, monkeypatch) -> None:
    async def breaks(_self) -> None:
        raise LookupError("a fault of ours")

    monkeypatch.setattr(Figures, "run", breaks)
    async with serving("worker") as (gateway, _), asyncio.timeout(20):
        with pytest.raises(BrokenError, match="figures ended by itself"):
            await gateway.run()


async def test_figures_that_have_gone_are_shown_no_longer(pool, ids) -> None:
    metrics = build_metrics()
    figures = Figures(pool=pool, metrics=metrics, clock=SystemClock())
    subject = ids.new()
    await pool.execute("INSERT INTO timer (kind, subject, due_at) VALUES ('clearing.query', $1, now())", subject)
    await figures.expose()
    assert b'tillgate_tasks{kind="clearing.query",state="armed"} 1.0' in expose(metrics)
    await pool.execute("DELETE FROM timer")
    await figures.expose()
    assert b"clearing.query" not in expose(metrics)
