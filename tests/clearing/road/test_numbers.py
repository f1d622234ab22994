"""Instruction numbers: never twice, from blocks, also after a lease that failed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from gateway.clearing import store
from gateway.clearing.numbers import BLOCK, Numbers, instruction_number, retrieval_reference

LATE = datetime(2026, 11, 22, 16, 30, tzinfo=UTC)


def test_the_day_is_shanghais():
    assert instruction_number(42, LATE) == "20261123000000000042"
    assert retrieval_reference(42, LATE) == "632700000042"


async def test_no_number_is_given_twice_over_blocks_and_processes(pool):
    one, two = (Numbers(lambda: store.lease_numbers(pool)) for _ in range(2))
    taken = await asyncio.gather(*((one if n % 2 else two).take() for n in range(3 * BLOCK)))
    assert len(set(taken)) == 3 * BLOCK


async def test_a_lease_that_failed_is_asked_for_again():
    answers = iter([1000, OSError("gone"), 2000])

    async def lease():
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    numbers = Numbers(lease)
    taken = [await numbers.take() for _ in range(BLOCK)]
    assert taken == list(range(1000, 2000))
    assert await numbers.take() == 2000


async def test_without_any_block_the_error_is_the_callers():
    async def lease():
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await Numbers(lease).take()
