"""The doctor's findings: what is wrong, and what to do about it."""

from __future__ import annotations

import shutil
import sys
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.app import doctor
from gateway.app.doctor import Finding, examine
from gateway.kernel.clock import SystemClock
from gateway.kernel.settings import Settings, load_settings


class _Disk(NamedTuple):
    total: int
    used: int
    free: int


def settings(tmp_path: Path, **more: str) -> Settings:
    return load_settings((), {"TILLGATE_KEYS__DIRECTORY": str(tmp_path / "keys")} | more)


class Ahead(SystemClock):
    """A clock that is five seconds ahead."""

    def now(self):
        return super().now() + timedelta(seconds=5)


def bad(findings: list[Finding]) -> list[str]:
    assert all(one.mend for one in findings if one.state != "good"), "whatever is not good says how to mend it"
    return [one.what for one in findings if one.state == "bad"]


async def test_a_healthy_installation(tmp_path: Path, dsn: str) -> None:
    found = await examine(settings(tmp_path), dsn, clock=SystemClock())
    assert bad(found) == []
    said = " / ".join(one.what for one in found)
    assert "the database is up to date" in said
    assert "the clocks agree" in said
    assert "PostgreSQL 18 can be run here" in said


async def test_a_clock_that_is_off(tmp_path: Path, dsn: str) -> None:
    (what,) = bad(await examine(settings(tmp_path), dsn, clock=Ahead()))
    assert "+5.0 s off the database's" in what


async def test_a_full_disk(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Disk(1 << 40, 1 << 40, 5 << 20))
    (what,) = bad(await examine(settings(tmp_path), "", clock=SystemClock()))
    assert what.startswith("5 MiB are free")


async def test_an_old_server_and_an_old_python(tmp_path: Path, monkeypatch) -> None:
    assert doctor._version(140_011).state == "bad"
    assert doctor._version(150_004) == Finding("good", "PostgreSQL 15.4")
    monkeypatch.setattr(sys, "version_info", (3, 10, 2))
    assert bad(await examine(settings(tmp_path), "", clock=SystemClock())) == ["Python 3.10.2 is too old"]


async def test_master_keys_that_others_may_read(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir(mode=0o755)
    (tmp_path / "keys" / "master-0001.key").write_text("00" * 32)
    (what,) = bad(await examine(settings(tmp_path), "", clock=SystemClock()))
    assert what.startswith("the key store cannot be opened")


async def test_a_folder_without_master_keys_is_left_without(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir(mode=0o700)
    found = await examine(settings(tmp_path), "", clock=SystemClock())
    assert list((tmp_path / "keys").iterdir()) == [], "a doctor makes no keys"
    assert any("master key" in one.what for one in found if one.state != "good")


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"TILLGATE_HTTP__HOST": "::"}, "http.public_address is not set"),
        ({"TILLGATE_HTTP__TLS_CERTIFICATE": "gone.pem"}, "cannot be used"),
        ({"TILLGATE_DATABASE__BINARIES": "/nowhere"}, "no PostgreSQL programs"),
    ],
)
async def test_settings_that_cannot_work(tmp_path: Path, more: dict[str, str], what: str) -> None:
    (found,) = bad(await examine(settings(tmp_path, **more), "", clock=SystemClock()))
    assert what in found


async def test_a_superuser_s_login_is_noted_outside_of_a_sandbox(tmp_path: Path, dsn: str) -> None:
    found = await examine(settings(tmp_path), dsn, clock=SystemClock())
    (note,) = [one for one in found if "is a superuser" in one.what]
    assert (note.state, note.mend) == ("note", "make a login with least rights: docs/access.md")


async def test_a_sandbox_s_own_server_may_have_its_superuser(
    tmp_path: Path, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "running_dsn", lambda _: dsn)
    found = await examine(settings(tmp_path), dsn, clock=SystemClock())
    assert [one.what for one in found if "role" in one.what] == ["the database roles have what they need, and no more"]


@pytest.mark.parametrize(
    ("done", "says"),
    [
        (
            "GRANT DELETE ON ledger_entry TO tillgate_journal",
            "may more than they should: tillgate_journal on public.led",
        ),
        (
            "GRANT SELECT (hash) ON user_password TO tillgate_door",
            "may more than they should: tillgate_door on public.u",
        ),
        ("REVOKE ALL ON payout FROM tillgate_worker", "may less than they must: tillgate_worker on public.payout"),
        ("ALTER TABLE party DISABLE ROW LEVEL SECURITY", "row-level security is off for party"),
    ],
)
async def test_rights_that_were_changed_by_hand(tmp_path: Path, pool, dsn: str, done: str, says: str) -> None:
    await pool.execute(done)
    (what,) = bad(await examine(settings(tmp_path), dsn, clock=SystemClock()))
    assert says in what


async def test_a_login_that_may_not_act_as_its_roles(tmp_path: Path, pool, dsn: str) -> None:
    await pool.execute("CREATE ROLE doctored LOGIN PASSWORD 'p' IN ROLE tillgate_worker")
    try:
        own = f"postgresql://doctored:p@{dsn.rpartition('@')[2]}"
        (one,) = [one for one in await examine(settings(tmp_path), own, clock=SystemClock()) if one.state == "bad"]
    finally:
        await pool.execute("DROP ROLE doctored")
    assert one.what == "the database login doctored may not act as tillgate_journal, tillgate_door"
    assert one.mend == 'GRANT tillgate_journal, tillgate_door TO "doctored"'
