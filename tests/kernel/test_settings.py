from __future__ import annotations

from pathlib import Path

import pytest

from gateway.kernel.settings import (
    Listener,
    Secret,
    Settings,
    SettingsError,
    default_settings,
    load_settings,
)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return path


def test_the_packed_defaults_say_what_the_code_says() -> None:
    assert load_settings() == Settings()


def test_every_setting_stands_in_the_defaults_with_its_name() -> None:
    text = default_settings().read_text()
    for section in Settings.__struct_fields__:
        assert f"\n[{section}]\n" in text
        for key in type(getattr(Settings(), section)).__struct_fields__:
            assert f"\n{key} = " in text or f"[[{section}.{key}]]" in text


def test_later_sources_win(tmp_path: Path) -> None:
    mine = written(tmp_path, '[http]\nport = 8080\nhost = "0.0.0.0"\n')
    settings = load_settings([mine], {"TILLGATE_HTTP__PORT": "9090", "HOME": "/x", "TILLGATE_CONFIG": "mine.toml"})
    assert (settings.http.host, settings.http.port) == ("0.0.0.0", 9090)  # noqa: S104 - a value, nothing listens
    assert settings.http.burst == Settings().http.burst


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("1", True), ("false", False)],
)
def test_the_environment_speaks_in_text(text: str, value: bool) -> None:  # noqa: FBT001 - a table
    assert load_settings(environment={"TILLGATE_KEYS__SANDBOX": text}).keys.sandbox is value


def test_lists_in_the_environment_are_json() -> None:
    listeners = '[{"dialect": "cups", "port": 5001}, {"dialect": "iso87-ascii", "port": 5002}]'
    settings = load_settings(environment={"TILLGATE_TERMINALS__LISTENERS": listeners})
    assert settings.terminals.listeners == (
        Listener(dialect="cups", port=5001),
        Listener(dialect="iso87-ascii", port=5002),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[http]\nprot = 1\n", r"unknown setting http\.prot in .*mine\.toml: did you mean http\.port\?"),
        ("[htpp]\nport = 1\n", r"unknown setting htpp in .*: did you mean http\?"),
        (
            "[[terminals.listeners]]\ndialekt = 'cups'\n",
            r"unknown setting terminals\.listeners\.dialekt in .*dialect\?",
        ),
        ("[database]\npassword = {enf = 'X'}\n", r"unknown setting database\.password\.enf"),
        ("[http]\nport = 'many'\n", r"http\.port is wrong: Expected `int`.*TILLGATE_HTTP__PORT"),
        ("[log]\nlevel = 'loud'\n", r"log\.level is wrong: Invalid enum value 'loud'"),
        ("http = 5\n", r"http is wrong: Expected `object`"),
        ("database = 'x'\n", r"database is wrong"),
        ("[http]\nport = 70000\n", r"http\.port is wrong: Expected `int` <= 65535"),
        ("[journal]\nbatch_most = 0\n", r"journal\.batch_most is wrong"),
        ("[http\n", r"mine\.toml is not TOML"),
        ("[database]\ndsn = 'postgresql://u:hunter2@h/db'\n", r"database\.dsn in .* has a password"),
        ("[sandbox]\nfault_socket = '/x'\n", r"for the sandbox only"),
    ],
)
def test_a_wrong_file_is_refused_with_its_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as raised:
        load_settings([written(tmp_path, text)])
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("TILLGATE_HTTP__PROT", r"http\.prot in the environment \(TILLGATE_HTTP__PROT\): did you mean http\.port"),
        ("TILLGATE_TERMINALS__LISTENERS__0__PORT", r"unknown setting terminals\.listeners\.0"),
        ("TILLGATE_HTTP", r"TILLGATE_HTTP is not read.*TILLGATE_HTTP__KEY"),
        ("TILLGATE_HTTP_PORT", r"TILLGATE_HTTP_PORT is not read: two underscores.*TILLGATE_HTTP__PORT"),
    ],
)
def test_a_wrong_name_in_the_environment_is_refused(name: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_settings(environment={name: "1"})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml cannot be read"):
        load_settings([tmp_path / "none.toml"])


def test_the_whole_address_may_come_from_the_environment() -> None:
    dsn = "postgresql://u:p@h1,h2/db?target_session_attrs=read-write"
    assert load_settings(environment={"TILLGATE_DATABASE__DSN": dsn}).database.dsn == dsn


def test_secrets_come_from_a_variable_or_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("s3cret\n")
    path.chmod(0o600)
    assert Secret(env="DB_PASSWORD").read({"DB_PASSWORD": "s3cret"}) == "s3cret"
    assert Secret(file=str(path)).read({}) == "s3cret"
    assert Secret().read({}) is None


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("s3cret")
    path.chmod(0o640)
    with pytest.raises(SettingsError, match="others may read it: chmod 600"):
        Secret(file=str(path)).read({})
    with pytest.raises(SettingsError, match="is not set"):
        Secret(env="NOWHERE").read({})
