"""Wrong MACs: counted per source and per terminal, and who sends too many in a row is hardly listened to.

In memory of one process, bounded. A source is an address, or the name in a client certificate where there is one.
Source: `docs/terminal-protocol.md` "MAC".
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from gateway.kernel.clock import Clock

_MOST_SOURCES = 10_000
_CHECK_EVERY_S = 1.0


@dataclass(slots=True)
class _Record:
    in_a_row: int = 0
    blocked_at: float | None = None
    checked_at: float = float("-inf")


class MacWatch:
    """Counts, blocks at `most` wrong MACs in a row, and lifts a block by a good MAC, by hand or after `blocked_s`."""

    def __init__(self, *, clock: Clock, most: int, blocked_s: float) -> None:
        self._clock = clock
        self._most = most
        self._blocked_s = blocked_s
        self._sources: OrderedDict[str, _Record] = OrderedDict()
        self._terminals: OrderedDict[str, int] = OrderedDict()

    def wrong(self, source: str, terminal: str) -> bool:
        """Count a wrong MAC; True where it has just blocked `source`."""
        _counted(self._terminals, terminal)
        record = self._sources.setdefault(source, _Record())
        self._sources.move_to_end(source)
        if len(self._sources) > _MOST_SOURCES:
            self._sources.popitem(last=False)
        record.in_a_row += 1
        if record.in_a_row < self._most or record.blocked_at is not None:
            return False
        record.blocked_at = self._clock.monotonic()
        return True

    def good(self, source: str) -> None:
        """Forget what `source` did: it has the key."""
        self._sources.pop(source, None)

    lift = good

    def blocked(self, source: str) -> bool:
        """Tell whether `source` is blocked now."""
        record = self._sources.get(source)
        if record is None or record.blocked_at is None:
            return False
        if self._clock.monotonic() - record.blocked_at < self._blocked_s:
            return True
        del self._sources[source]
        return False

    def blocked_now(self) -> int:
        """Count the blocked sources."""
        return sum(self.blocked(source) for source in list(self._sources))

    def may_check(self, source: str) -> bool:
        """Take the one check a second that a blocked source has; False where it is used up."""
        record = self._sources[source]
        if self._clock.monotonic() - record.checked_at < _CHECK_EVERY_S:
            return False
        record.checked_at = self._clock.monotonic()
        return True

    def wrong_of(self, terminal: str) -> int:
        """Return how many wrong MACs came under this terminal's number since the start."""
        return self._terminals.get(terminal, 0)


def _counted(counts: OrderedDict[str, int], name: str) -> None:
    counts[name] = counts.get(name, 0) + 1
    counts.move_to_end(name)
    if len(counts) > _MOST_SOURCES:
        counts.popitem(last=False)
