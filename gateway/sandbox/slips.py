"""What a terminal prints and keeps: its side of the three-way agreement with gateway and bank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it was sent, so that it can be sent again, reversed or asked about. Secret: it holds card data."""

    transaction: str
    fields: Mapping[str, str] = field(repr=False)
    frame: bytes = field(repr=False)

    @property
    def batch(self) -> str:
        """The batch it belongs to (60.2)."""
        return self.fields["60"][2:8]

    @property
    def trace(self) -> str:
        """Its trace number (11)."""
        return self.fields.get("11", "")

    @property
    def amount(self) -> int:
        """Its amount in minor units; 0 where it has none."""
        return int(self.fields.get("4", "0"))


_DEBITS = frozenset({"purchase", "completion"})
_CREDITS = frozenset({"void", "completion void", "refund"})
_PAGE = 8
_HALF = "0" * 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """One request and what it was answered. `code` is field 39, `text` field 44, `date` field 13 (`MMDD`)."""

    request: Request
    code: str
    text: str
    rrn: str
    approval: str
    date: str
    answer: Mapping[str, str] = field(repr=False)
    repeated: bool = False

    @property
    def is_approved(self) -> bool:
        """Tell whether the answer was 00."""
        return self.code == "00"


@dataclass(frozen=True, slots=True)
class Batch:
    """What a terminal has approved slips of in one batch, those left out that it has reversed."""

    slips: tuple[Slip, ...]

    @classmethod
    def of(cls, slips: Sequence[Slip], number: str) -> Batch:
        """Pick the slips that count in batch `number`, each transaction once."""
        own = [slip for slip in slips if slip.request.batch == number and slip.is_approved]
        gone = {slip.request.trace for slip in own if slip.request.transaction == "reversal"}
        counted = {
            slip.request.trace: slip
            for slip in own
            if slip.request.transaction in _DEBITS | _CREDITS and slip.request.trace not in gone
        }
        return cls(tuple(counted.values()))

    def totals(self, wrong_by: int = 0) -> str:
        """Write field 48 of a settlement: debits and credits at home, none abroad."""
        return f"{self._side(_DEBITS, wrong_by)}{self._side(_CREDITS, 0)}0{_HALF}0"

    def pages(self) -> list[str]:
        """Write field 48 of each upload: eight items at most."""
        pieces = [self.slips[start : start + _PAGE] for start in range(0, len(self.slips), _PAGE)]
        return [f"{len(piece):02d}{''.join(_item(slip) for slip in piece)}" for piece in pieces]

    def _side(self, kinds: frozenset[str], more: int) -> str:
        amounts = [slip.request.amount for slip in self.slips if slip.request.transaction in kinds]
        return f"{sum(amounts) + more:012d}{len(amounts):03d}"


def _item(slip: Slip) -> str:
    card = slip.request.fields.get("2") or slip.answer.get("2", "0")
    return f"00{slip.request.trace}{card:0>20}{slip.request.amount:012d}"
