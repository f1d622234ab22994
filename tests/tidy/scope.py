"""Everyone sees only theirs: a query of a scoped table binds the caller's scope."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.tidy.source import Finding, Function, Source, at, functions
from tests.tidy.sql import text_of

_READ = re.compile(r"\b(?:FROM|JOIN|UPDATE)\s+(?:ONLY\s+)?\"?(\w+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Scoped:
    """The tables whose rows belong to a party, and the functions that may read them whole, with the reason."""

    tables: frozenset[str]
    exempt: Mapping[str, str]

    @classmethod
    def read(cls, file: Path) -> Scoped:
        """Read the tables and exemptions from a TOML file."""
        data = tomllib.loads(file.read_text("utf-8"))
        exempt = {entry["function"]: entry["why"] for entry in data.get("exempt", [])}
        return cls(frozenset(data["tables"]), exempt)

    def unbound(self, source: Source) -> Iterator[Finding]:
        """Find functions of a `store.py` that read a scoped table without binding the scope."""
        if source.path.name != "store.py":
            return
        for name, node in functions(source):
            tables = sorted(reads(source, node) & self.tables)
            if tables and f"{source.path}::{name}" not in self.exempt and not binds_scope(node):
                yield at(source, node, f"{name} reads {', '.join(tables)} without binding `scope`")


def reads(source: Source, node: Function) -> set[str]:
    """The tables a function reads, by the SQL in it and in the module constants it names."""
    named = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    texts = [text_of(part) for part in ast.walk(node)]
    texts += [text for name, text in _constants(source) if name in named]
    return {table.lower() for text in texts for table in _READ.findall(text)}


def binds_scope(node: Function) -> bool:
    """Whether a function takes a parameter `scope` and puts it to use."""
    taken = any(arg.arg == "scope" for arg in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs])
    used = any(isinstance(part, ast.Name) and part.id == "scope" for line in node.body for part in ast.walk(line))
    return taken and used


def _constants(source: Source) -> Iterator[tuple[str, str]]:
    for line in source.tree.body:
        match line:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(
                    target=ast.Name(id=name),
                    value=ast.expr() as value,
                )
            ):
                yield name, " ".join(text_of(part) for part in ast.walk(value))
