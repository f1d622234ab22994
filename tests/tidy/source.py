"""A source file as the house rules see it: its place in the tree, its text and its syntax."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGES = ("gateway", "channels", "connectors")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file; `path` is given from the root of the checkout."""

    path: PurePosixPath
    text: str
    tree: ast.Module = field(repr=False, compare=False)

    @classmethod
    def of(cls, path: str, text: str) -> Source:
        """Make a source of a text that need not stand on disk."""
        return cls(PurePosixPath(path), text, ast.parse(text, filename=path))

    @property
    def folder(self) -> tuple[str, ...]:
        """The package this file belongs to, as its parts."""
        return self.path.parts[:-1]

    def within(self, *places: str) -> bool:
        """Whether the file is one of `places` or lies under one of them."""
        return any(self.path.is_relative_to(place) for place in places)


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A place where a house rule is broken, and which rule says so."""

    path: PurePosixPath
    line: int
    why: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.why}"


Rule = Callable[[Source], Iterable[Finding]]


def read_sources(root: Path, folders: Iterable[str]) -> tuple[Source, ...]:
    """Read every Python file under `folders` of `root`, in the order of their paths."""
    files = sorted(file for folder in folders for file in (root / folder).rglob("*.py"))
    return tuple(Source.of(file.relative_to(root).as_posix(), file.read_text("utf-8")) for file in files)


def findings(rule: Rule, sources: Iterable[Source]) -> list[str]:
    """Put one rule to many sources; an empty list is what a test wants to see."""
    return [str(finding) for source in sources for finding in sorted(rule(source))]


def caught(rule: Rule, path: str, text: str) -> list[str]:
    """Put one rule to a snippet that is said to stand at `path`."""
    return findings(rule, [Source.of(path, text)])


def at(source: Source, node: ast.AST, why: str) -> Finding:
    """Make a finding of a syntax node."""
    return Finding(source.path, getattr(node, "lineno", 1), why)


def functions(source: Source) -> Iterator[tuple[str, Function]]:
    """Every function of a file with its qualified name, methods and inner functions included."""
    pending: list[tuple[str, ast.AST]] = [("", source.tree)]
    while pending:
        prefix, node = pending.pop()
        for child in ast.iter_child_nodes(node):
            inside = f"{prefix}{child.name}." if isinstance(child, Function | ast.ClassDef) else prefix
            if isinstance(child, Function):
                yield inside.removesuffix("."), child
            pending.append((inside, child))


def docstrings(tree: ast.Module) -> set[ast.AST]:
    """The nodes that are docstrings, so that prose is not taken for code."""
    holders = (node for node in ast.walk(tree) if isinstance(node, Function | ast.ClassDef | ast.Module))
    first = (holder.body[0] for holder in holders if holder.body)
    return {line.value for line in first if isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)}
