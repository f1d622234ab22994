"""The terminal port as a terminal of another maker finds it: frames, transactions, sessions, response codes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.peers.answers import broken_promises
from tests.peers.cards import Card, Cards
from tests.peers.cups import FIELDS, Envelope, FieldTable, Message, encode, framed, packed
from tests.peers.line import Answer, Line
from tests.peers.places import Place, of_another_merchant, of_one_merchant
from tests.peers.terminal import Deal, Terminal
from tests.peers.working_keys import WorkingKeys

AMOUNT = 5_000
WRONG_MAC = b"00000000".hex()
SOON = 10.0
BUDGET = 45.0
SHANGHAI = timezone(timedelta(hours=8))
OpenLine = Callable[..., Awaitable[Line]]
OpenTerminal = Callable[..., Awaitable[Terminal]]


async def sold(terminal: Terminal, card: Card, amount: int = AMOUNT) -> Deal:
    """A purchase that is approved."""
    sale = await terminal.buy(card, amount)
    assert sale.code == "00", f"purchase: {sale.code} {sale.answer.words}"
    return sale


async def told(terminal: Terminal, request: Message) -> tuple[str, str]:
    """What an enquiry says of a request: word and code."""
    answer = await terminal.enquire(request)
    return answer.words, answer.code


async def until(ask: Callable[[], Awaitable[Answer]], good: Callable[[Answer], bool], *, within: float) -> Answer:
    """Ask until the answer is good."""
    async with asyncio.timeout(within):
        while not good(answer := await ask()):
            pass
    return answer


async def nothing_came(terminal: Terminal) -> None:
    """The connection still answers, and nothing but that answer came."""
    assert (await terminal.echo()).code == "00"
    assert terminal.line.strays == []


def lasting(answer: Answer) -> Message:
    """An answer without its time and its MAC: what must be in every answer to the same request."""
    return answer.message.but({12: None, 13: None, 64: None})


def names(answer: Answer, field: int) -> bool:
    """Whether field 44 has this number in it."""
    return re.search(rf"(?<!\d)0*{field}(?!\d)", answer.words) is not None


# ------------------------------------------------------------------ section 1: frames


async def test_every_listener_of_the_dialect_answers(
    listeners: list[dict[str, Any]], open_line: OpenLine, open_terminal: OpenTerminal
) -> None:
    for listener in listeners:
        terminal = await open_terminal(line=await open_line(listener))
        assert (await terminal.echo()).code == "00"


async def test_the_answer_swaps_the_addresses_and_echoes_the_header(terminal: Terminal) -> None:
    envelopes = [Envelope("0003", "0041", "603100310001"), Envelope("1234", "5678", "000000000000")]
    for envelope in envelopes:
        terminal.envelope = envelope
        assert (await terminal.echo()).envelope == envelope.answered()


async def test_a_keep_alive_is_answered_with_one(terminal: Terminal) -> None:
    await terminal.line.write(framed(b""))
    assert await asyncio.wait_for(terminal.line.keep_alives.get(), SOON) == b""
    await nothing_came(terminal)


async def test_two_frames_glued_together_are_two_requests(terminal: Terminal) -> None:
    requests = [terminal.network("0820", "301"), terminal.network("0820", "301")]
    answers = [terminal.line.expect(request) for request in requests]
    await terminal.line.write(framed(b"") + b"".join(terminal.framed(request) for request in requests))
    async with asyncio.timeout(SOON):
        assert [answer[11] for answer in await asyncio.gather(*answers)] == [request[11] for request in requests]
        await terminal.line.keep_alives.get()


async def test_a_frame_may_come_byte_by_byte(terminal: Terminal, cards: Cards) -> None:
    request = terminal.purchase(cards.approved, AMOUNT)
    answer = terminal.line.expect(request)
    for byte in terminal.framed(request):
        await terminal.line.write(bytes([byte]))
    async with asyncio.timeout(SOON):
        assert (await answer).code == "00"


async def test_a_frame_longer_than_the_maximum_ends_the_connection(
    terminal: Terminal, open_terminal: OpenTerminal
) -> None:
    await terminal.line.write((4_097).to_bytes(2, "big"))
    await asyncio.wait_for(terminal.line.closed.wait(), SOON)
    again = await open_terminal(place=terminal.place)
    assert (await again.echo()).code == "00"


@pytest.mark.parametrize(
    "message",
    ["", "02", "0200", "0200700000", b"XXXXXXXX".hex(), "02A0" + "00" * 8, "FFFF" + "FF" * 8],
)
async def test_what_is_no_message_is_dropped(terminal: Terminal, message: str) -> None:
    await terminal.line.write(terminal.envelope.wrap(bytes.fromhex(message)))
    await nothing_came(terminal)


@pytest.mark.parametrize("body", ["60", "6000030000", "600003000060310031"])
async def test_what_is_no_frame_is_dropped(terminal: Terminal, body: str) -> None:
    await terminal.line.write(framed(bytes.fromhex(body)))
    await nothing_came(terminal)


@pytest.mark.parametrize("mti", ["0210", "0230", "0410", "0810", "0830"])
async def test_an_answer_is_dropped(terminal: Terminal, cards: Cards, mti: str) -> None:
    request = terminal.purchase(cards.approved, AMOUNT)
    await terminal.line.write(terminal.framed(request.but(mti=mti)))
    await nothing_came(terminal)
    assert await told(terminal, request) == ("never seen", "25")


@pytest.mark.parametrize(
    ("field", "value", "table", "read"),
    [
        (2, "62220200000000000071", {"2": packed(20, length=1)}, ()),
        (5, "000000000001", {"5": packed(12)}, ()),
        (22, "02A", {}, (11,)),
        (25, "0A", {}, (11,)),
        (60, "22A00001000", {}, (11, 41, 42)),
        (61, "00000100004A", {}, (11, 41, 42)),
    ],
)
async def test_a_format_error_names_the_field(
    terminal: Terminal, cards: Cards, field: int, value: str, table: FieldTable, read: tuple[int, ...]
) -> None:
    request = terminal.purchase(cards.approved, AMOUNT).but({field: value, 64: WRONG_MAC})
    answer = terminal.line.expect(request)
    await terminal.line.write(terminal.envelope.wrap(encode(request, {**FIELDS, **table})))
    async with asyncio.timeout(SOON):
        refusal = await answer
    assert refusal.code == "30"
    assert names(refusal, field)
    assert [number for number in read if refusal.message.get(number) != request[number]] == []
    assert 64 not in refusal
    await nothing_came(terminal)


async def test_a_message_that_ends_too_early_names_the_field(terminal: Terminal, cards: Cards) -> None:
    request = terminal.purchase(cards.approved, AMOUNT)
    answer = terminal.line.expect(request)
    await terminal.line.write(framed(terminal.framed(request)[2:-3]))
    async with asyncio.timeout(SOON):
        refusal = await answer
    assert (refusal.code, names(refusal, 64)) == ("30", True)
    assert (await terminal.ask(request)).code == "00"


async def test_requests_of_one_terminal_overtake_each_other(terminal: Terminal, cards: Cards) -> None:
    slow, quick = await asyncio.gather(
        terminal.buy(cards.slow, AMOUNT),
        terminal.buy(cards.approved, AMOUNT),
    )
    assert (slow.code, quick.code) == ("00", "00")
    assert quick.answer.arrived < slow.answer.arrived


async def test_terminals_share_a_connection(terminal: Terminal, open_terminal: OpenTerminal, cards: Cards) -> None:
    other = await open_terminal(line=terminal.line)
    slow = terminal.purchase(cards.slow, AMOUNT)
    quick = other.purchase(cards.approved, AMOUNT, {11: slow[11]})
    answers = await asyncio.gather(terminal.ask(slow), other.ask(quick))
    assert [(answer.code, answer[41]) for answer in answers] == [("00", slow[41]), ("00", quick[41])]
    assert answers[1].arrived < answers[0].arrived


async def test_an_answer_goes_where_its_request_came_from(
    terminal: Terminal, open_line: OpenLine, cards: Cards
) -> None:
    elsewhere = replace(terminal, line=await open_line())
    request = terminal.purchase(cards.slow, AMOUNT)
    first, again = await asyncio.gather(terminal.ask(request), elsewhere.ask(terminal.repeat(request)))
    assert lasting(first) == lasting(again)
    await nothing_came(terminal)
    await nothing_came(elsewhere)


# ------------------------------------------------------------------ section 3: answers


async def test_a_purchase_is_approved(terminal: Terminal, cards: Cards) -> None:
    sale = await terminal.buy(cards.approved, AMOUNT)
    assert sale.code == "00"
    assert broken_promises(sale.request, sale.answer, terminal.envelope) == []


async def test_a_decline_has_the_code_of_the_bank(terminal: Terminal, cards: Cards) -> None:
    declined = cards.behaving("decline:")
    sales = [await terminal.buy(card, AMOUNT) for card in declined]
    assert [sale.code for sale in sales] == [card.detail for card in declined]
    broken = [broken_promises(sale.request, sale.answer, terminal.envelope) for sale in sales]
    assert broken == [[]] * len(sales)


async def test_every_answer_keeps_what_is_published(terminal: Terminal, cards: Cards) -> None:
    sale = await sold(terminal, cards.approved)
    refunded = await sold(terminal, cards.approved)
    unsent = terminal.purchase(cards.approved, AMOUNT)
    requests = [
        terminal.void(sale),
        terminal.void(sale),
        terminal.refund(refunded, 1),
        terminal.refund(refunded, AMOUNT),
        terminal.purchase(cards.approved, AMOUNT, {11: sale.request[11], 4: "000000000001"}),
        terminal.enquiry(sale.reference),
        terminal.enquiry(refunded.reference),
        terminal.reversal(unsent),
        terminal.reversal((await sold(terminal, cards.approved)).request),
        terminal.network("0820", "301"),
        terminal.signing_in("003"),
    ]
    answers = [await terminal.ask(request) for request in requests]
    assert [answer.code for answer in answers] == ["00", "12", "00", "64", "94", "12", "00", "25", "00", "00", "00"]
    broken = [
        (request.mti, request.get(3), answer.code, promises)
        for request, answer in zip(requests, answers, strict=True)
        if (promises := broken_promises(request, answer, terminal.envelope))
    ]
    assert broken == []


async def test_an_approval_names_issuer_and_acquirer(terminal: Terminal, cards: Cards) -> None:
    approval = (await sold(terminal, cards.approved)).answer
    assert re.fullmatch(r"[0-9A-Za-z ]{22}", approval[44])
    assert approval[32].isdecimal()
    assert re.match(r"[0-9A-Z]{3}", approval[63])


async def test_an_answer_has_the_fronts_time(terminal: Terminal, cards: Cards) -> None:
    approval = (await sold(terminal, cards.approved)).answer
    now = datetime.now(UTC).astimezone(SHANGHAI)
    moment = datetime.strptime(f"{now.year}{approval[13]}{approval[12]}", "%Y%m%d%H%M%S").replace(tzinfo=SHANGHAI)
    assert min(abs(now - moment), abs(now - moment - timedelta(days=365))) < timedelta(minutes=5)


async def test_an_approval_has_a_settlement_date(terminal: Terminal, cards: Cards) -> None:
    settled = (await sold(terminal, cards.approved)).answer[15]
    today = datetime.now(UTC).astimezone(SHANGHAI).date()
    assert settled in {f"{today + timedelta(days=days):%m%d}" for days in range(-3, 4)}


async def test_reference_numbers_are_unique(terminal: Terminal, open_terminal: OpenTerminal, cards: Cards) -> None:
    other = await open_terminal()
    buying = [one.buy(card, AMOUNT) for one in (terminal, other) for card in [cards.approved, cards.declined] * 4]
    deals = await asyncio.gather(*buying)
    deals += [await terminal.deal(terminal.void(deals[0])), await other.deal(other.refund(deals[-2], 1))]
    deals.append(await terminal.deal(terminal.network("0820", "301")))
    assert len({deal.answer[37] for deal in deals}) == len(deals)


@pytest.mark.parametrize("parts", ["", "000", "00050", "000500", "000500000"])
async def test_trailing_parts_of_field_60_may_be_left_off(terminal: Terminal, cards: Cards, parts: str) -> None:
    request = terminal.purchase(cards.approved, AMOUNT, {60: f"22{terminal.batch}{parts}"})
    answer = await terminal.ask(request)
    assert answer.code == "00"
    assert answer[60][:8] == request[60][:8]


async def test_a_card_may_be_told_by_its_track(terminal: Terminal, cards: Cards) -> None:
    assert (await terminal.ask(terminal.swiped(cards.approved, AMOUNT))).code == "00"


async def test_a_chip_card_is_taken(terminal: Terminal, cards: Cards) -> None:
    chip = {22: "051", 23: "001", 35: cards.approved.track2, 55: "9F2608112233445566778895050000000000"}
    request = terminal.purchase(cards.approved, AMOUNT, chip)
    answer = await terminal.ask(request)
    assert answer.code == "00"
    assert broken_promises(request, answer, terminal.envelope) == []


# ------------------------------------------------------------------ section 3: references


@pytest.mark.parametrize("again", ["0200", "0201"])
async def test_a_repeat_gets_the_first_answer(terminal: Terminal, cards: Cards, again: str) -> None:
    sale = await sold(terminal, cards.approved)
    repeated = await terminal.ask(sale.request.but(mti=again))
    assert repeated.message.mti == "0210"
    assert lasting(repeated) == lasting(sale.answer)


async def test_a_repeat_gets_the_first_answer_with_its_time(terminal: Terminal, cards: Cards) -> None:
    sale = await sold(terminal, cards.approved)
    await until(terminal.echo, lambda echo: echo[12] != sale.answer[12], within=SOON)
    repeated = await terminal.ask(terminal.repeat(sale.request))
    assert repeated.message == sale.answer.message


async def test_a_repeated_decline_is_declined_alike(terminal: Terminal, cards: Cards) -> None:
    sale = await terminal.buy(cards.declined, AMOUNT)
    repeated = await terminal.ask(terminal.repeat(sale.request))
    assert lasting(repeated) == lasting(sale.answer)


async def test_a_repeat_waits_for_the_first_answer(terminal: Terminal, cards: Cards) -> None:
    request = terminal.purchase(cards.slow, AMOUNT)
    first, again = await asyncio.gather(terminal.ask(request), terminal.ask(terminal.repeat(request)))
    assert first.code == "00"
    assert lasting(first) == lasting(again)


async def test_a_repeat_after_a_sign_in_is_sealed_with_the_new_key(terminal: Terminal, cards: Cards) -> None:
    sale = await sold(terminal, cards.approved)
    await terminal.sign_in()
    repeated = await terminal.ask(terminal.repeat(sale.request))
    assert lasting(repeated) == lasting(sale.answer)
    assert repeated[64] != sale.answer[64]


async def test_what_is_no_content_may_change_in_a_repeat(terminal: Terminal, cards: Cards) -> None:
    sale = await sold(terminal, cards.approved)
    changed = sale.request.but({14: None, 22: "012", 26: None, 52: None, 53: None})
    assert lasting(await terminal.ask(terminal.repeat(changed))) == lasting(sale.answer)


@pytest.mark.parametrize("changed", [{4: "000000000001"}, {2: ""}, {49: "840"}])
@pytest.mark.parametrize("again", ["0200", "0201"])
async def test_other_content_under_a_used_reference_is_refused(
    terminal: Terminal, cards: Cards, changed: dict[int, str], again: str
) -> None:
    sale = await sold(terminal, cards.approved)
    other = {number: value or cards.declined.pan for number, value in changed.items()}
    refused = await terminal.ask(sale.request.but(other, mti=again))
    assert refused.code == "94"
    assert await told(terminal, sale.request) == ("approved", "00")
    assert lasting(await terminal.ask(terminal.repeat(sale.request))) == lasting(sale.answer)


async def test_a_reference_belongs_to_its_message_class(terminal: Terminal, cards: Cards) -> None:
    sale = await sold(terminal, cards.approved)
    refund = terminal.refund(sale, AMOUNT).but({11: sale.request[11]})
    assert (await terminal.ask(refund)).code == "00"


async def test_two_terminals_may_use_the_same_trace(
    terminal: Terminal, open_terminal: OpenTerminal, cards: Cards
) -> None:
    other = await open_terminal()
    sale = await sold(terminal, cards.approved)
    same = other.purchase(cards.approved, AMOUNT, {11: sale.request[11]})
    answer = await other.ask(same)
    assert answer.code == "00"
    assert answer[37] != sale.answer[37]


# ------------------------------------------------------------------ section 3: voids


async def test_a_purchase_is_voided_once(terminal: Terminal, cards: Cards) -> None:
    sale = await sold(terminal, cards.approved)
    assert (await terminal.ask(terminal.void(sale))).code == "00"
    assert await told(terminal, sale.request) == ("voided", "12")
    assert (await terminal.ask(terminal.void(sale))).code == "12"


async def test_a_repeated_void_gets_the_first_answer(terminal: Terminal, cards: Cards) -> None:
    void = await terminal.deal(terminal.void(await sold(terminal, cards.approved)))
    assert void.code == "00"
    assert lasting(await terminal.ask(terminal.repeat(void.request))) == lasting(void.answer)


async def test_of_two_voids_at_once_one_is_done(terminal: Terminal, cards: Cards) -> None:
    sale = await sold(terminal, cards.approved)
    answers = await asyncio.gather(terminal.ask(terminal.void(sale)), terminal.ask(terminal.void(sale)))
    assert sorted(answer.code for answer in answers) == ["00", "12"]


@pytest.mark.parametrize("unknown", [(61,), (37,), (37, 61)])
async def test_a_void_of_an_unknown_original(terminal: Terminal, cards: Cards, unknown: tuple[int, ...]) -> None:
    sale = await sold(terminal, cards.approved)
    wrong = {61: f"{terminal.batch}{next(terminal.traces)}", 37: "999999999999"}
    void = terminal.void(sale).but({number: wrong[number] for number in unknown})
    assert (await terminal.ask(void)).code == "25"
    assert await told(terminal, sale.request) == ("approved", "00")


async def test_a_void_is_for_the_whole_amount(terminal: Terminal, cards: Cards) -> None:
    sale = await sold(terminal, cards.approved)
    for amount in (AMOUNT - 1, AMOUNT + 1):
        assert (await terminal.ask(terminal.void(sale).but({4: f"{amount:012d}"}))).code == "64"
    assert (await terminal.ask(terminal.void(sale))).code == "00"


async def test_a_void_comes_from_the_terminal_of_the_purchase(
    every_place: tuple[Place, ...], open_terminal: OpenTerminal, cards: Cards
) -> None:
    one, other = [await open_terminal(place=place) for place in of_one_merchant(every_place)]
    sale = await sold(one, cards.approved)
    assert (await other.ask(other.void(sale))).code == "25"
    assert (await one.ask(one.void(sale))).code == "00"


async def test_a_declined_purchase_cannot_be_voided(terminal: Terminal, cards: Cards) -> None:
    sale = await terminal.buy(cards.declined, AMOUNT)
    assert (await terminal.ask(terminal.void(sale))).code in {"12", "25"}


# ------------------------------------------------------------------ section 3: refunds


async def test_refunds_go_up_to_the_amount_of_the_purchase(terminal: Terminal, cards: Cards) -> None:
    sale = await sold(terminal, cards.approved, 1_000)
    assert (await terminal.ask(terminal.refund(sale, 300))).code == "00"
    assert await told(terminal, sale.request) == ("part refunded", "00")
    assert (await terminal.ask(terminal.refund(sale, 701))).code == "64"
    assert (await terminal.ask(terminal.refund(sale, 600))).code == "00"
    assert (await terminal.ask(terminal.refund(sale, 101))).code == "64"
    assert (await terminal.ask(terminal.refund(sale, 100))).code == "00"
    assert await told(terminal, sale.request) == ("refunded", "00")
    assert (await terminal.ask(terminal.refund(sale, 1))).code == "64"


async def test_a_refund_of_more_than_the_purchase(terminal: Terminal, cards: Cards) -> None:
    sale = await sold(terminal, cards.approved)
    assert (await terminal.ask(terminal.refund(sale, AMOUNT + 1))).code == "64"
    assert await told(terminal, sale.request) == ("approved", "00")


async def test_a_repeated_refund_gives_the_money_back_once(terminal: Terminal, cards: Cards) -> None:
    sale = await sold(terminal, cards.approved, 1_000)
    refund = await terminal.deal(terminal.refund(sale, 600))
    repeated = await terminal.ask(terminal.repeat(refund.request))
    assert (repeated.code, lasting(repeated)) == ("00", lasting(refund.answer))
    assert repeated.message.mti == "0230"
    assert (await terminal.ask(terminal.refund(sale, 400))).code == "00"


async def test_of_two_refunds_at_once_that_are_too_much_one_is_done(terminal: Terminal, cards: Cards) -> None:
    sale = await sold(terminal, cards.approved, 1_000)
    answers = await asyncio.gather(*(terminal.ask(terminal.refund(sale, 600)) for _ in range(2)))
    assert sorted(answer.code for answer in answers) == ["00", "64"]


async def test_two_refunds_at_once_that_both_fit_are_done(terminal: Terminal, cards: Cards) -> None:
    sale = await sold(terminal, cards.approved, 1_000)
    answers = await asyncio.gather(*(terminal.ask(terminal.refund(sale, 500)) for _ in range(2)))
    assert [answer.code for answer in answers] == ["00", "00"]
    assert await told(terminal, sale.request) == ("refunded", "00")


async def test_a_refund_by_reference_number_and_date(terminal: Terminal, cards: Cards) -> None:
    sale = await sold(terminal, cards.approved, 1_000)
    assert (await terminal.ask(terminal.refund_by_number(sale, 400))).code == "00"
    assert (await terminal.ask(terminal.refund(sale, 600))).code == "00"
    assert (await terminal.ask(terminal.refund_by_number(sale, 1))).code == "64"


@pytest.mark.parametrize("named_by", ["trace", "number"])
async def test_a_refund_comes_from_any_terminal_of_the_merchant(
    every_place: tuple[Place, ...], open_terminal: OpenTerminal, cards: Cards, named_by: str
) -> None:
    one, other = [await open_terminal(place=place) for place in of_one_merchant(every_place)]
    sale = await sold(one, cards.approved)
    refund = other.refund_by_number(sale, AMOUNT) if named_by == "number" else other.refund(sale, AMOUNT)
    assert (await other.ask(refund)).code == "00"
    assert await told(one, sale.request) == ("refunded", "00")


async def test_a_refund_does_not_come_from_another_merchant(
    terminal: Terminal, every_place: tuple[Place, ...], open_terminal: OpenTerminal, cards: Cards
) -> None:
    stranger = await open_terminal(place=of_another_merchant(every_place, terminal.place))
    sale = await sold(terminal, cards.approved)
    for refund in (stranger.refund(sale, 1), stranger.refund_by_number(sale, 1)):
        assert (await stranger.ask(refund)).code == "25"
    assert await told(terminal, sale.request) == ("approved", "00")


async def test_a_refund_of_an_unknown_original(terminal: Terminal, cards: Cards) -> None:
    sale = await sold(terminal, cards.approved)
    for refund in (terminal.refund(sale, 1), terminal.refund_by_number(sale, 1)):
        assert (await terminal.ask(refund.but({37: "999999999999"}))).code == "25"


async def test_void_and_refund_shut_each_other_out(terminal: Terminal, cards: Cards) -> None:
    voided, refunded = await sold(terminal, cards.approved), await sold(terminal, cards.approved)
    assert (await terminal.ask(terminal.void(voided))).code == "00"
    assert (await terminal.ask(terminal.refund(voided, 1))).code in {"12", "64"}
    assert (await terminal.ask(terminal.refund(refunded, 1))).code == "00"
    assert (await terminal.ask(terminal.void(refunded))).code == "12"


# ------------------------------------------------------------------ section 3: reversals


@pytest.mark.parametrize("reason", ["98", "96", "A0", "06"])
async def test_a_purchase_is_reversed(terminal: Terminal, cards: Cards, reason: str) -> None:
    sale = await sold(terminal, cards.approved)
    answer = await terminal.ask(terminal.reversal(sale.request, sale.answer, reason=reason))
    assert answer.code == "00"
    assert await told(terminal, sale.request) == ("reversed", "12")


async def test_a_reversal_needs_no_authorisation_code_and_may_be_repeated(terminal: Terminal, cards: Cards) -> None:
    sale = await sold(terminal, cards.approved)
    reversal = terminal.reversal(sale.request)
    assert (await terminal.ask(reversal)).code == "00"
    assert (await terminal.ask(reversal)).code == "00"
    assert (await terminal.ask(terminal.repeat(reversal))).code == "00"
    assert await told(terminal, sale.request) == ("reversed", "12")


async def test_a_reversed_purchase_cannot_be_voided_or_refunded(terminal: Terminal, cards: Cards) -> None:
    sale = await sold(terminal, cards.approved)
    assert (await terminal.ask(terminal.reversal(sale.request))).code == "00"
    assert (await terminal.ask(terminal.void(sale))).code in {"12", "25"}
    assert (await terminal.ask(terminal.refund(sale, 1))).code in {"12", "25", "64"}


async def test_a_reversal_of_what_never_came_bars_it(terminal: Terminal, cards: Cards) -> None:
    late = terminal.purchase(cards.approved, AMOUNT)
    assert (await terminal.ask(terminal.reversal(late))).code == "25"
    assert (await terminal.ask(late)).code == "12"
    assert (await terminal.ask(terminal.repeat(late))).code == "12"


async def test_a_reversal_of_a_declined_purchase(terminal: Terminal, cards: Cards) -> None:
    sale = await terminal.buy(cards.declined, AMOUNT)
    assert (await terminal.ask(terminal.reversal(sale.request))).code == "00"


async def test_a_reversal_waits_for_its_original(terminal: Terminal, cards: Cards) -> None:
    request = terminal.purchase(cards.slow, AMOUNT)
    under_way = asyncio.create_task(terminal.ask(request))
    await until(lambda: terminal.enquire(request), lambda answer: answer.words != "never seen", within=SOON)
    reversed_ = await terminal.ask(terminal.reversal(request))
    original = await under_way
    assert reversed_.code == "00"
    assert original.arrived < reversed_.arrived
    assert await told(terminal, request) == ("reversed", "12")


async def test_a_reversed_void_leaves_its_purchase_standing(terminal: Terminal, cards: Cards) -> None:
    sale = await sold(terminal, cards.approved)
    void = await terminal.deal(terminal.void(sale))
    assert void.code == "00"
    assert (await terminal.ask(terminal.reversal(void.request, void.answer))).code == "00"
    assert await told(terminal, void.request) == ("reversed", "12")
    assert await told(terminal, sale.request) == ("approved", "00")
    # The bank may still be hearing of the reversal, so the purchase can be voided soon, not at once.
    await until(lambda: terminal.ask(terminal.void(sale)), lambda answer: answer.code == "00", within=SOON)
    assert await told(terminal, sale.request) == ("voided", "12")


async def test_a_voided_purchase_cannot_be_reversed(terminal: Terminal, cards: Cards) -> None:
    sale = await sold(terminal, cards.approved)
    assert (await terminal.ask(terminal.void(sale))).code == "00"
    assert (await terminal.ask(terminal.reversal(sale.request))).code == "12"
    assert await told(terminal, sale.request) == ("voided", "12")


async def test_a_refund_is_never_reversed(terminal: Terminal, cards: Cards) -> None:
    sale = await sold(terminal, cards.approved)
    refund = await terminal.deal(terminal.refund(sale, AMOUNT))
    assert refund.code == "00"
    assert (await terminal.ask(terminal.reversal(refund.request, refund.answer))).code != "00"
    assert await told(terminal, sale.request) == ("refunded", "00")
    assert await told(terminal, refund.request) == ("approved", "00")


# ------------------------------------------------------------------ section 3: enquiries


async def test_an_enquiry_of_an_approved_purchase(terminal: Terminal, cards: Cards) -> None:
    sale = await sold(terminal, cards.approved)
    request = terminal.enquiry(sale.reference)
    answer = await terminal.ask(request)
    assert (answer.message.mti, answer.words, answer.code) == ("0230", "approved", "00")
    assert (answer[37], answer[38]) == (sale.answer[37], sale.answer[38])
    assert broken_promises(request, answer, terminal.envelope) == []


async def test_an_enquiry_of_a_declined_purchase(terminal: Terminal, cards: Cards) -> None:
    sale = await terminal.buy(cards.declined, AMOUNT)
    answer = await terminal.enquire(sale.request)
    assert (answer.words, answer.code, answer[37]) == ("declined", sale.code, sale.answer[37])


async def test_an_enquiry_of_what_never_came(terminal: Terminal, cards: Cards) -> None:
    assert await told(terminal, terminal.purchase(cards.approved, AMOUNT)) == ("never seen", "25")


async def test_an_enquiry_while_the_purchase_is_under_way(terminal: Terminal, cards: Cards) -> None:
    request = terminal.purchase(cards.slow, AMOUNT)
    under_way = asyncio.create_task(terminal.ask(request))
    early = await until(lambda: terminal.enquire(request), lambda answer: answer.words != "never seen", within=SOON)
    assert (early.words, early.code) == ("in progress", "09")
    assert (await under_way).code == "00"
    assert await told(terminal, request) == ("approved", "00")


async def test_an_enquiry_is_always_answered_afresh(terminal: Terminal, cards: Cards) -> None:
    sale = await sold(terminal, cards.approved)
    enquiry = terminal.enquiry(sale.reference)
    assert (await terminal.ask(enquiry)).words == "approved"
    assert (await terminal.ask(terminal.void(sale))).code == "00"
    assert (await terminal.ask(enquiry)).words == "voided"


async def test_an_enquiry_is_about_the_terminals_own_requests(
    terminal: Terminal, open_terminal: OpenTerminal, cards: Cards
) -> None:
    other = await open_terminal()
    sale = await sold(terminal, cards.approved)
    asked = other.enquiry(other.batch + sale.request[11])
    assert (await other.ask(asked)).words == "never seen"


# ------------------------------------------------------------------ section 3: told and not told


async def test_a_lost_answer_of_the_bank_is_asked_for(terminal: Terminal, cards: Cards) -> None:
    async with asyncio.timeout(BUDGET):
        deals = await asyncio.gather(*(terminal.buy(card, AMOUNT) for card in cards.behaving("drop")))
    assert {deal.code for deal in deals} == {"00"}
    assert [await told(terminal, deal.request) for deal in deals] == [("approved", "00")] * len(deals)


async def test_a_late_answer_of_the_bank_is_waited_for(terminal: Terminal, cards: Cards) -> None:
    late = cards.behaving("delay:")
    timed = await asyncio.gather(*(_timed(terminal.buy(card, AMOUNT)) for card in late))
    wrong = [
        (card.behaviour, deal.code, took)
        for card, (deal, took) in zip(late, timed, strict=True)
        if deal.code != "00" and (deal.code != "98" or took > int(card.detail))
    ]
    assert wrong == []
    assert "00" in {deal.code for deal, _ in timed}
    for deal, _ in timed:
        await _final(terminal, deal)


async def _timed(deal: Awaitable[Deal]) -> tuple[Deal, int]:
    """What came of it, and after how many milliseconds."""
    clock = asyncio.get_running_loop()
    began = clock.time()
    return await deal, int(1_000 * (clock.time() - began))


async def _final(terminal: Terminal, deal: Deal) -> None:
    """A purchase told 98 ends declined or reversed by itself; one told 00 stands."""
    if deal.code == "98":
        ended = await until(
            lambda: terminal.enquire(deal.request), lambda answer: answer.words in {"declined", "reversed"}, within=60
        )
        assert ended.code != "00"
    else:
        assert await told(terminal, deal.request) == ("approved", "00")


async def test_a_bank_that_answers_twice_is_answered_once(terminal: Terminal, cards: Cards) -> None:
    sale = await sold(terminal, cards.behaving("twice")[0])
    await nothing_came(terminal)
    assert (await terminal.ask(terminal.refund(sale, AMOUNT))).code == "00"
    await nothing_came(terminal)


# ------------------------------------------------------------------ section 4: sessions and keys


@pytest.mark.parametrize("download", ["001", "003", "004"])
async def test_keys_of_every_length_are_good(open_terminal: OpenTerminal, cards: Cards, download: str) -> None:
    terminal = await open_terminal(download=download)
    assert terminal.keys is not None
    assert len(terminal.keys.pin) == (8 if download == "001" else 16)
    assert len(terminal.keys.data) == (16 if download == "004" else 0)
    await sold(terminal, cards.approved)


async def test_a_track_may_be_enciphered(open_terminal: OpenTerminal, cards: Cards) -> None:
    terminal = await open_terminal(download="004")
    for track in (cards.approved.track2, cards.approved.track2[:-1]):
        request = terminal.swiped_in_secret(cards.approved, AMOUNT, track)
        answer = await terminal.ask(request)
        assert (answer.code, 2 in answer) == ("00", False)
        assert lasting(await terminal.ask(terminal.repeat(request))) == lasting(answer)


async def test_every_sign_in_gives_new_keys(terminal: Terminal) -> None:
    before = terminal.keys
    assert before is not None
    await terminal.sign_in()
    assert terminal.keys is not None
    assert (terminal.keys.pin == before.pin, terminal.keys.mac == before.mac) == (False, False)


async def test_a_sign_in_answer_has_the_open_batch(terminal: Terminal, cards: Cards) -> None:
    batch = terminal.batch
    assert batch != "000000"
    request = terminal.signing_in("003")
    answer = await terminal.ask(request)
    assert broken_promises(request, answer, terminal.envelope) == []
    assert answer[60] == f"00{batch}003"


async def test_keys_belong_to_the_terminal_not_to_the_connection(
    terminal: Terminal, open_line: OpenLine, cards: Cards
) -> None:
    elsewhere = replace(terminal, line=await open_line())
    await terminal.line.close()
    await sold(elsewhere, cards.approved)


async def test_old_keys_are_good_until_the_new_ones_are_used(terminal: Terminal, cards: Cards) -> None:
    await sold(terminal, cards.approved)
    old, under_old = terminal.keys, terminal.purchase(cards.approved, AMOUNT)
    await terminal.sign_in()
    assert (await terminal.ask(under_old, keys=old)).code == "00"
    await sold(terminal, cards.approved)
    assert (await terminal.ask(terminal.purchase(cards.approved, AMOUNT), keys=old)).code == "A0"
    await sold(terminal, cards.approved)


async def test_old_keys_are_good_though_they_were_never_used(terminal: Terminal, cards: Cards) -> None:
    old, under_old = terminal.keys, terminal.purchase(cards.approved, AMOUNT)
    await terminal.sign_in()
    assert (await terminal.ask(under_old, keys=old)).code == "00"


async def test_a_terminal_that_signed_off_is_asked_to_sign_in(terminal: Terminal, cards: Cards) -> None:
    request = terminal.purchase(cards.approved, AMOUNT)
    off = terminal.network("0820", "002")
    answer = await terminal.ask(off)
    assert answer.code == "00"
    assert broken_promises(off, answer, terminal.envelope) == []
    assert (await terminal.ask(request)).code == "77"
    await terminal.sign_in()
    again = terminal.purchase(cards.approved, AMOUNT, {11: request[11]})
    assert (await terminal.ask(again)).code == "00"


async def test_an_echo_needs_no_trace_number(terminal: Terminal) -> None:
    answer = await terminal.ask(terminal.network("0820", "301").but({11: None}))
    assert (answer.message.mti, answer.code) == ("0830", "00")


async def test_an_echo_keeps_what_is_published(terminal: Terminal) -> None:
    request = terminal.network("0820", "301")
    assert broken_promises(request, await terminal.ask(request), terminal.envelope) == []


@pytest.mark.parametrize("mac", [WRONG_MAC, ""])
async def test_a_wrong_or_missing_mac_leaves_the_reference_unused(terminal: Terminal, cards: Cards, mac: str) -> None:
    request = terminal.purchase(cards.approved, AMOUNT)
    refused = await terminal.ask(request, mac=mac)
    assert refused.code == "A0"
    assert broken_promises(request, refused, terminal.envelope) == []
    assert await told(terminal, request) == ("never seen", "25")
    assert (await terminal.ask(request)).code == "00"


async def test_a_mac_is_due_in_every_financial_message(terminal: Terminal, cards: Cards) -> None:
    sale = await sold(terminal, cards.approved)
    requests = [
        terminal.void(sale),
        terminal.refund(sale, 1),
        terminal.enquiry(sale.reference),
        terminal.reversal(sale.request),
        terminal.repeat(sale.request),
    ]
    assert [(await terminal.ask(request, mac="")).code for request in requests] == ["A0"] * len(requests)
    assert await told(terminal, sale.request) == ("approved", "00")


async def test_the_mac_covers_the_whole_message(terminal: Terminal, cards: Cards) -> None:
    request = terminal.purchase(cards.approved, AMOUNT)
    mac = terminal.framed(request)[-8:].hex()
    assert (await terminal.ask(request.but({4: f"{AMOUNT + 1:012d}"}), mac=mac)).code == "A0"
    assert (await terminal.ask(request, mac=mac)).code == "00"


async def test_the_mac_does_not_cover_what_goes_before_the_message(terminal: Terminal, cards: Cards) -> None:
    request = terminal.purchase(cards.approved, AMOUNT)
    mac = terminal.framed(request)[-8:].hex()
    terminal.envelope = Envelope("0003", "0099", "609900000001")
    assert (await terminal.ask(request, mac=mac)).code == "00"


async def test_an_address_with_too_many_wrong_macs_is_blocked_until_a_good_one(
    terminal: Terminal, cards: Cards
) -> None:
    await sold(terminal, cards.approved)
    for _ in range(20):
        assert (await terminal.ask(terminal.purchase(cards.approved, AMOUNT), mac=WRONG_MAC)).code == "A0"
    ignored = terminal.purchase(cards.approved, AMOUNT)
    silent = terminal.line.expect(ignored)
    await terminal.line.write(terminal.framed(ignored, mac=WRONG_MAC))
    await terminal.sign_in()
    assert not silent.done()
    await _heard(terminal, terminal.purchase(cards.approved, AMOUNT))
    assert not silent.done()
    await sold(terminal, cards.approved)
    await sold(terminal, cards.approved)


async def _heard(terminal: Terminal, request: Message) -> None:
    """Say a good request until it is heard: a blocked address has one message a second looked at."""
    async with asyncio.timeout(SOON):
        while True:
            try:
                answer = await terminal.ask(request, within=0.5)
            except TimeoutError:
                continue
            assert answer.code == "00"
            return


# ------------------------------------------------------------------ section 6: response codes


def stranger(open_at: Terminal, place: Place, traces: Iterator[str]) -> Terminal:
    """A terminal the front has never heard of, with keys of its own making."""
    keys = WorkingKeys(pin=bytes(range(16)), mac=bytes(range(8)))
    return Terminal(place, open_at.line, traces, batch="000001", keys=keys)


async def test_an_unknown_terminal(terminal: Terminal, traces: Iterator[str], cards: Cards) -> None:
    unknown = stranger(terminal, Place("99999999", terminal.place.merchant, terminal.place.tmk), traces)
    assert (await unknown.sign_in()).code == "97"
    assert (await unknown.buy(cards.approved, AMOUNT)).code == "97"
    await sold(terminal, cards.approved)


async def test_an_unknown_merchant(terminal: Terminal, cards: Cards) -> None:
    request = terminal.purchase(cards.approved, AMOUNT, {42: "999999999999999"})
    assert (await terminal.ask(request)).code == "03"


async def test_a_batch_that_is_not_open(terminal: Terminal, cards: Cards) -> None:
    request = terminal.purchase(cards.approved, AMOUNT, {60: "22999999000"})
    assert (await terminal.ask(request)).code == "77"


async def test_an_amount_of_zero(terminal: Terminal, cards: Cards) -> None:
    assert (await terminal.ask(terminal.purchase(cards.approved, 0))).code == "13"


async def test_an_amount_that_is_no_number(terminal: Terminal, cards: Cards) -> None:
    request = terminal.purchase(cards.approved, AMOUNT, {4: "0000000012A4"})
    assert (await terminal.ask(request)).code in {"13", "30"}


async def test_a_transaction_that_is_not_supported(terminal: Terminal, cards: Cards) -> None:
    request = terminal.purchase(cards.approved, AMOUNT, {3: "990000", 60: f"99{terminal.batch}000"})
    assert (await terminal.ask(request)).code == "40"


@pytest.mark.parametrize("reserved", [{22: "032"}, {60: "30"}, {60: "34"}])
async def test_a_reserved_transaction(terminal: Terminal, cards: Cards, reserved: dict[int, str]) -> None:
    changed = {n: value if n == 22 else f"{value}{terminal.batch}000" for n, value in reserved.items()}
    request = terminal.purchase(cards.approved, AMOUNT, changed)
    assert (await terminal.ask(request)).code == "40"


def test_the_world_has_enough_for_these_tests(every_place: tuple[Place, ...]) -> None:
    assert len(every_place) >= 6
    assert len({place.terminal for place in every_place}) == len(every_place)
    assert all(len(place.terminal) <= 8 and len(place.merchant) <= 15 for place in every_place)
    assert all(len(place.tmk) == 16 for place in every_place)
