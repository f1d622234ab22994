"""Settings: TOML files and the environment in, one frozen record out; data only, composed of sections.

Later sources win: the packed defaults, the files that are named, the environment (`TILLGATE_SECTION__KEY`). A key that
is not known is refused with the key, its source and the nearest known name. Secrets are never in a file of settings: a
`Secret` names an environment variable or a file that only its owner can read.
"""

from __future__ import annotations

import difflib
import stat
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints
from urllib.parse import urlsplit

import msgspec

from gateway.kernel.data import data_path

PREFIX = "TILLGATE_"
_JSON = ("[", "{")

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Count = Annotated[int, msgspec.Meta(ge=0)]


class SettingsError(Exception):
    """A setting is unknown or wrong; the text names the key, where it stands and what to do, never a secret."""


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every section is: frozen, named fields, nothing unknown."""


class Secret(Section, frozen=True, kw_only=True):
    """Where a secret is: the name of an environment variable, or a file with mode 0600. Neither means none."""

    env: str = ""
    file: str = ""

    def read(self, environment: Mapping[str, str]) -> str | None:
        """Return the secret, or None where none is named.

        Raises SettingsError where the variable is not set, or where others may read the file.
        """
        if self.env:
            if self.env not in environment:
                raise SettingsError(f"the environment variable {self.env} is named for a secret but is not set")
            return environment[self.env]
        return _read_private(Path(self.file)) if self.file else None


class Database(Section, frozen=True, kw_only=True):
    """Where the books are. A sandbox without a `dsn` runs an embedded server, of the programs in `binaries`.

    `roles`: connections take a database role on for as long as they last, or act as their login (behind a pooler that
    hands them round); doors take theirs on by the transaction either way. `owner` is whom tables are changed as.
    """

    dsn: str = ""
    password: Secret = Secret()
    binaries: str = ""
    pool_smallest: Count = 2
    pool_largest: Positive = 16
    connect_within_s: float = 10.0
    statement_cache_size: Count = 100
    roles: Literal["session", "login"] = "session"
    owner: str = ""


class Book(Section, frozen=True, kw_only=True):
    """The book that this process writes; its days are days in China."""

    name: str = "main"


class Journal(Section, frozen=True, kw_only=True):
    """The one door: how much waits, how much goes together, and when a commit's fate is looked up."""

    queue_most: Positive = 4096
    reserved_for_facts: Count = 1024
    batch_most: Positive = 256
    batch_largest: Positive = 2000
    commit_limit_ms: Positive = 10_000
    in_doubt_patience_ms: Positive = 30_000


class Ledger(Section, frozen=True, kw_only=True):
    """The books as they grow: when a month closes, how long it is kept at hand, and what a party may owe unnoticed."""

    close_after_days: Positive = 7
    keep_months: Count = 60
    advance_most_minor: Count = 0


class Tasks(Section, frozen=True, kw_only=True):
    """Timers: how often is looked, how many are taken at once, and how long one may take before it is taken again.

    `source_networks` are networks (CIDR) that remote sources may lie in although their addresses are not public.
    """

    poll_ms: Positive = 200
    take_most: Positive = 64
    lease_s: Positive = 60
    back_off_least_ms: Positive = 500
    back_off_most_ms: Positive = 300_000
    source_networks: tuple[str, ...] = ()


class Log(Section, frozen=True, kw_only=True):
    """`format`: json, text, or auto (text on a terminal)."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "text"] = "auto"


class Metrics(Section, frozen=True, kw_only=True):
    """Where `/metrics` is served beside the API; an empty host serves it on the API's own port only."""

    host: str = ""
    port: Port = 0


class Http(Section, frozen=True, kw_only=True):
    """The HTTP doors. `public_address` is what clients sign (`@target-uri`); port 0 takes a free one.

    `proxies` are networks (CIDR) of our own reverse proxies, whose `X-Forwarded-For` is believed.
    """

    public_address: str = ""
    host: str = "127.0.0.1"
    port: Port = 0
    tls_certificate: str = ""
    tls_key: str = ""
    body_most: Positive = 4 * 1024 * 1024
    signature_window_s: Positive = 300
    requests_per_s: float = 50.0
    burst: Positive = 100
    proxies: tuple[str, ...] = ()


