"""The command line as data: its verbs, and what a line of it means, without running anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typer.core import TyperGroup
from typer.main import get_command

from gateway.cli import app


def verbs() -> dict[tuple[str, ...], Any]:
    """Every verb by its words, as `("terminal", "purchase")`."""
    return dict(_verbs(get_command(app)))


def parsed(words: list[str]) -> tuple[str, ...]:
    """Parse a command line without its program and return the verb it names. Raises what the parser raises."""
    command: Any = get_command(app)
    found: tuple[str, ...] = ()
    context = None
    while True:
        context = command.make_context("tillgate", list(words), parent=context)
        if not isinstance(command, TyperGroup):
            return found
        rest = [*context._protected_args, *context.args]
        name, command, words = command.resolve_command(context, rest)
        found = (*found, str(name))


def _verbs(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from _verbs(command, (*words, name))
        else:
            yield (*words, name), command
