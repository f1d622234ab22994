"""A day that cannot go on says why, in one kind of error."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.app import day
from gateway.sandbox.day.api_client import ApiRefusedError
from gateway.sandbox.day.patience import DayFailedError
from gateway.sandbox.terminal import NotSentError


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (ApiRefusedError("POST /v1/days/close", status=409, code="wrong_state", detail="closed"), "409 wrong_state"),
        (NotSentError("cannot reach 127.0.0.1:1"), "cannot reach 127.0.0.1:1"),
        (LookupError("no card of behaviour drop"), "no card of behaviour drop"),
    ],
)
async def test_what_stops_a_day_is_said(monkeypatch, fault: Exception, words: str) -> None:
    async def stopped(*_arguments: Any, **_named: Any) -> None:
        raise fault

    monkeypatch.setattr(day, "day_of", stopped)
    with pytest.raises(DayFailedError, match=words):
        await day.hold_day({}, seed=1, say=lambda _: None)


async def test_a_fault_of_ours_is_not_hidden(monkeypatch) -> None:
    async def broken(*_arguments: Any, **_named: Any) -> None:
        raise AssertionError("a fault of ours")

    monkeypatch.setattr(day, "day_of", broken)
    with pytest.raises(AssertionError):
        await day.hold_day({}, seed=1, say=lambda _: None)
