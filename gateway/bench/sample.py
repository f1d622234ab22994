"""What one run gave, and what several runs of one kind come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run: transfers a second, latency, and what it cost the database per transfer."""

    rate: float
    p50_ms: float
    p99_ms: float
    costs: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, *, count: int, took_s: float, waits_s: Sequence[float], costs: Mapping[str, float]) -> Sample:
        """Sum a run of `count` transfers up."""
        waits = sorted(waits_s)
        return cls(rate=count / took_s, p50_ms=at(waits, 50) * 1000, p99_ms=at(waits, 99) * 1000, costs=dict(costs))


def typical(samples: Sequence[Sample]) -> Sample:
    """Return the median of every figure."""
    return Sample(
        rate=median(sample.rate for sample in samples),
        p50_ms=median(sample.p50_ms for sample in samples),
        p99_ms=median(sample.p99_ms for sample in samples),
        costs={name: median(sample.costs[name] for sample in samples) for name in samples[0].costs},
    )


def at(ordered: Sequence[float], percent: int) -> float:
    """Return the value that `percent` of the ordered values do not pass; 0 where there is none."""
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] if ordered else 0.0
