"""Names that say nothing: a file that wants one of them is missing a noun."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.tidy.source import Finding, Source, at

BANNED = frozenset({"manager", "managers", "helper", "helpers", "util", "utils", "utility", "utilities"})
BANNED |= frozenset({"common", "commons", "base", "misc"})
# What a standard calls a thing is its name, whatever the words.
TERMS_OF_STANDARDS = {"signature_base": "RFC 9421, section 2.5", "SignatureBase": "RFC 9421, section 2.5"}
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


def banned_names(source: Source) -> Iterator[Finding]:
    """Find classes, modules and folders with a banned word in their names."""
    for part in source.path.with_suffix("").parts:
        if banned := _banned(part):
            yield Finding(source.path, 1, f"module name {part!r}: {banned!r} says nothing")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef) and (banned := _banned(node.name)):
            yield at(source, node, f"class name {node.name!r}: {banned!r} says nothing")


def words(name: str) -> list[str]:
    """Split a name into its words, whatever its case style."""
    return [word.lower() for word in _WORD.findall(name)]


def _banned(name: str) -> str:
    if name in TERMS_OF_STANDARDS:
        return ""
    return next((word for word in words(name) if word in BANNED), "")
