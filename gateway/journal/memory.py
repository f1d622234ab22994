"""What a journal remembers of balances between batches: true for as long as nobody else wrote."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.journal.state import Standing
from gateway.ledger.model import Account


class Memory:
    """Accounts by how they stood after batch `seq`, bounded: those not met for long are forgotten.

    Trusted only after `alone` batches in a row that followed each other with nobody else's between.
    """

    def __init__(self, *, most: int, alone: int) -> None:
        self._half = max(1, most // 2)
        self._alone = alone
        self._young: dict[Account, Standing] = {}
        self._old: dict[Account, Standing] = {}
        self._streak = 0
        self.seq: int | None = None

    @property
    def trusted(self) -> bool:
        """Tell whether what is remembered may be decided on."""
        return self._streak >= self._alone

    def recall(self, accounts: Iterable[Account]) -> dict[Account, Standing]:
        """Return those of `accounts` that are remembered."""
        known: dict[Account, Standing] = {}
        if self.trusted:
            for account in accounts:
                standing = self._young.get(account) or self._old.get(account)
                if standing is not None:
                    known[account] = standing
        return known

    def absorb(self, *, before: int, seq: int, accounts: Mapping[Account, Standing]) -> None:
        """Take over what stood after batch `seq`, which followed `before`."""
        if self.seq == before:
            self._streak += 1
        else:
            self.forget()
        self.seq = seq
        self._young.update(accounts)
        if len(self._young) > self._half:
            self._old, self._young = self._young, {}

    def forget(self) -> None:
        """Drop everything: somebody else wrote."""
        self._young, self._old, self._streak, self.seq = {}, {}, 0, None
