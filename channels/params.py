"""Necessary parameters of a channel: declared by its kind, checked before it opens (row P31)."""

from __future__ import annotations

from collections.abc import Mapping


class MissingParameterError(ValueError):
    """A channel cannot open: a necessary parameter is missing or has no value."""


def text(params: Mapping[str, object], name: str, default: str | None = None) -> str:
    """Return a text parameter. Raises MissingParameterError naming it where it is not there and has no default."""
    value = params.get(name, default)
    if not isinstance(value, str) or not value:
        message = f"parameter {name!r} is necessary for this channel: set it to a text and open the channel again"
        raise MissingParameterError(message)
    return value


def number(params: Mapping[str, object], name: str, default: int | None = None) -> int:
    """Return a whole-number parameter; errors as `text`."""
    value = params.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool):
        message = (
            f"parameter {name!r} is necessary for this channel: set it to a whole number and open the channel again"
        )
        raise MissingParameterError(message)
    return value


def keys(params: Mapping[str, object], name: str) -> dict[str, str]:
    """Return a parameter that maps key ids to PEM texts; errors as `text`."""
    value = params.get(name)
    if not isinstance(value, Mapping) or not value:
        message = (
            f"parameter {name!r} is necessary for this channel: give at least one key id with its public key in PEM"
        )
        raise MissingParameterError(message)
    return {str(key): str(pem) for key, pem in value.items()}
