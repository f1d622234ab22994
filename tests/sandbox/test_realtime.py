import asyncio
import time
from typing import Any

import aiohttp
import pytest
from cryptography.exceptions import InvalidSignature

from gateway.sandbox.cards import card_number

GOOD = card_number("000", 1)
WITH_ENTITY = (
    b'<!DOCTYPE x [<!ENTITY a "b">]><BankRequest version="1.0"><Head><Function>PAY</Function>'
    b"<Number>20261122000000000009</Number></Head><Body>&a;</Body></BankRequest>"
)


async def test_a_payment_is_answered_signed_and_stands_in_the_books(bank: Any) -> None:
    answer = await bank.pay(GOOD, 12345)
    assert (answer["Code"], answer["State"], answer["Amount"]) == ("00", "SUCCESS", "12345")
    assert answer["Reference"].startswith("B")
    assert len(answer["Approval"]) == 6
    entry = (await bank.books())[answer["Number"]]
    expected = {"kind": "pay", "amount": 12345, "unit": "CNY", "state": "success", "value_on": answer["ValueOn"]}
    assert entry == expected | {"number": answer["Number"]}


async def test_unsigned_and_wrongly_signed_requests_get_401_and_no_body(bank: Any) -> None:
    number = bank.number()
    body = bank.question("PAY", number, Amount=100, Unit="CNY", Card=GOOD)
    good = bank.sign(body)
    for headers in ({}, bank.sign(body + b" "), good | {"X-Bank-Key": "OTHER"}, good | {"X-Bank-Signature": "?"}):
        status, _, answer = await bank.post(body, headers)
        assert (status, answer) == (401, b"")
    assert number not in await bank.books()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no xml",
        b"<Other/>",
        b'<BankRequest version="2.0"><Head/><Body/></BankRequest>',
        b'<BankRequest version="1.0"><Head/><Body/></BankRequest>',
        b'<BankRequest version="1.0"><Head><Function>PAY</Function><Number>1</Number></Head><Body/></BankRequest>',
        WITH_ENTITY,
        b'<BankRequest version="1.0">' + b"<a>" * 400 + b"</a>" * 400 + b"</BankRequest>",
    ],
)
async def test_signed_bodies_that_are_not_questions_get_400(bank: Any, body: bytes) -> None:
    status, _, answer = await bank.post(body, bank.sign(body))
    assert (status, answer) == (400, b"")


@pytest.mark.parametrize(("trigger", "code"), [("151", "51"), ("105", "05"), ("177", "77")])
async def test_declining_cards(bank: Any, trigger: str, code: str) -> None:
    answer = await bank.pay(card_number(trigger, 1))
    assert (answer["State"], answer["Code"], answer["Approval"], answer["Amount"]) == ("FAILED", code, "", "")
    assert await bank.query(answer["Number"]) == ("FAILED", code)
    assert (await bank.books())[answer["Number"]]["state"] == "failed"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"Amount": 0, "Unit": "CNY", "Card": GOOD}, "13"),
        ({"Amount": "1.5", "Unit": "CNY", "Card": GOOD}, "13"),
        ({"Amount": 100, "Unit": "USD", "Card": GOOD}, "13"),
        ({"Amount": 100, "Unit": "CNY", "Card": "4111111111111111"}, "14"),
        ({"Amount": 100, "Unit": "CNY"}, "14"),
    ],
)
async def test_what_the_bank_itself_refuses(bank: Any, fields: dict[str, Any], code: str) -> None:
    answer = await bank.ask("PAY", bank.number(), **fields)
    assert (answer["State"], answer["Code"]) == ("FAILED", code)


async def test_the_same_number_does_nothing_twice_and_gets_the_first_answer(bank: Any) -> None:
    first = await bank.pay(GOOD, 700)
    before = len(await bank.books())
    again = await asyncio.gather(*(bank.pay(GOOD, 700, number=first["Number"]) for _ in range(5)))
    assert [answer == first for answer in again] == [True] * 5
    assert len(await bank.books()) == before
    await bank.ask("REVERSE", bank.number(), Original=first["Number"])
    assert await bank.pay(GOOD, 700, number=first["Number"]) == first


async def test_a_number_of_another_function_is_refused_without_effect(bank: Any) -> None:
    first = await bank.pay(GOOD)
    answer = await bank.ask("VOID", first["Number"], Original=first["Number"])
    assert (answer["State"], answer["Code"]) == ("FAILED", "05")
    assert await bank.query(first["Number"]) == ("SUCCESS", "00")


async def test_dropped_payments_are_done_never_answered_and_found_by_query(bank: Any) -> None:
    number = bank.number()
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await bank.pay(card_number("200", 1), number=number, seconds=0.4)
    assert await bank.query(number) == ("SUCCESS", "00")
    assert (await bank.books())[number]["state"] == "success"


