"""What a file imports, and what a dotted name in it stands for."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.tidy.source import Source

_LOADERS = {"import_module", "__import__"}


def imported(source: Source) -> Iterator[tuple[str, ast.AST]]:
    """Every module a file imports, in full, also relative ones and those named in `import_module("…")`.

    `from gateway import ledger` gives `gateway.ledger`: what is taken from a package may be a module of it.
    """
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = _origin(source, node)
            yield from ((f"{start}.{alias.name}", node) for alias in node.names)
        elif isinstance(node, ast.Call) and (name := _loaded(node)):
            yield name, node


def packages(source: Source) -> Iterator[tuple[str, ast.AST]]:
    """The top-level packages a file imports."""
    return ((name.partition(".")[0], node) for name, node in imported(source))


def aliases(source: Source) -> dict[str, str]:
    """Local name -> what it stands for: `from datetime import datetime as d` gives `d` -> `datetime.datetime`."""
    names: dict[str, str] = {}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name.partition(".")[0]: _bound(alias) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = _origin(source, node)
            names |= {alias.asname or alias.name: f"{start}.{alias.name}" for alias in node.names}
    return names


def meaning(node: ast.AST, names: dict[str, str]) -> str:
    """The full dotted name of a name or an attribute chain that starts at an import, or nothing."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in names:
        return ""
    return ".".join([names[node.id], *reversed(parts)])


def _bound(alias: ast.alias) -> str:
    return alias.name if alias.asname else alias.name.partition(".")[0]


def _origin(source: Source, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    folder = source.folder[: len(source.folder) - node.level + 1]
    return ".".join([*folder, *([node.module] if node.module else [])])


def _loaded(node: ast.Call) -> str:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    first = node.args[0] if node.args else None
    if name in _LOADERS and isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first.value
    return ""
