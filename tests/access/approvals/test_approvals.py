"""Four eyes hold: whoever proposes, whoever decides, however many at once, whatever moved meanwhile."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from gateway.access.approvals import Draft, ProposalState, Submitted, pack
from gateway.access.approvals.states import PROPOSAL_STATES, ProposalEvent, advance
from gateway.journal import Refused
from gateway.kernel.postgres.edit import Alter, Edit, apply_edit
from gateway.kernel.reasons import Reason
from gateway.parties import store as parties

MONEY, NAMES = "money:approve", "names:approve"


def reason(outcome) -> Reason:
    assert isinstance(outcome, Refused), outcome
    return outcome.reason


async def approved(house, proposal, by="wang", **own):
    return await house.approvals.approve(house.order(by, **own), proposal.id, digest=proposal.digest)


async def test_nothing_happens_before_a_second_person_approves(house):
    proposal = await house.rename("New")
    assert (await house.party()).name == "Old"
    done = await approved(house, proposal)
    assert isinstance(done, Submitted)
    assert (done.proposal.state, done.proposal.decided_by) == (ProposalState.APPROVED, "user:wang")
    assert (await house.party()).name == "New"


async def test_a_change_through_the_journal_is_approved_in_the_same_way(house):
    proposal = await house.move_money(500)
    assert await house.moved() == 0
    assert isinstance(await approved(house, proposal), Submitted)
    assert await house.moved() == 1


async def test_the_proposer_does_not_approve(house):
    for proposal in (await house.rename("New"), await house.move_money(500)):
        assert reason(await approved(house, proposal, by="li")) is Reason.NOT_PERMITTED
    assert (await house.party()).name == "Old"
    assert await house.moved() == 0


async def test_another_login_of_the_same_person_does_not_approve(house):
    house.may("li", NAMES, MONEY, person="phone:139")
    house.may("li2", NAMES, MONEY, person="phone:139")
    assert reason(await approved(house, await house.rename("New"), by="li2")) is Reason.NOT_PERMITTED


async def test_a_login_that_was_closed_meanwhile_is_still_the_same_person(house):
    house.may("li", NAMES, MONEY, person="phone:139")
    house.may("li2", NAMES, MONEY, person="phone:139")
    proposal = await house.rename("New", by="li")
    del house.book.known["user:li"]
    assert reason(await approved(house, proposal, by="li2")) is Reason.NOT_PERMITTED
    assert (await house.party()).name == "Old"


async def test_an_order_that_is_refused_by_now_finds_what_it_proposed(house):
    first = await house.rename("New", key="first")
    await approved(house, first)
    refusal = Refused(Reason.TAKEN, "it has this name already")
    found = await house.approvals.earlier_or(house.order("li", "first", body="New"), refusal)
    assert isinstance(found, Submitted)
    assert (found.proposal.id, found.proposal.state, found.replayed) == (first.id, ProposalState.APPROVED, True)
    assert await house.approvals.earlier_or(house.order("li", "second", body="New"), refusal) == refusal
    other = await house.approvals.earlier_or(house.order("li", "first", body="Other"), refusal)
    assert reason(other) is Reason.REFERENCE_REUSED


async def test_who_lacks_the_kind_s_own_permission_does_not_approve(house):
    house.may("qian", MONEY)
    assert reason(await approved(house, await house.rename("New"), by="qian")) is Reason.NOT_PERMITTED
    assert reason(await approved(house, await house.rename("New"), by="zhao")) is Reason.NOT_PERMITTED


async def test_who_does_not_see_the_party_is_told_there_is_nothing(house, elsewhere):
    house.may("far", NAMES, sees=elsewhere)
    proposal = await house.rename("New")
    assert reason(await approved(house, proposal, by="far")) is Reason.NOT_FOUND
    assert await house.approvals.find(elsewhere, proposal.id) is None
    house.may("near", NAMES, sees=house.shop_scope)
    assert isinstance(await approved(house, proposal, by="near"), Submitted)


@pytest.mark.parametrize("what", ["rename", "money"])
async def test_of_a_hundred_approvals_at_once_exactly_one_takes_effect(house, what):
    proposal = await (house.rename("New") if what == "rename" else house.move_money(500))
    for number in range(100):
        house.may(f"clerk{number}", NAMES, MONEY)
    outcomes = await asyncio.gather(*(approved(house, proposal, by=f"clerk{number}") for number in range(100)))
    taken = [one for one in outcomes if isinstance(one, Submitted)]
    assert len(taken) == 1
    assert {reason(one) for one in outcomes if isinstance(one, Refused)} == {Reason.WRONG_STATE}
    if what == "rename":
        assert (await house.party()).version == 2
    else:
        assert await house.moved() == 1


@pytest.mark.parametrize("what", ["rename", "money"])
async def test_a_repeated_command_gets_its_first_answer(house, what):
    order = {"key": "propose-1"}
    proposal = await (house.rename("New", **order) if what == "rename" else house.move_money(500, **order))
    again = await (house.move_money(500, **order) if what == "money" else _again(house, "New", "propose-1"))
    assert again.id == proposal.id
    first = await approved(house, proposal, key="approve-1")
    second = await approved(house, proposal, key="approve-1")
    assert (first.replayed, second.replayed) == (False, True)
    assert second.proposal == first.proposal
    assert reason(await approved(house, proposal)) is Reason.WRONG_STATE


async def _again(house, name, key):
    line = Alter(parties.PARTY, house.shop, 1, {"name": name})
    draft = Draft(
        kind="party.name", subject=house.shop, subject_version=1, party=house.shop, content=pack([line]), why="w"
    )
    submitted = await house.approvals.propose(house.order("li", key, body=name), draft)
    assert submitted.replayed
    return submitted.proposal


async def test_a_record_that_moved_meanwhile_is_refused(house):
    proposal = await house.rename("New")
    line = Alter(parties.PARTY, house.shop, 1, {"name": "Third"})
    await apply_edit(
        house.pool, Edit(id=house.ids.new(), key="x", who="t", why="t", at=house.clock.now(), said={}, lines=(line,))
    )
    assert reason(await approved(house, proposal)) is Reason.WRONG_STATE
    assert (await house.party()).name == "Third"
    assert (await house.approvals.find(house.shop_scope, proposal.id)).state is ProposalState.PROPOSED


async def test_only_what_has_the_digest_is_approved(house):
    proposal = await house.rename("New")
    wrong = await house.approvals.approve(house.order("wang"), proposal.id, digest="0" * 64)
    assert reason(wrong) is Reason.WRONG_STATE


async def test_content_that_was_changed_in_the_database_is_not_carried_out(house):
    proposal = await house.move_money(500)
    async with house.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("UPDATE proposal SET content = jsonb_build_object('amount', 999999)")
    assert reason(await approved(house, proposal)) is Reason.FAULT
    assert await house.moved() == 0


async def test_the_database_keeps_a_proposal_as_it_was(house):
    proposal = await house.rename("New")
    for column, value in (("content", "'{}'"), ("digest", "repeat('0', 64)"), ("proposed_by", "'x'")):
        with pytest.raises(Exception, match="stays as it was proposed"):
            await house.pool.execute(f"UPDATE proposal SET {column} = {value} WHERE id = $1", proposal.id)
    await approved(house, proposal)
    with pytest.raises(Exception, match="decided once"):
        await house.pool.execute("UPDATE proposal SET decided_why = 'x' WHERE id = $1", proposal.id)


async def test_a_refusal_says_why_and_ends_it(house):
    proposal = await house.rename("New")
    refused = await house.approvals.refuse(house.order("wang"), proposal.id, why="not the registered name")
    assert refused.proposal.state is ProposalState.REFUSED
    assert (refused.proposal.decided_by, refused.proposal.decided_why) == ("user:wang", "not the registered name")
    assert reason(await approved(house, proposal)) is Reason.WRONG_STATE
    assert (await house.party()).name == "Old"


async def test_the_proposer_takes_it_back_and_nobody_else(house):
    proposal = await house.rename("New")
    assert reason(await house.approvals.withdraw(house.order("wang"), proposal.id)) is Reason.NOT_PERMITTED
    assert reason(await house.approvals.refuse(house.order("li"), proposal.id, why="w")) is Reason.NOT_PERMITTED
    withdrawn = await house.approvals.withdraw(house.order("li"), proposal.id)
    assert withdrawn.proposal.state is ProposalState.WITHDRAWN
    assert reason(await approved(house, proposal)) is Reason.WRONG_STATE


async def test_after_its_time_it_cannot_be_approved_and_its_timer_ends_it(house):
    for proposal in (await house.rename("New"), await house.move_money(500)):
        due = await house.pool.fetchval("SELECT due_at FROM timer WHERE subject = $1", proposal.id)
        assert due == proposal.expires_at == proposal.proposed_at + timedelta(hours=72)
    house.clock.advance(timedelta(hours=72))
    assert reason(await approved(house, proposal)) is Reason.WRONG_STATE
    await house.approvals.expire(proposal.id)
    await house.approvals.expire(proposal.id)
    assert (await house.approvals.find(house.shop_scope, proposal.id)).state is ProposalState.EXPIRED
    assert await house.moved() == 0


async def test_how_long_it_waits_is_a_parameter_and_never_beyond_its_own_end(house):
    house.set({"approvals.expire_after_h": 1})
    assert (await house.rename("New")).expires_at == house.clock.now() + timedelta(hours=1)
    soon = house.clock.now() + timedelta(minutes=5)
    assert (await house.rename("New", not_after=soon)).expires_at == soon


async def test_up_to_the_limit_one_person_is_enough_and_zero_is_always_two(house):
    assert (await house.move_money(1)).state is ProposalState.PROPOSED
    house.set({"approvals.limit.money_move": 500})
    small = await house.move_money(500)
    assert (small.state, small.decided_by) == (ProposalState.APPROVED, "system:approvals")
    assert await house.moved() == 1
    assert (await house.move_money(501)).state is ProposalState.PROPOSED
    assert await house.moved() == 1


async def test_what_nobody_registered_cannot_be_proposed(house):
    draft = Draft(kind="moon.buy", subject=house.shop, subject_version=0, party=house.shop, content={}, why="w")
    assert reason(await house.approvals.propose(house.order("li"), draft)) is Reason.NOT_SUPPORTED


def test_every_cell_of_the_states():
    ends = {state for state in ProposalState if state is not ProposalState.PROPOSED}
    assert set(PROPOSAL_STATES) == set(ProposalState)
    for event in ProposalEvent:
        assert advance(ProposalState.PROPOSED, event) in ends
        assert {advance(state, event) for state in ends} == {None}


@pytest.mark.parametrize(
    ("amount", "unit", "limit"), [(0, "CNY", 0), (-500, "CNY", 0), (-5000, "CNY", 1000), (500, "JPY", 1000)]
)
async def test_one_person_is_not_enough_for_nothing_for_money_back_or_for_another_unit(house, amount, unit, limit):
    house.set({"approvals.limit.money_move": limit})
    assert (await house.move_money(amount, unit=unit)).state is ProposalState.PROPOSED
    assert await house.moved() == 0


async def test_of_an_approval_and_a_refusal_at_once_exactly_one_holds(house):
    house.may("qian", NAMES)
    for place in range(8):
        proposal = await house.rename(f"New {place}")
        yes, no = await asyncio.gather(
            approved(house, proposal), house.approvals.refuse(house.order("qian"), proposal.id, why="no")
        )
        assert isinstance(yes, Submitted) is not isinstance(no, Submitted)
        assert ((await house.party()).name == f"New {place}") is isinstance(yes, Submitted)
