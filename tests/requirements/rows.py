"""The table of requirement rows and surfaces, and what is wrong with it."""

from __future__ import annotations

import ast
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# A test counts for a surface only if it goes through it: by the fixture it takes.
FIXTURES = {
    "Terminal": frozenset({"terminal"}),
    "MIS": frozenset({"api"}),
    "API": frozenset({"api", "cli"}),
    "Console": frozenset({"page"}),
    "File": frozenset({"sftp", "cli"}),
    "Metric": frozenset({"metrics"}),
}
# Rows of each series, as the requirements count them.
SERIES = {"A": 94, "P": 70, "L": 88, "S": 62, "C": 112, "X": 6}

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Pair:
    """One row at one surface."""

    id: str
    surface: str
    part: str
    tests: tuple[str, ...]

    @property
    def name(self) -> str:
        """How messages speak of it."""
        return f"{self.id} at {self.surface}"


@dataclass(frozen=True, slots=True)
class Rows:
    """The whole table."""

    parts: tuple[str, ...]
    finished: tuple[str, ...]
    pairs: tuple[Pair, ...]

    @classmethod
    def read(cls, file: Path) -> Rows:
        """Read the table from its TOML file."""
        data = tomllib.loads(file.read_text("utf-8"))
        pairs = tuple(Pair(**entry | {"tests": tuple(entry["tests"])}) for entry in data["pairs"])
        return cls(tuple(data["parts"]), tuple(data["finished"]), pairs)


def slips(rows: Rows, root: Path) -> Iterator[str]:
    """Say what is wrong with the table: its words, its due tests, and tests that are not there."""
    yield from (f"finished part {part!r} is not a part" for part in rows.finished if part not in rows.parts)
    counts = Counter((pair.id, pair.surface) for pair in rows.pairs)
    yield from (f"{row} at {surface} stands {times} times" for (row, surface), times in counts.items() if times > 1)
    for pair in rows.pairs:
        if pair.part not in rows.parts or pair.surface not in FIXTURES:
            yield f"{pair.name}: no such part or surface"
        elif pair.part in rows.finished and not pair.tests:
            yield f"{pair.name} is due in part {pair.part}, which is finished, and no test shows it"
        else:
            yield from (f"{pair.name}: {why}" for test in pair.tests if (why := refusal(test, pair.surface, root)))


def missing_rows(rows: Rows) -> list[str]:
    """The requirement rows the table does not have, and those that are no rows."""
    wanted = {f"{series}{number}" for series, count in SERIES.items() for number in range(1, count + 1)}
    return sorted(wanted ^ {pair.id for pair in rows.pairs})


def refusal(test: str, surface: str, root: Path) -> str:
    """Why a test does not count for a surface; empty where it does."""
    file, _, name = test.partition("::")
    if not (root / file).is_file():
        return f"{test}: no such file"
    parameters = _tests(root / file).get(name)
    if parameters is None:
        return f"{test}: no such test in the file"
    if not parameters & FIXTURES[surface]:
        return f"{test} takes none of {', '.join(sorted(FIXTURES[surface]))}, so it does not go through this surface"
    return ""


@cache
def _tests(file: Path) -> dict[str, frozenset[str]]:
    tree = ast.parse(file.read_text("utf-8"))
    found = {node.name: _parameters(node) for node in tree.body if isinstance(node, _Function)}
    for group in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        methods = (node for node in group.body if isinstance(node, _Function))
        found |= {f"{group.name}::{method.name}": _parameters(method) for method in methods}
    return {name: parameters for name, parameters in found.items() if name.rpartition("::")[2].startswith("test")}


def _parameters(node: _Function) -> frozenset[str]:
    return frozenset(arg.arg for arg in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs])
