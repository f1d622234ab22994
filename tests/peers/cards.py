"""The cards of the sandbox, by what their bank does with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Card:
    """A card and how its bank treats it."""

    pan: str
    pin: str
    behaviour: str

    @property
    def expiry(self) -> str:
        """YYMM, three years from now."""
        return f"{(datetime.now(UTC).year + 3) % 100:02d}12"

    @property
    def track2(self) -> str:
        """Number, separator, expiry, service code and discretionary digits, 37 characters."""
        return f"{self.pan}D{self.expiry}201".ljust(37, "3")

    @property
    def detail(self) -> str:
        """What stands after the colon of a behaviour: a response code or milliseconds."""
        return self.behaviour.partition(":")[2]


@dataclass(frozen=True, slots=True)
class Cards:
    """All cards there are."""

    every: tuple[Card, ...]

    @property
    def approved(self) -> Card:
        """A card whose bank says yes."""
        return self.behaving("approve")[0]

    @property
    def declined(self) -> Card:
        """A card whose bank says no."""
        return self.behaving("decline:")[0]

    @property
    def slow(self) -> Card:
        """A card whose bank takes a second or so, long enough to be overtaken."""
        return min(self.behaving("delay:"), key=lambda card: abs(int(card.detail) - 1_500))

    def behaving(self, behaviour: str) -> list[Card]:
        """All cards with a behaviour that starts like this; there is at least one."""
        found = [card for card in self.every if card.behaviour.startswith(behaviour)]
        if not found:
            raise LookupError(f"no card behaves as {behaviour}")
        return found
