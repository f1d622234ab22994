"""What goes wrong: probabilities in parts per thousand, decided from the seed and the instruction's number alone."""

from __future__ import annotations

import hashlib
import threading

import msgspec

from gateway.kernel.faults import Faults
from gateway.sandbox.cards import Behaviour, Manner

DECLINE_CODE = "05"


class FaultPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The body of `POST /control/faults`; it holds for cards of behaviour `000` and for payment files (`late_file`)."""

    seed: int = 1
    decline: int = 0
    delay: int = 0
    drop: int = 0
    twice: int = 0
    garble: int = 0
    late_file: int = 0

    def __post_init__(self) -> None:
        """Refuse what is no probability."""
        for name in ("decline", "delay", "drop", "twice", "garble", "late_file"):
            if not 0 <= getattr(self, name) <= 1000:
                raise ValueError(f"{name} is in parts per thousand, 0 to 1000")

    def strikes(self, fault: str, number: str, probability: int) -> bool:
        """Tell whether `fault` befalls the instruction or file `number`: always the same for the same seed."""
        return self.draw(fault, number, 1000) < probability

    def draw(self, what: str, number: str, below: int) -> int:
        """Return a number from 0 to `below` - 1 that depends on the seed, `what` and `number` alone."""
        digest = hashlib.sha256(f"{self.seed}/{what}/{number}".encode()).digest()
        return int.from_bytes(digest[:8]) % below

    def behaviour(self, number: str) -> Behaviour:
        """Decide how an instruction of a card of behaviour `000` is treated."""
        for manner, probability in (
            (Manner.DECLINE, self.decline),
            (Manner.DELAY, self.delay),
            (Manner.DROP, self.drop),
            (Manner.TWICE, self.twice),
            (Manner.GARBLE, self.garble),
        ):
            if self.strikes(manner.value, number, probability):
                delay_ms = 100 * (1 + self.draw("length", number, 50))
                return Behaviour(manner=manner, code=DECLINE_CODE, delay_ms=delay_ms)
        return Behaviour(manner=Manner.APPROVE)


class OneAtATime:
    """Passes fault points of several threads one after the other, as the reporting line needs it."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._turn = threading.Lock()

    def at(self, point: str) -> None:
        """Pass the point when no other thread is at one."""
        with self._turn:
            self._faults.at(point)