async def test_lost_payments_are_not_done_and_not_found(bank: Any) -> None:
    number = bank.number()
    with pytest.raises(TimeoutError):
        await bank.pay(card_number("600", 1), number=number, seconds=0.4)
    assert await bank.query(number) == ("NOT_FOUND", "25")
    assert number not in await bank.books()


async def test_a_delayed_payment_is_processing_then_done_and_holds_up_nobody(bank: Any) -> None:
    began = time.monotonic()
    slow = asyncio.create_task(bank.pay(card_number("310", 1), number="20261122777700000001"))
    while (await bank.query("20261122777700000001"))[0] == "NOT_FOUND":
        assert time.monotonic() - began < 5
    assert await bank.query("20261122777700000001") == ("PROCESSING", "09")
    assert (await bank.books())["20261122777700000001"]["state"] == "processing"
    assert (await bank.pay(GOOD))["Code"] == "00"
    assert not slow.done()
    answer = await slow
    assert time.monotonic() - began >= 1.0
    assert (answer["State"], answer["Code"]) == ("SUCCESS", "00")
    assert await bank.query("20261122777700000001") == ("SUCCESS", "00")


async def test_a_processing_payment_can_be_reversed_and_its_late_answer_is_a_decline(bank: Any) -> None:
    number = bank.number()
    slow = asyncio.create_task(bank.pay(card_number("305", 1), number=number))
    while (await bank.query(number))[0] == "NOT_FOUND":
        pass
    reversal = await bank.ask("REVERSE", bank.number(), Original=number)
    assert (reversal["State"], reversal["Code"]) == ("SUCCESS", "00")
    late = await slow
    assert (late["State"], late["Code"]) == ("FAILED", "12")
    assert await bank.query(number) == ("REVERSED", "12")
    assert (await bank.books())[number]["state"] == "reversed"


async def test_twice_is_answered_once_and_done_once(bank: Any, until: Any) -> None:
    answer = await bank.pay(card_number("400", 1))
    assert answer["Code"] == "00"
    books = await bank.books()
    assert [number for number in books if number == answer["Number"]] == [answer["Number"]]
    assert await bank.pay(card_number("400", 1), number=answer["Number"]) == answer


async def test_a_garbled_answer_has_a_bad_signature_but_the_payment_is_done(bank: Any) -> None:
    number = bank.number()
    body = bank.question("PAY", number, Amount=100, Unit="CNY", Card=card_number("500", 1))
    status, headers, answer = await bank.post(body, bank.sign(body))
    assert status == 200
    with pytest.raises(InvalidSignature):
        bank.verify(headers, answer)
    assert await bank.query(number) == ("SUCCESS", "00")


async def test_reversing_a_number_never_seen_bars_it(bank: Any) -> None:
    number = bank.number()
    for _ in range(2):
        answer = await bank.ask("REVERSE", bank.number(), Original=number)
        assert (answer["State"], answer["Code"]) == ("BARRED", "00")
    assert await bank.query(number) == ("NOT_FOUND", "25")
    late = await bank.pay(GOOD, number=number)
    assert (late["State"], late["Code"]) == ("FAILED", "12")
    assert (await bank.books())[number]["state"] == "failed"


async def test_a_reversal_undoes_a_payment_and_may_be_repeated(bank: Any) -> None:
    paid = await bank.pay(GOOD, 500)
    reversal = bank.number()
    for number in (reversal, reversal, bank.number()):
        answer = await bank.ask("REVERSE", number, Original=paid["Number"])
        assert (answer["State"], answer["Code"]) == ("SUCCESS", "00")
    assert await bank.query(paid["Number"]) == ("REVERSED", "00")
    refund = await bank.ask("REFUND", bank.number(), Original=paid["Number"], Amount=1, Unit="CNY")
    assert refund["Code"] == "12"


async def test_a_void_undoes_the_whole_once(bank: Any) -> None:
    paid = await bank.pay(GOOD, 500)
    void = bank.number()
    assert (await bank.ask("VOID", bank.number(), Original=paid["Number"], Amount=499))["Code"] == "13"
    answer = await bank.ask("VOID", void, Original=paid["Number"])
    assert (answer["Code"], answer["Amount"]) == ("00", "500")
    assert (await bank.ask("VOID", bank.number(), Original=paid["Number"]))["Code"] == "12"
    assert (await bank.ask("REFUND", bank.number(), Original=paid["Number"], Amount=1, Unit="CNY"))["Code"] == "12"
    assert (await bank.ask("REVERSE", bank.number(), Original=paid["Number"]))["Code"] == "12"
    assert (await bank.ask("REVERSE", bank.number(), Original=void))["Code"] == "00"
    assert (await bank.ask("VOID", bank.number(), Original=paid["Number"]))["Code"] == "00"


