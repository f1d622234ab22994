"""The sandbox's terminal, which shares no code with the door, signs in, pays and undoes."""

from __future__ import annotations

import pytest

from gateway.kernel.clock import SystemClock
from gateway.kernel.reasons import Reason
from gateway.payments.model import AcquiringAnswer, Transaction
from gateway.sandbox.terminal import SimulatedTerminal, TerminalSettings

TMK = bytes.fromhex("CA5D92598DCA48CE8A4C76361A9269E9")
PAN = "6222020000000000"
TRACK = f"{PAN}D30122010000000000000"


@pytest.fixture
async def terminal(opened):
    address = (await opened()).addresses[0]
    settings = TerminalSettings(
        host=address.host,
        port=address.port,
        terminal="10000001",
        merchant="104110070110814",
        answer_seconds=5,
    )
    simulated = SimulatedTerminal(settings, tmk=TMK, clock=SystemClock())
    yield simulated
    await simulated.close()


@pytest.mark.parametrize("kind", ["001", "003", "004"])
async def test_it_signs_in_and_pays_by_number_and_by_track(terminal, till, kind: str) -> None:
    assert (await terminal.sign_in(kind)).is_approved
    typed = await terminal.purchase(12345, pan=PAN, pin="123456")
    swiped = await terminal.purchase(500, track2=TRACK, pin="123456")
    assert (typed.code, swiped.code, typed.answer["2"]) == ("00", "00", PAN)
    assert [record.card.pan for record in till.records] == [PAN, PAN]
    assert all(len(record.card.pin_block) == 8 for record in till.records)


async def test_it_undoes_repeats_and_enquires(terminal, till) -> None:
    await terminal.sign_in()
    sale = await terminal.purchase(12345, pan=PAN)
    others = [
        await terminal.repeat(sale.request),
        await terminal.resend(sale.request),
        await terminal.void(sale),
        await terminal.refund(sale, 100),
        await terminal.reverse(sale.request),
        await terminal.enquire(sale.request),
        await terminal.echo(),
        await terminal.sign_off(),
    ]
    assert [slip.code for slip in others] == ["00"] * len(others)
    await terminal.keep_alive()
    assert [record.transaction for record in till.records] == [
        *[Transaction.PURCHASE] * 3,
        Transaction.VOID,
        Transaction.REFUND,
        Transaction.REVERSAL,
        Transaction.ENQUIRY,
    ]


async def test_it_is_told_why_it_is_refused(terminal, till) -> None:
    await terminal.sign_in()
    till.answer = lambda _: AcquiringAnswer(reason=Reason.BANK_DECLINED, iso39="51", text="余额不足")
    slip = await terminal.purchase(12345, pan=PAN)
    assert (slip.code, slip.text) == ("51", "余额不足")
    assert (await terminal.purchase(1, pan=PAN, wrong_code=True)).code == "A0"
