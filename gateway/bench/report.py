"""What a benchmark says: cases with their figures, each beside the references of the same run."""

from __future__ import annotations

import os
import platform
import resource
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_KIB = 1024


@dataclass(frozen=True, slots=True)
class Reference:
    """Another way to do the same work; `ratio` > 1 means that ours is better."""

    name: str
    value: float
    ratio: float

    def shown(self) -> dict[str, object]:
        """Return the reference as it is printed."""
        return {"name": self.name, "value": _short(self.value), "ratio": _short(self.ratio)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One figure; `details` are further ones of the same runs (rows, WAL bytes and round trips per transfer)."""

    case: str
    value: float
    unit: str
    p50_ms: float | None = None
    p99_ms: float | None = None
    peak_rss_mib: float | None = None
    references: Sequence[Reference] = ()
    details: Mapping[str, float] = field(default_factory=dict)

    def shown(self) -> dict[str, object]:
        """Return the case as it is printed."""
        return {
            "case": self.case,
            "value": _short(self.value),
            "unit": self.unit,
            "p50_ms": _short(self.p50_ms),
            "p99_ms": _short(self.p99_ms),
            "peak_rss_mib": _short(self.peak_rss_mib),
            "references": [reference.shown() for reference in self.references],
            **{name: _short(figure) for name, figure in self.details.items()},
        }


@dataclass(frozen=True, slots=True)
class Report:
    """Everything one benchmark found out."""

    name: str
    machine: Mapping[str, object]
    cases: Sequence[Case]

    def shown(self) -> dict[str, object]:
        """Return the report as it is printed."""
        return {"name": self.name, "machine": dict(self.machine), "cases": [case.shown() for case in self.cases]}


def machine(**more: object) -> dict[str, object]:
    """Describe where the figures come from."""
    model = next((line for line in _lines(Path("/proc/cpuinfo")) if line.startswith("model name")), "")
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": model.partition(":")[2].strip() or platform.processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": _short(os.getloadavg()[0]),
        "python": platform.python_version(),
        **more,
    }


def peak_rss_mib() -> float:
    """Return the most memory this process ever held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / _KIB if sys.platform != "darwin" else peak / _KIB / _KIB


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _short(figure: float | None) -> float | None:
    if figure is None:
        return None
    return round(figure, 1) if abs(figure) >= 100 else round(figure, 3)
