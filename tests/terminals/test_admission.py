"""Who is let in: terminal, merchant, session, MAC, batch; and sources that send too many wrong MACs."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from channels.iso8583 import Message, encode
from gateway.merchants import BatchState, MerchantState, TerminalState

WRONG_KEY = bytes.fromhex("1111111111111111")


async def test_an_unknown_terminal(opened, dial) -> None:
    pos = await dial(await opened(), number="99999999")
    assert (await pos.ask(pos.network("0800", "003"))).text(39) == "97"


async def test_a_locked_terminal(pos, world, till) -> None:
    world.edit("10000001", state=TerminalState.LOCKED)
    assert (await pos.ask(pos.sale())).text(39) == "97"
    assert (await pos.ask(pos.network("0800", "003"))).text(39) == "97"
    assert till.records == []


async def test_a_terminal_of_another_dialect(opened, dial) -> None:
    pos = await dial(await opened(), number="20000001")
    assert (await pos.ask(pos.network("0800", "003"))).text(39) == "97"


@pytest.mark.parametrize("merchant", ["104110070110815", "999999999999999"])
async def test_a_merchant_that_is_not_the_terminals(pos, till, merchant: str) -> None:
    assert (await pos.ask(pos.sale(f42=merchant))).text(39) == "03"
    assert till.records == []


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (MerchantState.OPEN, "00"),
        (MerchantState.SUSPENDED, "00"),
        (MerchantState.CLOSED, "03"),
        (MerchantState.DRAFT, "03"),
    ],
)
async def test_only_a_merchant_in_business_signs_in(pos, world, state: MerchantState, code: str) -> None:
    world.merchants[pos.merchant] = replace(world.merchants[pos.merchant], state=state)
    assert (await pos.ask(pos.network("0800", "003"))).text(39) == code


@pytest.mark.parametrize("state", list(MerchantState))
async def test_whether_a_merchant_sells_is_for_the_payments_to_say(pos, world, till, state: MerchantState) -> None:
    """A repeat of what was approved before has its answer, whatever has become of the merchant."""
    world.merchants[pos.merchant] = replace(world.merchants[pos.merchant], state=state)
    assert (await pos.ask(pos.sale())).text(39) == "00"
    assert len(till.records) == 1


async def test_a_repeat_is_told_nothing_before_the_books_were_asked(pos, world, till, hears_nothing) -> None:
    """Neither that nothing was sent (91) nor that what was sent is undone (98): its first may stand."""
    world.fault = ConnectionRefusedError()
    sale = pos.sale()
    assert (await pos.ask(sale)).text(39) == "91"
    for mti in ("0201", "0221", "0401"):
        assert await hears_nothing(pos, Message(mti, {**sale.fields, 39: "98"} if mti == "0401" else sale.fields))
    world.fault = None
    assert (await pos.ask(Message("0201", sale.fields))).text(39) == "00"
    assert len(till.records) == 1


async def test_a_repeat_is_still_told_what_is_sure(pos, world, till) -> None:
    sale = pos.sale()
    world.edit("10000001", state=TerminalState.LOCKED)
    assert (await pos.ask(Message("0201", sale.fields))).text(39) == "97"
    assert till.records == []


@pytest.mark.parametrize("state", [MerchantState.SUSPENDED, MerchantState.CLOSED])
async def test_a_reversal_is_taken_from_a_merchant_that_sells_no_more(pos, world, state: MerchantState) -> None:
    world.merchants[pos.merchant] = replace(world.merchants[pos.merchant], state=state)
    assert (await pos.ask(Message("0400", {**pos.sale().fields, 39: "98"}))).text(39) == "00"


@pytest.mark.parametrize("field", [41, 42])
async def test_who_asks_must_be_said(pos, field: int) -> None:
    answer = await pos.ask(pos.sale(**{f"f{field}": ""}))
    assert (answer.text(39), answer.text(44)) == ("30", str(field))


async def test_without_a_session_sign_in_first(opened, dial) -> None:
    pos = await dial(await opened())
    assert (await pos.ask(pos.sale(), key=WRONG_KEY)).text(39) == "77"
    pos.send(encode(pos.dialect, pos.sale()))
    answer, _ = await pos.receive()
    assert answer.text(39) == "77"


async def test_another_batch_than_the_open_one(pos, world, till) -> None:
    pos.batch = "000002"
    assert (await pos.ask(pos.sale())).text(39) == "77"
    pos.batch = "000001"
    world.edit("10000001", batch_state=BatchState.CLOSED)
    assert (await pos.ask(pos.sale())).text(39) == "77"
    assert till.records == []


async def test_a_batch_that_another_process_opened(pos, world) -> None:
    world.stale["10000001"] = world.terminals["10000001"]
    world.edit("10000001", batch_no="000002")
    pos.batch = "000002"
    assert (await pos.ask(pos.sale())).text(39) == "00"


async def test_a_session_that_another_process_made(pos, world) -> None:
    world.stale["10000001"] = replace(world.terminals["10000001"], mac_key=None)
    assert (await pos.ask(pos.sale())).text(39) == "00"


async def test_keys_that_another_process_made(pos, world, keys) -> None:
    await pos.sign_in()
    older = replace(world.terminals["10000001"], mac_key=world.terminals["10000001"].previous_mac_key)
    world.stale["10000001"] = replace(older, previous_mac_key=None, previous_pin_key=None)
    assert (await pos.ask(pos.sale())).text(39) == "00"


async def test_a_wrong_mac_is_answered_a0_and_goes_no_further(pos, till, counted) -> None:
    answer = await pos.ask(pos.sale(), key=WRONG_KEY)
    assert (answer.mti, answer.text(39), till.records) == ("0210", "A0", [])
    pos.send(encode(pos.dialect, pos.sale()))
    answer, _ = await pos.receive()
    assert answer.text(39) == "A0"
    assert counted("wrong_macs_total", dialect="cups") == 2
    assert counted("requests_total", door="terminals", transaction="purchase", reason="bad_mac") == 2


async def test_a_mac_over_other_bytes_is_wrong(pos, till) -> None:
    body = bytearray(await pos.sealed(pos.sale()))
    body[body.index(bytes.fromhex("000000012345"))] ^= 0x10
    pos.send(bytes(body))
    answer, _ = await pos.receive()
    assert (answer.text(39), till.records) == ("A0", [])


@pytest.mark.parametrize(("settings", "code"), [({}, "A0"), ({"settlement_mac": False}, "40")])
async def test_settlement_carries_a_mac_unless_the_terminals_settings_say_no(pos, world, settings, code: str) -> None:
    world.edit("10000001", settings=settings)
    pos.send(encode(pos.dialect, Message("0500", pos.sale(f60="00000001201").fields)))
    answer, _ = await pos.receive()
    assert answer.text(39) == code


async def test_twenty_wrong_macs_in_a_row_block_the_address(opened, dial, till, counted) -> None:
    door = await opened(wrong_macs=20)
    pos = await dial(door)
    await pos.sign_in()
    for _ in range(19):
        assert (await pos.ask(pos.sale(), key=WRONG_KEY)).text(39) == "A0"
    assert (await pos.ask(pos.sale())).text(39) == "00"  # a good one: counted from the start again
    for _ in range(20):
        assert (await pos.ask(pos.sale(), key=WRONG_KEY)).text(39) == "A0"
    assert door.watch.wrong_of("10000001") == 39
    assert counted("blocked_sources", door="terminals") == 1
    pos.send(await pos.sealed(pos.sale(), WRONG_KEY))  # the one check of this second: dropped
    pos.send(await pos.sealed(pos.sale()))  # not even looked at
    pos.send(encode(pos.dialect, pos.network("0820", "301")))
    pos.send(b"\x02\x00" + bytes(7) + b"\x02")
    assert (await pos.ask(pos.network("0800", "003"))).text(39) == "00"  # the first answer is the sign-in's
    assert len(till.records) == 1


async def test_a_good_mac_lifts_the_block(opened, dial) -> None:
    door = await opened(wrong_macs=2)
    pos = await dial(door)
    await pos.sign_in()
    for _ in range(2):
        await pos.ask(pos.sale(), key=WRONG_KEY)
    assert door.watch.blocked("127.0.0.1")
    assert (await pos.ask(pos.sale())).text(39) == "00"
    assert not door.watch.blocked("127.0.0.1")
    assert (await pos.ask(pos.sale(), key=WRONG_KEY)).text(39) == "A0"


async def test_an_operator_lifts_the_block(opened, dial) -> None:
    door = await opened(wrong_macs=1)
    pos = await dial(door)
    await pos.sign_in()
    await pos.ask(pos.sale(), key=WRONG_KEY)
    door.watch.lift("127.0.0.1")
    assert (await pos.ask(pos.network("0820", "301"))).text(39) == "00"


async def test_a_merchant_id_is_compared_by_record(pos, world) -> None:
    world.merchants[pos.merchant] = replace(world.merchants[pos.merchant], id=UUID(int=99))
    assert (await pos.ask(pos.sale())).text(39) == "03"