class Listener(Section, frozen=True, kw_only=True):
    """One port for terminals. Port 0 takes a free one; an empty `allow` lets every address in."""

    dialect: str = "cups"
    host: str = "127.0.0.1"
    port: Port = 0
    tls_certificate: str = ""
    tls_key: str = ""
    client_authorities: str = ""
    max_frame: Positive = 4096
    idle_s: Positive = 600
    max_connections: Positive = 1000
    allow: tuple[str, ...] = ()


class Terminals(Section, frozen=True, kw_only=True):
    """The terminal door (`docs/terminal-protocol.md` sections 1, 3 and 4).

    `dialects` names definitions (TOML files) of dialects beside those of the house.
    """

    listeners: tuple[Listener, ...] = (Listener(),)
    dialects: tuple[str, ...] = ()
    answer_within_ms: Positive = 40_000
    in_flight_most: Positive = 1000
    wrong_macs_block: Positive = 20
    blocked_for_s: Positive = 900
    drain_s: Positive = 45


class Clearing(Section, frozen=True, kw_only=True):
    """Banks: patience with one request, when a silent one is asked, and how lanes back off."""

    bank_within_ms: Positive = 10_000
    connect_within_ms: Positive = 3_000
    query_after_ms: tuple[Positive, ...] = (2_000, 4_000, 8_000)
    ask_again_s: Positive = 60
    lane_back_off_least_ms: Positive = 1_000
    lane_back_off_most_ms: Positive = 600_000
    lane_expires_s: Positive = 7 * 86_400
    circuit_failures: Positive = 5
    circuit_open_s: Positive = 15
    recover_after_ms: Positive = 5_000
    hold_days: Positive = 30
    completion_most_percent: Positive = 115


class Files(Section, frozen=True, kw_only=True):
    """Files to and from banks: sizes, and when a bank's folder is looked at again after it told nothing."""

    piece_bytes: Positive = 256 * 1024
    look_again_s: Positive = 30
    file_most_bytes: Positive = 1024 * 1024 * 1024


class Keys(Section, frozen=True, kw_only=True):
    """The key store: in software, or in a module by PKCS#11 (`docs/keys.md`).

    Software: `directory` of the master keys, or the master keys from a secret. Module: `library`, the `token`'s label
    and its `pin`, most `sessions`, and the time a call may take. `pin_work`: the words that let PIN blocks be opened in
    this process.
    """

    store: Literal["software", "module"] = "software"
    directory: str = "data/keys"
    master: Secret = Secret()
    sandbox: bool = False
    pin_work: str = ""
    library: str = ""
    token: str = "tillgate"  # noqa: S105 - the label of a token, not a secret
    pin: Secret = Secret()
    sessions: Positive = 4
    within_ms: Positive = 2_000


class Access(Section, frozen=True, kw_only=True):
    """Users: passwords, wrong tries, how long a session lasts, and whether everybody needs an authenticator."""

    password_least: Positive = 10
    password_past: Count = 5
    one_time_password_s: Positive = 7 * 86_400
    tries: Positive = 5
    locked_s: Positive = 900
    source_tries: Positive = 50
    source_window_s: Positive = 900
    session_idle_s: Positive = 1_800
    session_life_s: Positive = 43_200
    authenticator_needed: bool = False


class Sandbox(Section, frozen=True, kw_only=True):
    """What only a sandbox has: its folder, and the socket that is told each fault point."""

    enabled: bool = False
    directory: str = "data/sandbox"
    fault_socket: str = ""


class Settings(Section, frozen=True, kw_only=True):
    """Everything, by section."""

    database: Database = Database()
    book: Book = Book()
    journal: Journal = Journal()
    ledger: Ledger = Ledger()
    tasks: Tasks = Tasks()
    log: Log = Log()
    metrics: Metrics = Metrics()
    http: Http = Http()
    terminals: Terminals = Terminals()
    clearing: Clearing = Clearing()
    files: Files = Files()
    keys: Keys = Keys()
    access: Access = Access()
    sandbox: Sandbox = Sandbox()


def load_settings(files: Sequence[Path] = (), environment: Mapping[str, str] | None = None) -> Settings:
    """Read the packed defaults, then `files` in their order, then `environment`.

    Raises SettingsError.
    """
    merged: dict[str, Any] = {}
    for path in [default_settings(), *files]:
        _merge(merged, _read_file(path))
    _merge(merged, _read_environment(environment or {}))
    settings = _convert(merged)
    _refuse_fault_socket(settings)
    return settings


