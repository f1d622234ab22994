"""The choice itself."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.routing.model import Candidate, Choice, NoChannel, Wanted


def choose(candidates: Sequence[Candidate], wanted: Wanted) -> Choice | NoChannel:
    """Take the first candidate by priority and code that can carry what is wanted.

    A channel whose peer is being spared is taken only where nothing else is left: a try tells whether it is back.
    """
    passed: list[str] = []
    spared: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda each: (each.priority, each.code)):
        objection = _objection(candidate, wanted)
        if objection:
            passed.append(f"{candidate.code}: {objection}")
        elif candidate.is_spared:
            spared.append(candidate)
            passed.append(f"{candidate.code}: being spared")
        else:
            return _choice(candidate, passed)
    if spared:
        return _choice(spared[0], passed)
    return NoChannel("; ".join(passed) or "no channel is opened for this merchant")


def _objection(candidate: Candidate, wanted: Wanted) -> str:
    checks = (
        (candidate.is_on, "switched off"),
        (candidate.is_open, "not open for this merchant"),
        (wanted.ask in candidate.asks, f"cannot be asked for {wanted.ask}"),
        (wanted.unit in candidate.units, f"does not carry {wanted.unit}"),
    )
    return next((why for holds, why in checks if not holds), "")


def _choice(candidate: Candidate, passed: Sequence[str]) -> Choice:
    before = f" (passed over: {'; '.join(passed)})" if passed else ""
    return Choice(candidate.channel, f"{candidate.code}, priority {candidate.priority}{before}")
