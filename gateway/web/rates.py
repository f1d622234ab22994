"""How often a caller may call: a token bucket per name, in memory, per process."""

from __future__ import annotations

from collections import OrderedDict

from gateway.kernel.clock import Clock

_MOST = 100_000


class Rates:
    """Buckets that hold `burst` and fill by `per_s`; the longest unused are forgotten first, and are full anyway."""

    def __init__(self, *, clock: Clock, per_s: int, burst: int) -> None:
        self._clock = clock
        self._per_s = per_s
        self._burst = burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> float | None:
        """Take one from the bucket of `name`: None where there was one, else the seconds until there is."""
        now = self._clock.monotonic()
        left, since = self._buckets.get(name, (float(self._burst), now))
        left = min(float(self._burst), left + (now - since) * self._per_s)
        allowed = left >= 1
        self._buckets[name] = (left - 1 if allowed else left, now)
        self._buckets.move_to_end(name)
        if len(self._buckets) > _MOST:
            self._buckets.popitem(last=False)
        return None if allowed else (1 - left) / self._per_s
