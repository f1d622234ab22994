"""What may be told of a request under way when its road has no answer: 98 only where it is held to it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from gateway.clearing.under_way import SILENT, Desk, UnderWay
from gateway.kernel.reasons import Reason
from gateway.keys.port import Digest
from gateway.payments.model import AcquiringAnswer, Reference

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
# begun by this process, an approval on its way -> may 98 be told?
TOLD = [(False, False, False), (True, False, True), (True, True, False)]


@pytest.fixture
async def entry() -> UnderWay:
    reference = Reference("10000001", "000001", "000001", "020")
    return Desk().open(reference, digest=Digest(b"", 1), closes_at=0.0)


@pytest.mark.parametrize(("is_begun", "is_approving", "is_told"), TOLD)
async def test_who_gives_up_is_told_98_only_where_it_binds(entry, is_begun, is_approving, is_told) -> None:
    entry.is_begun, entry.is_approving = is_begun, is_approving
    told = entry.give_up(NOW)
    assert (told is not None and told.reason is Reason.NO_ANSWER) is is_told
    assert entry.told_nothing_at == (NOW if is_told else None)
    assert entry.answer.done() is is_told


@pytest.mark.parametrize(("is_begun", "is_approving", "is_told"), TOLD)
async def test_a_broken_road_says_no_more_than_it_knows(entry, is_begun, is_approving, is_told) -> None:
    entry.is_begun, entry.is_approving = is_begun, is_approving
    entry.break_off()
    assert await entry.answer == (SILENT if is_told else None)


async def test_all_who_give_up_are_told_the_same(entry) -> None:
    entry.is_begun = True
    first = entry.give_up(NOW)
    assert entry.give_up(datetime(2027, 1, 1, tzinfo=UTC)) == first
    entry.settle(AcquiringAnswer(reason=Reason.DONE))
    assert await entry.answer == first


async def test_who_was_told_nothing_does_not_keep_the_others_from_the_answer(entry) -> None:
    waiting = asyncio.ensure_future(entry.answer)
    assert entry.give_up(NOW) is None
    entry.settle(AcquiringAnswer(reason=Reason.DONE))
    assert (await waiting).reason is Reason.DONE