async def test_refunds_are_partial_and_repeated_up_to_what_is_left(bank: Any) -> None:
    paid = await bank.pay(GOOD, 1000)
    codes = []
    for amount in (400, 600, 1):
        answer = await bank.ask("REFUND", bank.number(), Original=paid["Number"], Amount=amount, Unit="CNY")
        codes.append(answer["Code"])
    assert codes == ["00", "00", "61"]
    assert (await bank.ask("REVERSE", bank.number(), Original=paid["Number"]))["Code"] == "12"
    kinds = [entry["kind"] for entry in list((await bank.books()).values())[-4:]]
    assert kinds == ["pay", "refund", "refund", "refund"]


async def test_concurrent_refunds_never_give_back_more_than_was_paid(bank: Any) -> None:
    paid = await bank.pay(GOOD, 1000)
    asked = [bank.ask("REFUND", bank.number(), Original=paid["Number"], Amount=300, Unit="CNY") for _ in range(8)]
    codes = sorted(answer["Code"] for answer in await asyncio.gather(*asked))
    assert codes == ["00"] * 3 + ["61"] * 5


async def test_voids_and_refunds_of_what_is_not_there(bank: Any) -> None:
    number = bank.number()
    assert (await bank.ask("VOID", bank.number(), Original=number))["Code"] == "25"
    refund = await bank.ask("REFUND", bank.number(), Original=number, Amount=1, Unit="CNY")
    assert refund["Code"] == "25"
    declined = await bank.pay(card_number("151", 1))
    assert (await bank.ask("VOID", bank.number(), Original=declined["Number"]))["Code"] == "12"


async def test_another_customer_is_refused(bank: Any) -> None:
    number = bank.number()
    body = bank.question("PAY", number, Amount=100, Unit="CNY", Card=GOOD).replace(b"TILLGATE01", b"TILLGATE02")
    _, _, answer = await bank.post(body, bank.sign(body))
    assert b"<Code>05</Code>" in answer
    assert number not in await bank.books()


async def test_control_asks_for_the_token_and_health_does_not(bank: Any) -> None:
    assert await bank.status_of("GET", "/health") == 200
    assert await bank.status_of("GET", "/books") == 401
    assert await bank.status_of("GET", "/books", headers={"Authorization": "Bearer wrong"}) == 401
    assert await bank.status_of("POST", "/control/late-returns", json={}) == 401


async def test_faults_strike_by_seed_and_number_and_can_be_lifted(own_bank: Any, customer_of: Any) -> None:
    customer = customer_of(own_bank())
    plan = {"seed": 7, "decline": 300, "garble": 0, "twice": 100}
    await customer.order("faults", plan)
    numbers = [customer.number() for _ in range(40)]
    codes = [(await customer.pay(GOOD, number=number))["Code"] for number in numbers]
    assert set(codes) == {"00", "05"}
    other = customer_of(own_bank())
    await other.order("faults", plan)
    assert [(await other.pay(GOOD, number=number))["Code"] for number in numbers] == codes
    await customer.order("faults", {})
    assert {(await customer.pay(GOOD))["Code"] for _ in range(20)} == {"00"}


async def test_a_fault_plan_survives_a_restart_and_a_bad_one_is_refused(own_bank: Any, customer_of: Any) -> None:
    process = own_bank()
    customer = customer_of(process)
    await customer.order("faults", {"seed": 3, "decline": 1000})
    process.kill()
    process.start()
    assert (await customer.pay(GOOD))["Code"] == "05"
    for bad in ({"decline": 1001}, {"decline": "x"}, {"unknown": 1}):
        token = {"Authorization": f"Bearer {process.ready['control']['token']}"}
        assert await customer.status_of("POST", "/control/faults", json=bad, headers=token) == 422


async def test_kill_and_restart_keep_books_keys_and_ports(own_bank: Any, customer_of: Any) -> None:
    process = own_bank()
    customer = customer_of(process)
    paid = await customer.pay(GOOD, 900)
    slow = asyncio.create_task(customer.pay(card_number("305", 1), number="20261122777700000002"))
    while (await customer.query("20261122777700000002"))[0] == "NOT_FOUND":
        pass
    before = process.ready
    process.kill()
    with pytest.raises(aiohttp.ClientError):
        await slow
    process.start()
    assert process.ready == before
    assert await customer.pay(GOOD, 900, number=paid["Number"]) == paid
    answer = await customer.pay(card_number("305", 1), number="20261122777700000002")
    assert (answer["State"], answer["Code"]) == ("SUCCESS", "00")
    assert sorted(entry["state"] for entry in (await customer.books()).values()) == ["success", "success"]
    assert process.stop() == ""


async def test_a_stopping_bank_lets_go_of_what_it_holds(own_bank: Any, customer_of: Any) -> None:
    process = own_bank()
    customer = customer_of(process)
    number = customer.number()
    held = asyncio.create_task(customer.pay(card_number("200", 1), number=number, seconds=30))
    while (await customer.query(number))[0] == "NOT_FOUND":
        pass
    assert process.stop() == ""
    with pytest.raises(aiohttp.ClientError):
        await held
