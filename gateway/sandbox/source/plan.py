"""What the source tells and what goes wrong with it: counts and parts per thousand, decided by the seed alone."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import msgspec

_COUNT_MOST = 10_000_000
_FAULTS = ("refuse", "cut", "garble", "again")


class SourcePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The body of `POST /control/source`.

    `count` transactions, one a second from `since` on, of the agents by turns. Of the pages, `refuse` per thousand are
    first answered 503, `cut` are cut off, `garble` are no JSON; each is told properly when it is asked for again, as
    often as `patience` tries later. Of the transactions, `again` per thousand come a second time behind themselves.
    The ids in `bad` are told without an amount, until a later plan leaves them out; those in `agents` are codes.
    """

    seed: int = 1
    count: int = 2500
    since: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    agents: tuple[str, ...] = ("X", "Y")
    page_most: int = 1000
    tells_total: bool = True
    refuse: int = 0
    cut: int = 0
    garble: int = 0
    again: int = 0
    patience: int = 1
    bad: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is no plan."""
        if not 0 <= self.count <= _COUNT_MOST or not self.agents or self.page_most < 1 or self.patience < 0:
            raise ValueError(f"a plan has 0 to {_COUNT_MOST} transactions, an agent and pages")
        if any(not 0 <= getattr(self, name) <= 1000 for name in _FAULTS):
            raise ValueError("faults are in parts per thousand, 0 to 1000")

    def strikes(self, fault: str, what: str) -> bool:
        """Tell whether `fault` befalls a page or transaction: always the same for the same seed."""
        return self.draw(fault, what, 1000) < int(getattr(self, fault))

    def draw(self, name: str, what: str, below: int) -> int:
        """Return a number from 0 to `below` - 1 that depends on the seed, `name` and `what` alone."""
        digest = hashlib.sha256(f"{self.seed}/{name}/{what}".encode()).digest()
        return int.from_bytes(digest[:8]) % below
