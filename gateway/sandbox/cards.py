"""Test cards and payee accounts: digits 7 to 9 say how the sandbox bank behaves (`docs/sandbox.md`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

PREFIX = "622202"
_CARD = re.compile(rf"{PREFIX}[0-9]{{7,13}}")
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


class Manner(StrEnum):
    """How the bank treats a card."""

    APPROVE = "approve"
    DECLINE = "decline"
    DROP = "drop"
    DELAY = "delay"
    TWICE = "twice"
    GARBLE = "garble"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What a card triggers: `code` for a decline, `delay_ms` for a delay."""

    manner: Manner
    code: str = ""
    delay_ms: int = 0

    def words(self) -> str:
        """Write the behaviour as the list of cards shows it: `approve`, `decline:51`, `delay:900`, …."""
        match self.manner:
            case Manner.DECLINE:
                return f"{self.manner}:{self.code}"
            case Manner.DELAY:
                return f"{self.manner}:{self.delay_ms}"
            case _:
                return self.manner.value


@dataclass(frozen=True, slots=True, kw_only=True)
class PayeeBehaviour:
    """What a payee account triggers: the code it is paid with, silence, a late return."""

    code: str = "00"
    silent: bool = False
    returned_late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCard:
    """One card of the list that `tillgate up --json` writes."""

    __test__ = False

    pan: str
    pin: str
    behaviour: str


def check_digit(digits: str) -> str:
    """Return the digit that makes `digits` a good card number (ISO/IEC 7812-1, annex B)."""
    total = sum(_DOUBLED[int(digit)] for digit in digits[::-2]) + sum(int(digit) for digit in digits[-2::-2])
    return str(-total % 10)


def card_number(trigger: str, serial: int) -> str:
    """Make the 16-digit card number with `trigger` at digits 7 to 9; `serial` from 0 to 999,999 tells cards apart."""
    body = f"{PREFIX}{trigger}{serial:06d}"
    return body + check_digit(body)


def card_behaviour(pan: str) -> Behaviour | None:
    """Tell what `pan` triggers; None for a number that is no card of this bank."""
    if not _CARD.fullmatch(pan) or check_digit(pan[:-1]) != pan[-1]:
        return None
    trigger = pan[6:9]
    if trigger in _FIXED:
        return Behaviour(manner=_FIXED[trigger])
    if trigger[0] == "1":
        return Behaviour(manner=Manner.DECLINE, code=trigger[1:])
    if trigger[0] == "3":
        return Behaviour(manner=Manner.DELAY, delay_ms=int(trigger[1:]) * 100)
    return None


def payee_behaviour(account: str) -> PayeeBehaviour:
    """Tell what a payee account triggers; an account that triggers nothing is paid."""
    trigger = account[6:9]
    if re.fullmatch("1[0-9]{2}", trigger):
        return PayeeBehaviour(code=trigger[1:])
    return PayeeBehaviour(silent=trigger == "700", returned_late=trigger == "800")


_FIXED = {
    "000": Manner.APPROVE,
    "200": Manner.DROP,
    "400": Manner.TWICE,
    "500": Manner.GARBLE,
    "600": Manner.LOST,
}
_LISTED = (
    "000",
    "105",
    "114",
    "151",
    "154",
    "155",
    "161",
    "175",
    "191",
    "196",
    "200",
    "305",
    "320",
    "399",
    "400",
)
_ALSO_LISTED = ("500", "600")


def _listed(trigger: str, serial: int) -> TestCard:
    pan = card_number(trigger, serial)
    behaviour = card_behaviour(pan)
    return TestCard(pan=pan, pin="123456", behaviour=behaviour.words() if behaviour else "")


CARDS: tuple[TestCard, ...] = (
    *(_listed("000", serial) for serial in range(8)),
    *(_listed(trigger, 0) for trigger in (*_LISTED[1:], *_ALSO_LISTED)),
)
"""The cards that `tillgate up --json` lists."""
