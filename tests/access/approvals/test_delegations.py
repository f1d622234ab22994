"""A right to decide is lent for a time, by who has it, to somebody else; and taken back at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.access.approvals import NewDelegation, Submitted
from gateway.journal import Refused
from gateway.kernel.reasons import Reason

NAMES, MONEY = "names:approve", "money:approve"


async def lend(house, giver, taker, *, kinds=("party.name",), days=7, starts=timedelta(0)):
    now = house.clock.now()
    new = NewDelegation(
        taker=f"user:{taker}", kinds=frozenset(kinds), from_at=now + starts, until_at=now + timedelta(days=days)
    )
    return await house.delegations.give(house.order(giver), new, why="on leave")


async def approve(house, proposal, by):
    return await house.approvals.approve(house.order(by), proposal.id, digest=proposal.digest)


async def test_the_taker_decides_for_the_giver_and_it_is_written_down(house):
    await lend(house, "wang", "zhao")
    done = await approve(house, await house.rename("New"), "zhao")
    assert isinstance(done, Submitted)
    assert (done.proposal.decided_by, done.proposal.decided_for) == ("user:zhao", "user:wang")
    rights = house.book.known["user:zhao"]
    assert await house.approvals.mine_to_decide(who="user:zhao", rights=rights) == {"party.name"}


async def test_it_is_for_its_kinds_and_its_time_only(house):
    await lend(house, "wang", "zhao", starts=timedelta(days=1), days=2)
    proposal = await house.rename("New")
    money = await house.move_money(500)
    assert (await approve(house, proposal, "zhao")).reason is Reason.NOT_PERMITTED
    house.clock.advance(timedelta(days=1))
    assert (await approve(house, money, "zhao")).reason is Reason.NOT_PERMITTED
    assert isinstance(await approve(house, proposal, "zhao"), Submitted)
    house.clock.advance(timedelta(days=1))
    assert (await approve(house, await house.rename("Newer"), "zhao")).reason is Reason.NOT_PERMITTED


async def test_taken_back_it_lends_nothing(house):
    given, _ = await lend(house, "wang", "zhao")
    taken, _ = await house.delegations.revoke(house.order("wang"), given.id, why="back again")
    assert taken.revoked_at == house.clock.now()
    assert (await approve(house, await house.rename("New"), "zhao")).reason is Reason.NOT_PERMITTED


async def test_the_proposer_s_own_right_is_no_second_pair_of_eyes(house):
    await lend(house, "li", "zhao")
    proposal = await house.rename("New", by="li")
    assert (await approve(house, proposal, "zhao")).reason is Reason.NOT_PERMITTED


async def test_lent_to_the_proposer_it_does_not_decide_their_own(house):
    await lend(house, "wang", "zhao")
    proposal = await house.rename("New", by="zhao")
    assert (await approve(house, proposal, "zhao")).reason is Reason.NOT_PERMITTED


async def test_what_was_lent_is_not_lent_on(house):
    house.may("qian")
    await lend(house, "wang", "zhao")
    refused = await lend(house, "zhao", "qian")
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.NOT_PERMITTED


async def test_a_giver_who_loses_the_right_lends_it_no_more(house):
    await lend(house, "wang", "zhao")
    house.may("wang", MONEY)
    assert (await approve(house, await house.rename("New"), "zhao")).reason is Reason.NOT_PERMITTED


async def test_a_giver_who_does_not_see_the_party_lends_nothing_there(house, elsewhere):
    house.may("far", NAMES, sees=elsewhere)
    await lend(house, "far", "zhao")
    assert (await approve(house, await house.rename("New"), "zhao")).reason is Reason.NOT_PERMITTED


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        ({"taker": "nobody"}, Reason.NOT_FOUND),
        ({"taker": "wang"}, Reason.FORMAT),
        ({"kinds": ()}, Reason.NOT_PERMITTED),
        ({"kinds": ("moon.buy",)}, Reason.NOT_PERMITTED),
        ({"days": 0}, Reason.FORMAT),
        ({"days": 93}, Reason.FORMAT),
    ],
)
async def test_what_cannot_be_lent(house, own, reason):
    refused = await lend(house, "wang", own.pop("taker", "zhao"), **own)
    assert isinstance(refused, Refused)
    assert refused.reason is reason


async def test_only_who_gave_it_or_may_decide_the_same_takes_it_back(house):
    house.may("qian")
    given, _ = await lend(house, "wang", "zhao")
    refused = await house.delegations.revoke(house.order("qian"), given.id, why="w")
    assert refused.reason is Reason.NOT_PERMITTED
    assert not isinstance(await house.delegations.revoke(house.order("li"), given.id, why="w"), Refused)
    assert [one.id for one in await house.delegations.of("user:zhao")] == [given.id]