def default_settings() -> Path:
    """Path of `default.toml`: the installed package's data, else the checkout's."""
    return data_path("config/default.toml")


def _read_file(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML: {error}") from error
    _refuse_unknown(content, Settings, source=str(path), place="")
    _refuse_password(content, path)
    return content


def _read_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, text in sorted(environment.items()):
        if not name.startswith(PREFIX):
            continue
        if "__" not in name:
            _refuse_single_underscore(name)
            continue
        *tables, key = name.removeprefix(PREFIX).lower().split("__")
        value: dict[str, Any] = {key: _value(name, text)}
        for table in reversed(tables):
            value = {table: value}
        _refuse_unknown(value, Settings, source=f"the environment ({name})", place="")
        _merge(found, value)
    return found


def _value(name: str, text: str) -> Any:
    if not text.startswith(_JSON):
        return text
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise SettingsError(f"{name} begins like JSON but is not: {error}") from error


def _refuse_single_underscore(name: str) -> None:
    """A name without `__` is no setting of ours, unless it is one with an underscore lost, or a whole section."""
    for known in _names(Settings, ""):
        if name == PREFIX + known.replace(".", "_").upper():
            example = _variable(known if "." in known else f"{known}.KEY")
            raise SettingsError(f"{name} is not read: two underscores part section and key, {example}")


def _refuse_unknown(content: Mapping[str, Any], kind: type[msgspec.Struct], *, source: str, place: str) -> None:
    types = get_type_hints(kind)
    for key, value in content.items():
        name = f"{place}{key}"
        if key not in types:
            raise SettingsError(f"unknown setting {name} in {source}{_nearest(name)}")
        for inner, part in _parts(types[key], value):
            _refuse_unknown(part, inner, source=source, place=f"{name}.")


def _parts(kind: Any, value: object) -> Iterator[tuple[type[msgspec.Struct], Mapping[str, Any]]]:
    """The tables inside a value, each with the section it must be."""
    inner = next(
        (part for part in (kind, *get_args(kind)) if isinstance(part, type) and issubclass(part, Section)), None
    )
    if inner is not None:
        yield from ((inner, part) for part in (value if isinstance(value, list) else [value]) if isinstance(part, dict))


def _nearest(name: str) -> str:
    known = list(_names(Settings, ""))
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    last = name.rpartition(".")[2]
    near = near or [one for one in known if one.rpartition(".")[2] == last]
    return f": did you mean {near[0]}?" if near else ""


def _names(kind: type[msgspec.Struct], place: str) -> Iterator[str]:
    for key, inner in get_type_hints(kind).items():
        sections = [part for part in (inner, *get_args(inner)) if isinstance(part, type) and issubclass(part, Section)]
        yield f"{place}{key}"
        for section in sections:
            yield from _names(section, f"{place}{key}.")


def _variable(name: str) -> str:
    return PREFIX + name.replace(".", "__").upper()


def _merge(into: dict[str, Any], content: Mapping[str, Any]) -> None:
    for key, value in content.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, dict) else value


def _convert(merged: Mapping[str, Any]) -> Settings:
    try:
        return msgspec.convert(merged, Settings, strict=False)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        name = where.rstrip("`")
        raise SettingsError(f"the setting {name} is wrong: {what} (environment: {_variable(name)})") from error


def _refuse_password(content: Mapping[str, Any], path: Path) -> None:
    database = content.get("database")
    dsn = database.get("dsn") if isinstance(database, dict) else None
    if isinstance(dsn, str) and (urlsplit(dsn).password or "password=" in dsn):
        raise SettingsError(
            f"database.dsn in {path} has a password: name it by database.password.env or .file,"
            f" or give the whole address in {_variable('database.dsn')}",
        )


def _refuse_fault_socket(settings: Settings) -> None:
    if settings.sandbox.fault_socket and not settings.sandbox.enabled:
        raise SettingsError("sandbox.fault_socket is for the sandbox only: set sandbox.enabled, or leave it out")


def _read_private(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        if stat.S_IMODE(mode) & 0o077:
            raise SettingsError(f"{path} holds a secret but others may read it: chmod 600 {path}")
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{path} is named for a secret but cannot be read: {error.strerror}") from error
