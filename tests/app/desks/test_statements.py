"""The statement desk over the real books: a scope that does not cover a party learns nothing of it."""

from __future__ import annotations

from datetime import timedelta

from gateway.api.account_port import Lines
from gateway.app.desks.statements import StatementService
from gateway.journal import Refused, open_day
from gateway.kernel.reasons import Reason
from gateway.ledger import Account, Purpose
from gateway.parties import store as parties
from tests.clearing.files.house import House


async def test_a_party_reads_its_own_books_and_nobody_elses(house: House) -> None:
    mine, other = await house.agent("X", has=1000_00), await house.agent("Y", has=50_00)
    scope = await parties.scope_of(house.pool, mine)
    assert scope is not None
    desk = StatementService(pool=house.pool)
    account, day = Account(mine, "CNY", Purpose.AVAILABLE), await open_day(house.pool)
    found = await desk.balances_on(scope, party=mine, day=day)
    assert found == {account: -1000_00}
    assert await desk.balances_at(scope, party=mine, instant=house.clock.now() + timedelta(days=1)) == found
    assert await desk.balances_on(scope, party=mine, day=day - timedelta(days=1)) == {}
    lines = await desk.lines(scope, account=account, which=Lines(limit=10))
    assert not isinstance(lines, Refused)
    assert [line.balance_minor for line in lines] == [-1000_00]
    for answer in (
        await desk.balances_on(scope, party=other, day=day),
        await desk.balances_at(scope, party=other, instant=house.clock.now()),
        await desk.lines(scope, account=Account(other, "CNY", Purpose.AVAILABLE), which=Lines(limit=10)),
    ):
        assert isinstance(answer, Refused)
        assert answer.reason is Reason.NOT_FOUND
