"""`tillgate bench ledger`: durable transfers a second through the journal, beside a transaction for each of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gateway.bench.forms import CONNECTIONS, Run, run_journal, run_reference
from gateway.bench.ground import PARAMETERS, Ground, ground
from gateway.bench.report import Case, Reference, Report, machine, peak_rss_mib
from gateway.bench.sample import Sample, typical
from gateway.bench.store import OneStatement, PlainStatements
from gateway.bench.writers import held_up_s, run_writers

Say = Callable[[str], None]
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much is done: `runs` of each form by turns, so many transfers at so many in flight.

    `sizes` are millions of entries at which the cost of a transfer is compared; none = not compared.
    """

    runs: int = 5
    transfers: int = 20_000
    accounts: int = 10_000
    in_flight: tuple[int, ...] = (256, 4_096)
    writers: tuple[int, ...] = (2, 4)
    sizes: tuple[float, ...] = ()
    stops: bool = True
    directory: Path | None = None

    def run(self, callers: int, *, hot: bool, entries: int = 0) -> Run:
        """Return a run of the journal."""
        transfers = max(self.transfers, callers * 8)
        return Run(transfers=transfers, callers=callers, hot=hot, warm_up=max(callers, transfers // 2), entries=entries)

    def reference(self, *, hot: bool, part: int) -> Run:
        """Return a run of a reference, which is given a part of the work: it takes as long."""
        transfers = max(CONNECTIONS * 2, self.transfers // part)
        return Run(transfers=transfers, callers=CONNECTIONS, hot=hot, warm_up=transfers // 4)


QUICK = Scale(runs=1, transfers=4_000, writers=(2,), stops=False)


async def bench_ledger(scale: Scale, say: Say) -> Report:
    """Run the benchmark; `say` is told of every figure as it comes."""
    async with ground(accounts=scale.accounts, directory=scale.directory) as made:
        cases: list[Case] = []
        for hot in (False, True):
            cases += await _side_by_side(made, scale, say, hot=hot)
        if scale.stops:
            cases.append(await _stopped(made, scale, say))
        for hot in (False, True):
            cases += await _sizes(made, scale, say, hot=hot) if scale.sizes else []
    facts = machine(server=PARAMETERS, runs=scale.runs, transfers=scale.transfers, accounts=scale.accounts)
    return Report("ledger", facts, cases)


async def _side_by_side(made: Ground, scale: Scale, say: Say, *, hot: bool) -> list[Case]:
    """Measure every form by turns, so that what else the machine does befalls all of them alike."""
    forms: dict[str, Callable[[], Awaitable[Sample]]] = {
        OneStatement.name: partial(run_reference, made, scale.reference(hot=hot, part=5), OneStatement),
        PlainStatements.name: partial(run_reference, made, scale.reference(hot=hot, part=15), PlainStatements),
    }
    for callers in scale.in_flight:
        run = scale.run(callers, hot=hot)
        forms[_named(hot, callers, 1)] = partial(run_journal, made, run)
        for writers in scale.writers if hot else ():
            forms[_named(hot, callers, writers)] = partial(run_writers, made, run, writers)
    found = await _by_turns(forms, scale.runs, say)
    references = {name: found.pop(name) for name in (OneStatement.name, PlainStatements.name)}
    kind = "hot" if hot else "random"
    cases = [_reference_case(f"{kind}, one CTE statement per transaction", references)]
    return cases + [_case(name, sample, _beside(name, sample, found, references)) for name, sample in found.items()]


async def _by_turns(forms: dict[str, Callable[[], Awaitable[Sample]]], runs: int, say: Say) -> dict[str, Sample]:
    samples: dict[str, list[Sample]] = {name: [] for name in forms}
    for _ in range(runs):
        for name, measure in forms.items():
            samples[name].append(await measure())
            say(f"{name}: {samples[name][-1].rate:,.0f} transfers/s, p99 {samples[name][-1].p99_ms:.1f} ms")
    return {name: typical(taken) for name, taken in samples.items()}


def _beside(name: str, sample: Sample, found: dict[str, Sample], references: dict[str, Sample]) -> list[Reference]:
    beside = [Reference(kind, other.rate, sample.rate / other.rate) for kind, other in references.items()]
    alone = name.rpartition(", ")[0] + ", 1 writer"
    if name != alone and alone in found:
        beside.append(Reference("one writer", found[alone].rate, sample.rate / found[alone].rate))
        beside.append(Reference("one writer's p99 ms", found[alone].p99_ms, found[alone].p99_ms / sample.p99_ms))
    return beside


def _reference_case(name: str, references: dict[str, Sample]) -> Case:
    one, plain = references[OneStatement.name], references[PlainStatements.name]
    return _case(name, one, [Reference(PlainStatements.name, plain.rate, one.rate / plain.rate)])


def _case(name: str, sample: Sample, references: Sequence[Reference]) -> Case:
    return Case(
        case=name,
        value=sample.rate,
        unit="transfers/s",
        p50_ms=sample.p50_ms,
        p99_ms=sample.p99_ms,
        peak_rss_mib=peak_rss_mib(),
        references=references,
        details=sample.costs,
    )


async def _stopped(made: Ground, scale: Scale, say: Say) -> Case:
    held = await held_up_s(made, scale.run(256, hot=True))
    say(f"a writer that is stopped holds the other up for {held:.2f} s")
    return Case(case="a stopped writer holds the other up", value=held, unit="s")


async def _sizes(made: Ground, scale: Scale, say: Say, *, hot: bool) -> list[Case]:
    """Compare the cost of a transfer as the books grow."""
    forms: dict[str, Callable[[], Awaitable[Sample]]] = {}
    for size in sorted(scale.sizes):
        run = scale.run(256, hot=hot, entries=int(size * _MILLION))
        name = f"{'hot' if hot else 'random'}, {int(size * _MILLION):,} entries"
        forms[name] = partial(run_journal, made, run)
    found = await _by_turns(forms, scale.runs, say)
    least = next(iter(found.values()))
    return [_cost(name, sample, least) for name, sample in found.items()]


def _cost(name: str, sample: Sample, least: Sample) -> Case:
    reference = Reference("the smallest books", _MILLION / least.rate, sample.rate / least.rate)
    return Case(case=name, value=_MILLION / sample.rate, unit="us per transfer", references=[reference])


def _named(hot: bool, callers: int, writers: int) -> str:  # noqa: FBT001 - a kind of traffic
    kind = "hot" if hot else "random"
    return f"{kind}, {callers:,} in flight, {writers} writer{'s' if writers > 1 else ''}"
