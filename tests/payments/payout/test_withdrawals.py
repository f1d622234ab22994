"""A withdrawal on its way in: checks, password, one change, second requests (rows A55-A60)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.journal import Count, Key, Refused
from gateway.kernel.money import Money
from gateway.kernel.reasons import Reason
from gateway.ledger import Account, Leg, Purpose
from gateway.payments.payout import PayoutState, Withdrawal, WithdrawalSettings, store
from gateway.payments.payout.withdrawals import Keys
from tests.clearing.files.house import PASSWORD, House


async def request(
    house: House, party: UUID, card: UUID, amount: int = 500_00, *, keys: Keys | None = None
) -> Withdrawal | Refused:
    more = {} if keys is None else {"keys": keys}
    return await house.withdrawals.request(
        party=party, amount=Money(amount, "CNY"), bank_card=card, who="api:test", **more
    )


async def checked(house: House, party: UUID, card: UUID, amount: int = 500_00) -> UUID:
    asked = await request(house, party, card, amount)
    assert isinstance(asked, Withdrawal), asked
    return asked.payout.id


def key(house: House, name: str, content: bytes = b"1") -> Keys:
    def made(subject: UUID) -> tuple[Key, ...]:
        return (
            Key(
                scope="api:test",
                name=name,
                digest=content.ljust(32),
                digest_version=1,
                subject=subject,
                expires_at=house.clock.now() + timedelta(days=1),
                refusal=Reason.KEY_REUSED,
            ),
        )

    return made


async def test_a_request_is_checked_priced_and_freezes_nothing(house: House) -> None:
    agent = await house.agent("X", has=1000_00)
    asked = await request(house, agent, await house.card(agent))
    assert isinstance(asked, Withdrawal)
    assert asked.payout.state is PayoutState.CHECKED
    assert (asked.payout.amount_minor, asked.payout.fee_minor, asked.payout.fee_version) == (500_00, 1_00, "fee-1")
    assert asked.withdrawable_minor == 1000_00
    assert await house.frozen(agent) == 0
    assert await house.states("payout", asked.payout.id) == ["requested", "checked"]


async def test_confirming_freezes_amount_and_fee_with_the_instruction_in_one_change(house: House) -> None:
    agent = await house.agent("X", has=1000_00)
    payout = await checked(house, agent, await house.card(agent))
    done = await house.withdrawals.confirm(payout, password=PASSWORD, who="api:test")
    assert isinstance(done, Withdrawal)
    assert done.payout.state is PayoutState.FROZEN
    assert done.withdrawable_minor == 499_00
    assert await house.frozen(agent) == 501_00
    assert done.payout.instruction_id is not None
    instruction = await house.instruction(done.payout.instruction_id)
    assert (instruction["state"], instruction["communication"], instruction["ask"]) == ("routed", "waiting", "payout")
    assert instruction["purpose"].startswith("WITHDRAWAL ")
    assert b"622202" not in instruction["payee_account"]
    batches = await house.pool.fetchval(
        "SELECT count(DISTINCT (seq, place)) FROM journal_event"
        " WHERE subject = $1 AND state IN ('confirmed', 'frozen')",
        payout,
    )
    assert batches == 1


@pytest.mark.parametrize(
    ("amount", "fee"), [(1_00, 1_00), (500_00, 1_00), (1000_01, 1_00), (1500_00, 1_50), (30_000_00, 25_00)]
)
async def test_the_fee_has_a_least_and_a_most(house: House, amount: int, fee: int) -> None:
    agent = await house.agent("X", has=40_000_00)
    asked = await request(house, agent, await house.card(agent), amount)
    assert isinstance(asked, Withdrawal)
    assert asked.payout.fee_minor == fee


async def test_each_refused_request_says_why_and_leaves_nothing(house: House) -> None:
    rich, poor = await house.agent("rich", has=1000_00), await house.agent("poor", has=500_99)
    card, other = await house.card(rich), await house.card(poor)
    owing = await house.agent("owing", has=900_00)
    advance = Account(owing, "CNY", Purpose.ADVANCE)
    await house.post(postings=(house.transfer(Leg(advance, 5), Leg(house.bank, -5)),))
    suspended = await house.agent("suspended", has=900_00)
    suspended_card = await house.card(suspended)
    await house.pool.execute("UPDATE party SET state = 'suspended' WHERE id = $1", suspended)
    cases = [
        (rich, card, 0, Reason.BAD_AMOUNT),
        (rich, card, -5, Reason.BAD_AMOUNT),
        (rich, other, 500_00, Reason.CARD_NOT_BOUND),
        (poor, other, 500_00, Reason.INSUFFICIENT_FUNDS),
        (owing, await house.card(owing), 1_00, Reason.ADVANCE_OWED),
        (suspended, suspended_card, 1_00, Reason.NOT_PERMITTED),
        (house.ids.new(), card, 1_00, Reason.NOT_FOUND),
        (rich, card, 6_000_000_00, Reason.LIMIT_EXCEEDED),
    ]
    for party, with_card, amount, reason in cases:
        refused = await request(house, party, with_card, amount)
        assert isinstance(refused, Refused)
        assert refused.reason is reason
    assert await house.pool.fetchval("SELECT count(*) FROM payout") == 0


async def test_money_that_has_not_ripened_cannot_be_withdrawn(house: House) -> None:
    agent = await house.agent("X", has=1000_00)
    card = await house.card(agent)
    await house.post(counts=(Count("unripe", str(agent), 600_00),))
    assert await house.withdrawals.withdrawable(agent, "CNY") == 400_00
    refused = await request(house, agent, card, 400_00)
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.INSUFFICIENT_FUNDS
    assert isinstance(await request(house, agent, card, 399_00), Withdrawal)


async def test_confirming_many_at_once_never_takes_what_has_not_ripened(house: House) -> None:
    agent = await house.agent("X", has=1000_00)
    card = await house.card(agent)
    await house.post(counts=(Count("unripe", str(agent), 600_00),))
    asked = [await checked(house, agent, card, 150_00) for _ in range(5)]
    done = await asyncio.gather(
        *(house.withdrawals.confirm(payout, password=PASSWORD, who="api:test") for payout in asked)
    )
    assert sum(isinstance(each, Withdrawal) for each in done) == 2
    assert {each.reason for each in done if isinstance(each, Refused)} == {Reason.INSUFFICIENT_FUNDS}
    assert await house.frozen(agent) == 302_00


async def test_a_wrong_password_moves_no_money_and_too_many_lock(house: House) -> None:
    agent = await house.agent("X", has=1000_00)
    payout = await checked(house, agent, await house.card(agent))
    reasons = []
    for _ in range(5):
        refused = await house.withdrawals.confirm(payout, password="000000", who="api:test")
        assert isinstance(refused, Refused)
        reasons.append(refused.reason)
    assert reasons == [Reason.BAD_PIN] * 4 + [Reason.PIN_TRIES]
    locked = await house.withdrawals.confirm(payout, password=PASSWORD, who="api:test")
    assert isinstance(locked, Refused)
    assert locked.reason is Reason.PIN_TRIES
    assert (await house.has(agent), await house.frozen(agent)) == (1000_00, 0)
    assert (await house.payout(payout)).state is PayoutState.CHECKED


async def test_the_password_is_not_asked_where_the_check_no_longer_passes(house: House) -> None:
    agent = await house.agent("X", has=1000_00)
    card = await house.card(agent)
    first, second = await checked(house, agent, card), await checked(house, agent, card)
    assert isinstance(await house.withdrawals.confirm(first, password=PASSWORD, who="api:test"), Withdrawal)
    refused = await house.withdrawals.confirm(second, password="000000", who="api:test")
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.INSUFFICIENT_FUNDS
    tries = await house.pool.fetchval("SELECT wrong_tries FROM withdrawal_password WHERE id = $1", agent)
    assert tries == 0


async def test_confirming_twice_at_once_freezes_once(house: House) -> None:
    agent = await house.agent("X", has=2000_00)
    payout = await checked(house, agent, await house.card(agent))
    done = await asyncio.gather(
        *(house.withdrawals.confirm(payout, password=PASSWORD, who="api:test") for _ in range(4))
    )
    assert sum(isinstance(each, Withdrawal) for each in done) == 1
    assert {each.reason for each in done if isinstance(each, Refused)} == {Reason.WRONG_STATE}
    assert await house.frozen(agent) == 501_00


async def test_a_repeated_request_gets_the_first_answer_and_other_content_is_refused(house: House) -> None:
    agent = await house.agent("X", has=1000_00)
    card = await house.card(agent)
    first = await request(house, agent, card, keys=key(house, "k1"))
    again = await request(house, agent, card, keys=key(house, "k1"))
    other = await request(house, agent, card, 400_00, keys=key(house, "k1", b"2"))
    assert isinstance(first, Withdrawal)
    assert isinstance(again, Withdrawal)
    assert (again.payout.id, again.replayed) == (first.payout.id, True)
    assert isinstance(other, Refused)
    assert other.reason is Reason.KEY_REUSED
    assert await house.pool.fetchval("SELECT count(*) FROM payout") == 1


async def test_a_repeat_is_answered_also_where_the_checks_would_fail_now(house: House) -> None:
    agent = await house.agent("X", has=600_00)
    card = await house.card(agent)
    first = await request(house, agent, card, keys=key(house, "k1"))
    assert isinstance(first, Withdrawal)
    confirmed = await house.withdrawals.confirm(
        first.payout.id, password=PASSWORD, who="api:test", keys=key(house, "k2")
    )
    assert isinstance(confirmed, Withdrawal)
    again = await request(house, agent, card, keys=key(house, "k1"))
    assert isinstance(again, Withdrawal)
    assert (again.payout.state, again.replayed) == (PayoutState.FROZEN, True)
    second = await house.withdrawals.confirm(first.payout.id, password="000000", who="api:test", keys=key(house, "k2"))
    assert isinstance(second, Withdrawal)
    assert second.replayed
    fresh = await request(house, agent, card, keys=key(house, "k3"))
    assert isinstance(fresh, Refused)
    assert fresh.reason is Reason.INSUFFICIENT_FUNDS


async def test_a_refused_request_leaves_its_key_free(house: House) -> None:
    agent = await house.agent("X", has=100_00)
    card = await house.card(agent)
    assert isinstance(await request(house, agent, card, keys=key(house, "k1")), Refused)
    await house.fund(agent, 900_00)
    assert isinstance(await request(house, agent, card, keys=key(house, "k1")), Withdrawal)


async def test_limits_count_across_requests_and_a_failed_one_gives_its_part_back(house: House) -> None:
    house.limits = WithdrawalSettings(daily_minor=1000_00, most_open=2)
    house.open()
    agent = await house.agent("X", has=5000_00)
    card = await house.card(agent)
    first = await house.withdraw(agent, 600_00, card)
    over = await request(house, agent, card, 400_01)
    assert isinstance(over, Refused)
    assert over.reason is Reason.LIMIT_EXCEEDED
    await checked(house, agent, card, 300_00)
    third = await request(house, agent, card, 50_00)
    assert isinstance(third, Refused)
    assert third.reason is Reason.WITHDRAWAL_OPEN
    assert isinstance(await house.withdrawals.cancel(first, who="api:test"), Withdrawal)
    assert isinstance(await request(house, agent, card, 700_00), Withdrawal)
    assert (await house.has(agent), await house.frozen(agent)) == (5000_00, 0)


async def test_many_requests_at_once_never_pass_the_number_of_open_ones(house: House) -> None:
    house.limits = WithdrawalSettings(most_open=3)
    house.open()
    agent = await house.agent("X", has=5000_00)
    card = await house.card(agent)
    asked = await asyncio.gather(*(request(house, agent, card, 10_00) for _ in range(8)))
    assert sum(isinstance(each, Withdrawal) for each in asked) == 3
    assert {each.reason for each in asked if isinstance(each, Refused)} == {Reason.WITHDRAWAL_OPEN}


async def test_what_is_in_a_file_cannot_be_called_back(house: House) -> None:
    agent = await house.agent("X", has=1000_00)
    payout = await house.withdraw(agent, 500_00, await house.card(agent))
    await house.send()
    refused = await house.withdrawals.cancel(payout, who="api:test")
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.WRONG_STATE


async def test_a_request_nobody_confirms_ends_and_frees_its_place(house: House) -> None:
    house.limits = WithdrawalSettings(most_open=1)
    house.open()
    agent = await house.agent("X", has=1000_00)
    card = await house.card(agent)
    payout = await checked(house, agent, card)
    house.clock.advance(timedelta(minutes=30))
    late = await house.withdrawals.confirm(payout, password=PASSWORD, who="api:test")
    assert isinstance(late, Refused)
    assert late.reason is Reason.WRONG_STATE
    await house.run()
    assert (await house.payout(payout)).state is PayoutState.CANCELLED
    assert isinstance(await request(house, agent, card), Withdrawal)


async def test_without_an_open_channel_nothing_is_frozen(house: House) -> None:
    agent = await house.agent("X", has=1000_00)
    payout = await checked(house, agent, await house.card(agent))
    await house.pool.execute("UPDATE channel SET state = 'off' WHERE id = $1", house.channel)
    refused = await house.withdrawals.confirm(payout, password=PASSWORD, who="api:test")
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.CHANNEL_CLOSED
    assert await house.frozen(agent) == 0


async def test_an_unknown_withdrawal_is_not_found(house: House) -> None:
    missing = house.ids.new()
    assert await house.withdrawals.find(missing) is None
    for refused in (
        await house.withdrawals.confirm(missing, password=PASSWORD, who="api:test"),
        await house.withdrawals.cancel(missing, who="api:test"),
    ):
        assert isinstance(refused, Refused)
        assert refused.reason is Reason.NOT_FOUND


async def test_what_has_not_ripened_stays_whatever_happens_while_a_confirmation_is_on_its_way(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the party's money and the hold a fact takes what had ripened."""
    agent = await house.agent("X", has=1000_00)
    await house.post(counts=(Count("unripe", str(agent), 400_00),))
    payout = await checked(house, agent, await house.card(agent))
    legs = Leg(Account(agent, "CNY", Purpose.AVAILABLE), 200_00), Leg(house.bank, -200_00)
    look, fact, looked = store.standing, house.transfer(*legs), []

    async def looks(pool: Any, **which: Any) -> Any:
        found = await look(pool, **which)
        looked.append(found)
        # The first look checks, the second is what the hold is decided on.
        if len(looked) == 2:
            await house.post(postings=(fact,))
        return found

    monkeypatch.setattr(store, "standing", looks)
    refused = await house.withdrawals.confirm(payout, password=PASSWORD, who="api:test")
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.INSUFFICIENT_FUNDS
    assert (await house.has(agent), await house.frozen(agent)) == (800_00, 0)
