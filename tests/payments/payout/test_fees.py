"""The fee of worked example 5 from the fee room itself: 0.10 %, at least 1.00, at most 25.00, on top."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.fees import FeeBook, FeeDesk, percent
from gateway.fees import store as fee_store
from gateway.kernel.money import Money
from gateway.payments.payout.fees import FeeQuotes
from tests.clearing.files.house import House


@pytest.fixture
def quotes(house: House) -> FeeQuotes:
    pool = house.pool
    book = FeeBook(read=lambda: fee_store.rates(pool), generation_of=lambda: fee_store.generation(pool))
    return FeeQuotes(book, clock=house.clock)


async def rate(house: House) -> None:
    desk = FeeDesk(pool=house.pool, clock=house.clock, ids=house.ids, who="test")
    await desk.item(code="withdrawal_fee", business="payout", mode="withdrawal", unit="CNY")
    terms = percent("0.10", taker="withdrawal_fee", minimum_minor=1_00, maximum_minor=25_00)
    await desk.rate(item="withdrawal_fee", party=None, terms=terms, fee_type="withdrawal", key="rate")
    house.clock.advance(timedelta(seconds=1))


@pytest.mark.parametrize(("amount", "fee"), [(500_00, 1_00), (1_00, 1_00), (10_000_00, 10_00), (30_000_00, 25_00)])
async def test_the_fee_of_an_amount(house: House, quotes: FeeQuotes, amount: int, fee: int) -> None:
    await rate(house)
    quoted = await quotes.quote(item="withdrawal_fee", party=house.ids.new(), amount=Money(amount, "CNY"))
    assert quoted.amount_minor == fee
    assert quoted.version


async def test_where_nobody_has_a_rate_it_costs_nothing(house: House, quotes: FeeQuotes) -> None:
    nothing = await quotes.quote(item="withdrawal_fee", party=house.ids.new(), amount=Money(500_00, "CNY"))
    assert (nothing.amount_minor, nothing.version) == (0, "")
    await rate(house)
    other = await quotes.quote(item="withdrawal_fee", party=house.ids.new(), amount=Money(500_00, "USD"))
    assert (other.amount_minor, other.version) == (0, "")
