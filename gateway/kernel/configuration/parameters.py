"""Parameters as they are declared: type, bounds, default, and words for people (rows P59, P7)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

Value = int | bool | str
V = TypeVar("V", int, bool, str)

_CODE: Final = re.compile(r"[a-z_]+(\.[a-z_]+)+")
_LONGEST: Final = 200
_LARGEST: Final = 2**53


class BadValueError(ValueError):
    """A value is not one that the parameter may have; the text says what it may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter(Generic[V]):
    """One parameter; its type is its default's: a whole number, yes or no, or a text.

    `smallest` and `largest` bound a number, in `unit`; `choices` bound a text. `by_party` parameters may be set for one
    party beside the system's value. `sensitive` ones change only by the approval of a second person.
    """

    code: str
    default: V
    title_zh: str
    title_en: str
    unit: str = ""
    smallest: int | None = None
    largest: int | None = None
    choices: tuple[str, ...] = ()
    by_party: bool = False
    sensitive: bool = False

    @property
    def kind(self) -> str:
        """What values are: `integer`, `boolean`, `choice` or `text`."""
        if isinstance(self.default, bool):
            return "boolean"
        if isinstance(self.default, int):
            return "integer"
        return "choice" if self.choices else "text"

    def checked(self, value: object) -> V:
        """Return `value` where the parameter may have it. Raises BadValueError."""
        if type(value) is not type(self.default):
            raise BadValueError(f"{self.code} is of type {self.kind}")
        if isinstance(value, bool):
            return value
        if isinstance(value, int):
            self._refuse_bounds(value)
        if isinstance(value, str):
            self._refuse_text(value)
        return value

    def _refuse_bounds(self, value: int) -> None:
        least = -_LARGEST if self.smallest is None else self.smallest
        most = _LARGEST if self.largest is None else self.largest
        if not least <= value <= most:
            raise BadValueError(f"{self.code} is between {least} and {most} {self.unit}".rstrip())

    def _refuse_text(self, value: str) -> None:
        if self.choices and value not in self.choices:
            raise BadValueError(f"{self.code} is one of {', '.join(self.choices)}")
        if len(value) > _LONGEST or not value.isprintable():
            raise BadValueError(f"{self.code} has at most {_LONGEST} printable characters")


class Catalogue:
    """Every parameter there is. Raises ValueError where two bear one code or a default is not allowed."""

    def __init__(self, *groups: Iterable[Parameter[int] | Parameter[bool] | Parameter[str]]) -> None:
        self._known: dict[str, Parameter[int] | Parameter[bool] | Parameter[str]] = {}
        for parameter in (one for group in groups for one in group):
            if parameter.code in self._known or not _CODE.fullmatch(parameter.code):
                raise ValueError(f"the parameter {parameter.code} is declared twice or has no room in its name")
            parameter.checked(parameter.default)
            self._known[parameter.code] = parameter

    def __iter__(self) -> Iterator[Parameter[int] | Parameter[bool] | Parameter[str]]:
        return (self._known[code] for code in sorted(self._known))

    def find(self, code: str) -> Parameter[int] | Parameter[bool] | Parameter[str] | None:
        """Return the parameter with this code, None where there is none."""
        return self._known.get(code)
