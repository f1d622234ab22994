"""SQL has one home per room: its `store.py`; beside it only the journal and the database part of the kernel."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.tidy.source import Finding, Source, at, docstrings

HOMES = ("gateway/journal", "gateway/kernel/postgres")
# Upper case is taken for SQL by its first words; lower case, which prose shares, only with the words that must follow.
_STATEMENT = re.compile(
    r"""\s*(?:
        SELECT\s | INSERT\s+INTO\s | UPDATE\s+\w+\s+SET\s | DELETE\s+FROM\s | WITH\s+(?:RECURSIVE\s+)?\w+\s+AS\b
      | MERGE\s+INTO\s | TRUNCATE\s+\w | COPY\s+\w+\s*\( | LOCK\s+TABLE\s | (?:UN)?LISTEN\s+\w | NOTIFY\s+\w
      | (?:CREATE|ALTER|DROP)\s+(?:UNIQUE\s+)?(?:TABLE|INDEX|VIEW|SCHEMA|DATABASE|ROLE|FUNCTION|TRIGGER|SEQUENCE)\s
      | select\s+[\s\S]+?\sfrom\s+\w | insert\s+into\s+\w+\s*\( | update\s+\w+\s+set\s+\w+\s*= | delete\s+from\s+\w
      | create\s+(?:unique\s+)?(?:table|index)\s | with\s+\w+\s+as\s*\(
    )""",
    re.VERBOSE,
)


def sql_home(source: Source) -> Iterator[Finding]:
    """Find SQL statements outside their homes."""
    if source.path.name == "store.py" or source.within(*HOMES):
        return
    prose = docstrings(source.tree)
    for node in ast.walk(source.tree):
        if node not in prose and is_sql(text_of(node)):
            yield at(source, node, "SQL belongs in the room's store.py")


def is_sql(text: str) -> bool:
    """Whether a text starts like a statement."""
    return bool(_STATEMENT.match(text))


def text_of(node: ast.AST) -> str:
    """The text of a literal; what an f-string fills in becomes one letter."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or "x" for part in node.values)
    return ""
