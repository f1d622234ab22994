"""How long functions are, and the ratchet that keeps them short."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.tidy.source import Function, Source, functions


@dataclass(frozen=True, slots=True)
class Exemption:
    """A function that may be longer than the rest, up to `lines`, and why."""

    function: str
    lines: int
    why: str


@dataclass(frozen=True, slots=True)
class Ratchet:
    """The committed figures, in lines without the docstring; they may only fall."""

    half: int
    nine_in_ten: int
    longest: int
    exemptions_at_most: int
    exempt: tuple[Exemption, ...] = ()

    @classmethod
    def read(cls, file: Path) -> Ratchet:
        """Read the committed figures from a TOML file."""
        data = tomllib.loads(file.read_text("utf-8"))
        exempt = tuple(Exemption(**entry) for entry in data.pop("exempt", []))
        return cls(**data, exempt=exempt)


def lengths(sources: Iterable[Source]) -> dict[str, int]:
    """Measure every function: `path::qualified.name` -> lines, its docstring not counted."""
    return {f"{source.path}::{name}": _lines(node) for source in sources for name, node in functions(source)}


def slips(measured: dict[str, int], ratchet: Ratchet) -> Iterator[str]:
    """Say where the measured lengths pass the committed ones."""
    ordered = sorted(measured.values())
    for share, most in ((0.5, ratchet.half), (0.9, ratchet.nine_in_ten)):
        if ordered and (reached := ordered[min(len(ordered) - 1, int(len(ordered) * share))]) > most:
            yield f"{share:.0%} of the functions should fit in {most} lines, they need {reached}"
    exempt = {entry.function: entry.lines for entry in ratchet.exempt}
    for function, lines in measured.items():
        if lines > exempt.get(function, ratchet.longest):
            yield f"{function} has {lines} lines, more than {exempt.get(function, ratchet.longest)}"
    yield from _stale(measured, ratchet)


def _stale(measured: dict[str, int], ratchet: Ratchet) -> Iterator[str]:
    if len(ratchet.exempt) > ratchet.exemptions_at_most:
        yield f"{len(ratchet.exempt)} exemptions, more than {ratchet.exemptions_at_most}"
    for entry in ratchet.exempt:
        if not entry.why.strip():
            yield f"{entry.function}: an exemption says why"
        if measured.get(entry.function, 0) <= ratchet.longest:
            yield f"{entry.function}: the exemption is not needed any more"


def _lines(node: Function) -> int:
    first = node.body[0]
    prose = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    said = (first.end_lineno or first.lineno) - first.lineno + 1 if prose else 0
    return (node.end_lineno or node.lineno) - node.lineno + 1 - said
