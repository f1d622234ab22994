"""The named packages and the rooms they belong to."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.tidy.imports import packages
from tests.tidy.source import Finding, Function, Source, at

_DOORS = ("gateway/terminals", "gateway/api", "gateway/cashier", "gateway/console")
_TOP = ("gateway/bench", "gateway/app.py", "gateway/app", "gateway/cli.py", "gateway/cli")


@dataclass(frozen=True, slots=True)
class Home:
    """Where a package may be imported; `used_in` must import it somewhere; `file` names files that may, anywhere."""

    places: tuple[str, ...]
    used_in: tuple[str, ...]
    file: str = ""

    def welcomes(self, source: Source) -> bool:
        """Whether a file may import the package."""
        return source.within(*self.places) or (bool(self.file) and source.path.name == self.file)


HOMES = {
    "aiohttp": Home(
        places=("connectors", "gateway/web", *_DOORS, "gateway/sandbox", *_TOP),
        used_in=("connectors", "gateway/web", "gateway/api", "gateway/sandbox"),
    ),
    "asyncpg": Home(
        places=("gateway/journal", "gateway/kernel/postgres", "connectors/sql.py", "connectors/sql"),
        used_in=("gateway/kernel/postgres",),
        file="store.py",
    ),
    "cryptography": Home(
        places=(
            *("gateway/keys", "gateway/access", "gateway/web", *_DOORS, "gateway/sandbox", *_TOP),
            *("channels", "connectors"),
        ),
        used_in=("gateway/keys", "gateway/sandbox"),
    ),
    "lxml": Home(places=("channels", "gateway/sandbox"), used_in=("channels", "gateway/sandbox")),
    "paramiko": Home(places=("connectors", "gateway/sandbox"), used_in=("connectors", "gateway/sandbox")),
    "prometheus_client": Home(places=("gateway/kernel", "gateway/web", *_TOP), used_in=("gateway/kernel",)),
    "tenacity": Home(places=("connectors",), used_in=("connectors",)),
}
TEST_FIXTURE_OF_PYTEST_AIOHTTP = "aiohttp_client"


def homes(source: Source) -> Iterator[Finding]:
    """Find a named package imported outside its home."""
    for name, node in packages(source):
        if name in HOMES and not HOMES[name].welcomes(source):
            yield at(source, node, f"{name} does not belong here, but in {', '.join(HOMES[name].places)}")


def unused(sources: Iterable[Source]) -> Iterator[str]:
    """Name each package that is not put to use where it should be."""
    used = [(source, {name for name, _ in packages(source)}) for source in sources]
    for name, home in HOMES.items():
        for place in home.used_in:
            if not any(name in names and source.within(place) for source, names in used):
                yield f"{name} is not imported in {place}"


def takes(source: Source, fixture: str) -> bool:
    """Whether a function of a test file asks for a fixture by name."""
    holders = (node for node in ast.walk(source.tree) if isinstance(node, Function))
    return any(fixture in {arg.arg for arg in ast.walk(holder.args) if isinstance(arg, ast.arg)} for holder in holders)
