"""Time and randomness are arguments: each is taken from the machine in one place only."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.tidy.imports import aliases, imported, meaning
from tests.tidy.source import Finding, Source, at

CLOCK = "gateway/kernel/clock.py"
RANDOMNESS = ("gateway/kernel/randomness.py", "gateway/kernel/ids.py")
SEEDED = ("gateway/sandbox", "gateway/bench")

_WALL_CLOCK = frozenset(
    {
        *(f"datetime.datetime.{name}" for name in ("now", "utcnow", "today")),
        "datetime.date.today",
        *(f"time.{name}" for name in ("time", "time_ns", "localtime", "gmtime", "ctime", "clock_gettime")),
    },
)
_RANDOM_MODULES = frozenset({"random", "secrets"})
_RANDOM_CALLS = frozenset({"os.urandom", "os.getrandom", "uuid.uuid1", "uuid.uuid4", "uuid.uuid7", "ssl.RAND_bytes"})


def wall_clock(source: Source) -> Iterator[Finding]:
    """Find readings of the wall clock outside the clock."""
    if not source.within(CLOCK):
        yield from _references(source, _WALL_CLOCK, f"the wall clock is read in {CLOCK} only; take a Clock")


def randomness(source: Source) -> Iterator[Finding]:
    """Find sources of chance outside the kernel; sandbox and bench may use `random`, which they seed."""
    if source.within(*RANDOMNESS):
        return
    yield from _references(
        source, _RANDOM_CALLS, "chance comes from kernel/randomness.py and ids.py; take it as argument"
    )
    for name, node in imported(source):
        top = name.partition(".")[0]
        if top in _RANDOM_MODULES and not (top == "random" and source.within(*SEEDED)):
            yield at(source, node, f"{top} is not imported here; take a Randomness")


def _references(source: Source, banned: frozenset[str], why: str) -> Iterator[Finding]:
    names = aliases(source)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute | ast.Name) and (name := meaning(node, names)) in banned:
            yield at(source, node, f"{name}: {why}")
