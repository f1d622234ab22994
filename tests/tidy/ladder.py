"""The import ladder: a room imports only from the steps before its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.tidy.imports import imported
from tests.tidy.source import Finding, Source, at

STEPS: tuple[frozenset[str], ...] = (
    frozenset({"kernel"}),
    frozenset({"parties", "keys"}),
    frozenset({"ledger"}),
    frozenset({"journal"}),
    frozenset({"access", "merchants"}),
    frozenset({"fees", "routing", "tasks", "notify"}),
    frozenset({"payments"}),
    frozenset({"clearing"}),
    frozenset({"settlement", "agents", "points"}),
    frozenset({"reports"}),
    frozenset({"web"}),
    frozenset({"terminals", "api", "cashier", "console"}),
    frozenset({"sandbox", "bench"}),
    frozenset({"app"}),
    frozenset({"cli"}),
)
STEP_OF = {room: number for number, rooms in enumerate(STEPS) for room in rooms}
DOORS = frozenset({"terminals", "api", "cashier", "console"})
BELOW_THE_DOORS = frozenset(room for room, step in STEP_OF.items() if step < STEP_OF["web"])
# The sandbox may disagree with the gateway only as long as it shares no rule with it.
SANDBOX_MAY_USE = frozenset({"kernel"})
# Packages of ours that may not see each other at all.
STRANGERS = {
    "channels": frozenset({"gateway", "connectors"}),
    "connectors": frozenset({"gateway", "channels"}),
}


def ladder(source: Source) -> Iterator[Finding]:
    """Find imports that run up the ladder, between strangers, or into a door."""
    home = source.path.parts[0]
    for name, node in imported(source):
        package, _, rest = name.partition(".")
        if package in STRANGERS.get(home, ()):
            yield at(source, node, f"{home} must not import {package}")
        elif home == "gateway":
            yield from _inside(source, node, package, rest.partition(".")[0])


def room_of(source: Source) -> str:
    """The room a file of `gateway` lies in; nothing for the package's own `__init__`."""
    name = source.path.parts[1].removesuffix(".py")
    return "" if name in {"__init__", "__main__"} else name


def _inside(source: Source, node: ast.AST, package: str, wanted: str) -> Iterator[Finding]:
    room = room_of(source)
    if room == "sandbox" and package in {"channels", "connectors"}:
        yield at(source, node, f"the sandbox must not import {package}, it must be able to disagree with it")
    if package == "gateway" and wanted in STEP_OF and (why := _refusal(room, wanted)):
        yield at(source, node, why)


def _refusal(room: str, wanted: str) -> str:
    if room == wanted or (not room and wanted == "cli"):
        return ""
    if room not in STEP_OF:
        return f"room {room or 'gateway itself'!r} has no step on the ladder"
    if wanted in DOORS and room != "app":
        return f"{room} must not import the door {wanted}: only app does"
    if room == "sandbox" and wanted not in SANDBOX_MAY_USE:
        return f"the sandbox must not import {wanted}, it must be able to disagree with it"
    if STEP_OF[wanted] >= STEP_OF[room]:
        return f"{room} must not import {wanted}: it stands no step below"
    return ""
