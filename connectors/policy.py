"""Time-outs, retries and the circuit of every connector, in one place.

The circuit opens after `trips_after` failures in a row to reach the peer, refuses for `rests_s`, then lets one request
through to try. Only work that nobody has seen (`Unsent`) or that may be asked twice (queries) is retried.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tenacity import AsyncRetrying, retry_if_result, stop_after_attempt, wait_random_exponential

from connectors.ports import Answered, Exchange, NoAnswer, Observer, Unsent


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The limits of one connector; seconds."""

    connect_s: float = 3.0
    total_s: float = 15.0
    attempts: int = 3
    first_wait_s: float = 0.1
    longest_wait_s: float = 2.0
    trips_after: int = 5
    rests_s: float = 5.0
    at_once: int = 64
    largest_answer: int = 1 << 20


class Circuit:
    """Counts failures to reach a peer and spares it while it is down."""

    def __init__(self, policy: Policy, *, name: str, monotonic: Callable[[], float], observer: Observer) -> None:
        self._policy = policy
        self._name = name
        self._monotonic = monotonic
        self._observer = observer
        self._failures = 0
        self._open_until: float | None = None
        self._trying = False

    @property
    def is_open(self) -> bool:
        """Tell whether requests are refused now."""
        return self._open_until is not None and (self._trying or self._monotonic() < self._open_until)

    def admit(self) -> bool:
        """Ask leave for one request; after the rest, one is let through to try."""
        if self._open_until is None:
            return True
        if self._trying or self._monotonic() < self._open_until:
            return False
        self._trying = True
        return True

    def report(self, *, is_reached: bool) -> None:
        """Tell how a request that was admitted went."""
        self._trying = False
        if is_reached:
            if self._open_until is not None:
                self._observer.circuit(self._name, is_open=False)
            self._failures, self._open_until = 0, None
            return
        self._failures += 1
        if self._failures >= self._policy.trips_after:
            self._open_until = self._monotonic() + self._policy.rests_s
            self._observer.circuit(self._name, is_open=True)

    def cancelled(self) -> None:
        """Tell that an admitted request ended without telling anything about the peer."""
        self._trying = False


async def persist(policy: Policy, once: Callable[[], Awaitable[Exchange]], *, may_repeat: bool) -> Exchange:
    """Carry out one exchange, again where that can do no harm: nothing left, or the caller says it may be repeated."""

    def again(result: Exchange) -> bool:
        return isinstance(result, Unsent) or (may_repeat and isinstance(result, NoAnswer))

    retrying = AsyncRetrying(
        retry=retry_if_result(again),
        stop=stop_after_attempt(policy.attempts),
        wait=wait_random_exponential(multiplier=policy.first_wait_s, max=policy.longest_wait_s),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )
    return await retrying(once)


def result_name(exchange: Exchange) -> str:
    """Name a result for metrics."""
    match exchange:
        case Answered():
            return "answered"
        case NoAnswer():
            return "no_answer"
        case Unsent():
            return "unsent"
