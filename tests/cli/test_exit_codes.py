"""Exit codes: 0 done, 1 refused or not holding, 2 wrong usage, 3 cannot reach what it needs; and what to do next."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import asyncpg
import pytest

from gateway.kernel.postgres.migrate import migrations_folder, read_migrations
from tests.cli.conftest import Tillgate

NOBODY = "postgresql://tillgate@127.0.0.1:1/gateway"

WRONG_USAGE = {
    "an unknown verb": (["migrat"], {}, "No such command"),
    "an unknown option": (["demo", "--sede", "7"], {}, "No such option"),
    "a number that is none": (["demo", "--seed", "seven"], {}, "should be a valid integer"),
    "an unknown setting": (["doctor"], {"TILLGATE_HTTP__PROT": "80"}, "did you mean http.port?"),
    "a setting that is wrong": (["doctor"], {"TILLGATE_HTTP__PORT": "eighty"}, "http.port is wrong"),
    "a settings file that is not there": (["doctor", "--config", "gone.toml"], {}, "does not exist"),
    "serving without a database": (["serve"], {}, "database.dsn is not set"),
    "an unknown role": (["serve", "--roles", "api,cook"], {"TILLGATE_DATABASE__DSN": NOBODY}, "unknown roles: cook"),
    "no role": (["serve", "--roles", ","], {"TILLGATE_DATABASE__DSN": NOBODY}, "unknown roles: none"),
    "migrating nothing": (["migrate"], {}, "give --dsn or --config, or start a sandbox"),
    "verifying nothing": (["verify"], {}, "give --dsn or --config, or start a sandbox"),
    "a terminal without a sandbox": (["terminal", "sign-in"], {}, "start a sandbox with `tillgate up`"),
    "a template that is not there": (["template", "test", "gone.json", "gone.txt"], {}, "does not exist"),
    "a secret that is not there": (
        ["verify", "--dsn", NOBODY],
        {"TILLGATE_DATABASE__PASSWORD__ENV": "NO_SUCH_SECRET"},
        "NO_SUCH_SECRET",
    ),
}


@pytest.mark.parametrize(("words", "settings", "said"), WRONG_USAGE.values(), ids=WRONG_USAGE.keys())
def test_wrong_usage(tillgate: Tillgate, words: list[str], settings: dict[str, str], said: str) -> None:
    ended = tillgate(*words, **settings)
    assert ended.code == 2
    assert said in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("verb", ["migrate", "verify"])
def test_a_database_that_is_away(tillgate: Tillgate, verb: str) -> None:
    ended = tillgate(verb, "--dsn", NOBODY)
    assert ended.code == 3
    assert "tillgate doctor" in ended.err
    assert "Traceback" not in ended.err


def test_serving_with_a_database_that_is_away(tillgate: Tillgate) -> None:
    ended = tillgate("serve", TILLGATE_DATABASE__DSN=NOBODY)
    assert ended.code == 3
    assert "tillgate doctor" in ended.err


def test_a_doctor_without_a_database_has_a_note(tillgate: Tillgate) -> None:
    ended = tillgate("doctor", "--json")
    assert ended.code == 0
    assert {"note": "no database is known"}.items() <= {
        one["state"]: one["what"] for one in ended.json["findings"] if "database is known" in one["what"]
    }.items()


def test_a_doctor_finds_a_database_that_is_away(tillgate: Tillgate) -> None:
    ended = tillgate("doctor", "--dsn", NOBODY)
    assert ended.code == 1
    assert "the database at 127.0.0.1 cannot be reached" in ended.out


def test_a_database_that_is_behind(tillgate: Tillgate, dsn: str) -> None:
    _run(dsn, "DELETE FROM schema_migration WHERE version = '0012'")
    ended = tillgate("doctor", "--dsn", dsn, "--json")
    assert ended.code == 1
    assert {"state": "bad", "what": "1 migrations are not applied", "mend": "run `tillgate migrate`"} in (
        ended.json["findings"]
    )
    refused = tillgate("serve", "--roles", "worker", TILLGATE_DATABASE__DSN=dsn)
    assert (refused.code, "run `tillgate migrate`" in refused.err) == (1, True)


def test_a_database_that_is_up_to_date(tillgate: Tillgate, dsn: str) -> None:
    ended = tillgate("migrate", "--dsn", dsn)
    assert (ended.code, ended.out) == (0, "the database is up to date\n")
    assert tillgate("migrate", "--dsn", dsn, "--json").json == {"applied": []}
    healthy = tillgate("doctor", "--dsn", dsn)
    assert (healthy.code, "the database is up to date" in healthy.out) == (0, True)


def test_a_new_database_is_migrated(tillgate: Tillgate, postgres) -> None:
    name = "empty_for_migrate"
    _run(postgres.dsn(), f"CREATE DATABASE {name}")
    try:
        applied = tillgate("migrate", "--dsn", postgres.dsn(name), "--json").json["applied"]
        assert applied[0] == "0001_create_parties.sql"
        assert applied == sorted(applied)
        assert [name[:4] for name in applied] == [one.version for one in read_migrations(migrations_folder())]
        assert tillgate("migrate", "--dsn", postgres.dsn(name), "--json").json == {"applied": []}
    finally:
        _run(postgres.dsn(), f"DROP DATABASE {name} WITH (FORCE)")


def test_a_changed_migration_is_refused(tillgate: Tillgate, dsn: str) -> None:
    _run(dsn, "UPDATE schema_migration SET sha256 = 'otherwise' WHERE version = '0001'")
    ended = tillgate("migrate", "--dsn", dsn)
    assert (ended.code, "was changed after it was applied" in ended.err) == (1, True)


def test_the_password_may_be_a_secret(tillgate: Tillgate, dsn: str) -> None:
    before, _, rest = dsn.partition("://")
    user, _, address = rest.partition("@")
    name, _, password = user.partition(":")
    without = f"{before}://{name}@{address}"
    settings = {"TILLGATE_DATABASE__DSN": without, "TILLGATE_DATABASE__PASSWORD__ENV": "BOOKS"}
    for verb in ("migrate", "verify", "doctor"):
        assert tillgate(verb, **settings, BOOKS=password).code == 0
    assert tillgate("verify", **settings, BOOKS="another").code == 3


def test_a_template_is_tried_on_a_sample(tillgate: Tillgate, tmp_path: Path) -> None:
    template = {
        "name": "pay",
        "form": "fixed",
        "measure": "bytes",
        "encoding": "gb18030",
        "newline": "\r\n",
        "detail": {
            "fields": [
                {"name": "name", "kind": "text", "length": 8},
                {"name": "amount", "kind": "amount", "length": 6},
            ]
        },
    }
    (tmp_path / "pay.json").write_text(json.dumps(template))
    (tmp_path / "good.txt").write_bytes("南山茶庄001234\r\n".encode("gb18030"))
    (tmp_path / "cut.txt").write_bytes("南山茶庄0012".encode("gb18030"))
    good = tillgate("template", "test", "pay.json", "good.txt", "--json")
    assert (good.code, good.json) == (
        0,
        [{"line": 1, "record": "detail", "values": {"name": "南山茶庄", "amount": 1234}}],
    )
    assert "南山茶庄" in tillgate("template", "test", "pay.json", "good.txt").out
    cut = tillgate("template", "test", "pay.json", "cut.txt")
    assert (cut.code, "line" in cut.err, "Traceback" in cut.err) == (1, True, False)
    (tmp_path / "pay.json").write_text('{"name": "pay"}')
    assert tillgate("template", "test", "pay.json", "good.txt").code == 1


def _run(dsn: str, statement: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())
