"""The fee book over the real tables: own rates before everybody's, versions by time, staleness by generation."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import asyncpg
import pytest

from gateway.fees import Factor, FeeBook, FeeDesk, RateError, RateKind, Taker, Terms, Tier, percent, store
from gateway.fees.check import TermsError
from gateway.parties import PLATFORM


@pytest.fixture
async def desk(pool, clock, ids):
    made = FeeDesk(pool=pool, clock=clock, ids=ids, who="operator:1")
    await made.item(
        code="merchant_fee",
        business="acquiring",
        mode="card",
        unit="CNY",
        factors=[Factor(name="base"), Factor(name="channel"), Factor(name="gmv")],
    )
    return made


@pytest.fixture
def book(pool):
    return FeeBook(read=lambda: store.rates(pool), generation_of=lambda: store.generation(pool))


def quote(book, clock, *, minor=10_000, at=None, **facts):
    facts = {"base": minor, "channel": "pos", **facts}
    return book.quote(item="merchant_fee", party=PLATFORM, facts=facts, at=at or clock.now())


async def test_own_rates_come_first_then_everybodys_then_nothing(desk, book, clock):
    await book.refresh()
    nothing = quote(book, clock)
    assert (nothing.fee_minor, nothing.version) == (0, None)
    all_ = percent("1", taker="merchant_fee")
    await desk.rate(item="merchant_fee", party=None, terms=all_, fee_type="commission", key="k1")
    own = percent("0.5", taker="merchant_fee", condition='channel == "pos"')
    await desk.rate(item="merchant_fee", party=PLATFORM, terms=own, fee_type="commission", key="k2")
    assert quote(book, clock).fee_minor == 0
    await book.refresh()
    assert quote(book, clock).fee_minor == 50
    assert quote(book, clock, channel="qr").fee_minor == 100


async def test_a_version_holds_from_its_time_and_the_old_one_before(desk, book, clock):
    later = clock.now() + timedelta(days=1)
    one, two = percent("1", taker="merchant_fee"), percent("2", taker="merchant_fee")
    await desk.rate(item="merchant_fee", party=PLATFORM, terms=one, fee_type="c", key="k1")
    await desk.rate(item="merchant_fee", party=PLATFORM, terms=two, fee_type="c", key="k2", effective_from=later)
    await book.refresh()
    assert quote(book, clock).fee_minor == 100
    assert quote(book, clock, at=later - timedelta(microseconds=1)).fee_minor == 100
    assert quote(book, clock, at=later).fee_minor == 200
    with pytest.raises(TermsError, match="later version"):
        await desk.rate(item="merchant_fee", party=PLATFORM, terms=one, fee_type="c", key="k3")


async def test_the_same_request_again_changes_nothing(desk, pool):
    terms = percent("1", taker="merchant_fee")
    for _ in range(2):
        await desk.rate(item="merchant_fee", party=PLATFORM, terms=terms, fee_type="c", key="k1")
    assert await pool.fetchval("SELECT count(*) FROM fee_version") == 1
    other = percent("2", taker="merchant_fee")
    with pytest.raises(TermsError, match="k1"):
        await desk.rate(item="merchant_fee", party=PLATFORM, terms=other, fee_type="c", key="k1")


async def test_tiers_and_takers_come_back_as_they_were_saved(desk, pool):
    terms = Terms(
        kind=RateKind.TIERED_RATIO,
        takers=(Taker(item="profit", party=PLATFORM, weight=40), Taker(item="merchant_fee", weight=60)),
        tier_factor="gmv",
        tiers=(
            Tier(lower=Decimal(0), upper=Decimal(100), ratio=Decimal("0.90")),
            Tier(lower=Decimal(100), upper=None, ratio=Decimal("1.5"), expression="base * ratio / 100 + 1"),
        ),
        minimum_minor=1,
    )
    await desk.rate(item="merchant_fee", party=PLATFORM, terms=terms, fee_type="c", key="k1")
    [instance] = (await store.rates(pool)).instances
    assert instance.versions[0].terms == terms


async def test_a_version_is_never_changed(desk, pool):
    terms = percent("1", taker="merchant_fee")
    await desk.rate(item="merchant_fee", party=PLATFORM, terms=terms, fee_type="c", key="k1")
    with pytest.raises(asyncpg.RaiseError, match="never changed"):
        await pool.execute("UPDATE fee_version SET ratio = 0")
    with pytest.raises(asyncpg.RaiseError, match="never changed"):
        await pool.execute("DELETE FROM fee_version")


async def test_an_item_is_there_once_and_an_unknown_one_is_an_error(desk, book, clock):
    again = await desk.item(code="merchant_fee", business="acquiring", mode="card", unit="CNY")
    assert again.code == "merchant_fee"
    with pytest.raises(TermsError, match="other facts"):
        await desk.item(code="merchant_fee", business="acquiring", mode="card", unit="USD")
    with pytest.raises(TermsError, match="no fee item"):
        await desk.rate(item="x", party=None, terms=percent("1", taker="x"), fee_type="c", key="k")
    await book.refresh()
    assert book.has("merchant_fee")
    assert not book.has("x")
    with pytest.raises(KeyError):
        book.quote(item="x", party=PLATFORM, facts={}, at=clock.now())


async def test_a_stored_formula_that_cannot_be_read_refuses_those_it_is_for_and_nobody_else(desk, book, clock, pool):
    await desk.rate(
        item="merchant_fee", party=None, terms=percent("0.60", taker="merchant_fee"), fee_type="fee", key="a"
    )
    await desk.rate(
        item="merchant_fee", party=PLATFORM, terms=percent("0.50", taker="merchant_fee"), fee_type="fee", key="b"
    )
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("UPDATE fee_version SET expression = 'base *' WHERE ratio = 0.50")
    await book.refresh()
    with pytest.raises(RateError, match="cannot be read"):
        quote(book, clock)
    other = book.quote(item="merchant_fee", party=uuid4(), facts={"base": 10_000, "channel": "pos"}, at=clock.now())
    assert other.fee_minor == 60
