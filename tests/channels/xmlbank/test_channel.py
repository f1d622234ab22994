from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels.instruction import Approved, Ask, Card, Declined, Instruction, NotFound, Unknown
from channels.params import MissingParameterError
from channels.signatures import RsaSha256Verifier
from channels.xmlbank import XmlBank

NUMBER = "20261122000000000001"
ABOUT = "20261122000000000009"
AT = datetime(2026, 11, 22, 2, 0, 0, tzinfo=UTC)
PAY = Instruction(
    number=NUMBER,
    ask=Ask.PAY,
    business="acquiring",
    amount_minor=12345,
    unit="CNY",
    occurred_at=AT,
    card=Card(pan="6222020000000000", expiry="3012", entry_mode="051"),
    merchant="104110070110814",
    terminal="10000001",
)
GOLDEN_PAY = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<BankRequest version="1.0">'
    b"<Head><Function>PAY</Function><Number>20261122000000000001</Number><Customer>TILLGATE01</Customer>"
    b"<SentAt>2026-11-22T10:00:00+08:00</SentAt></Head>"
    b"<Body><Amount>12345</Amount><Unit>CNY</Unit><Card>6222020000000000</Card><Expiry>3012</Expiry>"
    b"<EntryMode>051</EntryMode><Merchant>104110070110814</Merchant><Terminal>10000001</Terminal></Body></BankRequest>"
)


def answer(body: str, *, function: str = "PAY", number: str = NUMBER) -> bytes:
    head = f"<Head><Function>{function}</Function><Number>{number}</Number></Head>"
    return f'<BankAnswer version="1.0">{head}<Body>{body}</Body></BankAnswer>'.encode()


def read(channel, bank, body: bytes, **other):
    given_ = {"number": NUMBER, "status": 200, "headers": bank.headers(body), "body": body} | other
    return channel.read(**given_)


async def test_a_payment_is_written_as_the_bank_publishes_it_and_signed_over_its_bytes(channel, house):
    message = await channel.ask(PAY)
    assert message.body == GOLDEN_PAY
    assert message.path == "/gateway"
    assert {name: message.headers[name] for name in house.headers(GOLDEN_PAY)} == house.headers(GOLDEN_PAY)
    assert "6222020000000000" not in repr(message)


async def test_text_is_escaped_so_that_no_element_can_be_smuggled_in(channel):
    evil = Instruction(
        number=NUMBER,
        ask=Ask.PAY,
        business="acquiring",
        amount_minor=1,
        unit="CNY",
        occurred_at=AT,
        merchant="<Amount>9",
    )
    assert b"<Merchant>&lt;Amount&gt;9</Merchant>" in (await channel.ask(evil)).body


async def test_a_payout_is_not_in_this_banks_language(channel):
    payout = Instruction(
        number=NUMBER, ask=Ask.PAYOUT, business="withdrawal", amount_minor=1, unit="CNY", occurred_at=AT
    )
    with pytest.raises(ValueError, match="cannot be asked for payout"):
        await channel.ask(payout)


def test_an_approval_carries_what_the_bank_said(channel, bank):
    body = answer(
        "<Code>00</Code><State>SUCCESS</State><Reference>B01</Reference><Approval>123456</Approval>"
        "<ValueOn>2026-11-22</ValueOn><Amount>12345</Amount>"
    )
    assert read(channel, bank, body) == Approved(
        bank_reference="B01", approval_code="123456", value_on=date(2026, 11, 22), amount_minor=12345
    )


@pytest.mark.parametrize(
    ("code", "reason"),
    [("51", "insufficient_funds"), ("05", "bank_declined"), ("14", "bad_card"), ("96", "fault"), ("12", "wrong_state")],
)
def test_a_code_of_the_table_is_a_decline(channel, bank, code, reason):
    body = answer(f"<Code>{code}</Code><State>FAILED</State><Text>no</Text><Reference>B02</Reference>")
    assert read(channel, bank, body) == Declined(code=code, reason=reason, text="no", bank_reference="B02")


@pytest.mark.parametrize(
    ("body", "other"),
    [
        pytest.param(answer("<Code>00</Code><State>SUCCESS</State>"), {"headers": {}}, id="not signed"),
        pytest.param(answer("<Code>00</Code><State>SUCCESS</State>"), {"status": 500}, id="HTTP 500"),
        pytest.param(answer("<Code>00</Code><State>SUCCESS</State>", number=ABOUT), {}, id="another number"),
        pytest.param(answer("<Code>00</Code><State>SUCCESS</State>", function="QUERY"), {}, id="another function"),
        pytest.param(answer("<Code>00</Code><State>STRANGE</State>"), {}, id="state not in the table"),
        pytest.param(answer("<Code>77</Code><State>FAILED</State>"), {}, id="code not in the table"),
        pytest.param(answer("<Code>09</Code><State>PROCESSING</State>"), {}, id="in progress"),
        pytest.param(answer("<Code>00</Code><State>SUCCESS</State><Amount>1.5</Amount>"), {}, id="amount"),
        pytest.param(answer("<Code>00</Code><State>SUCCESS</State><ValueOn>2026-02-30</ValueOn>"), {}, id="date"),
        pytest.param(answer("<Code>00</Code><Code>51</Code><State>SUCCESS</State>"), {}, id="two codes"),
        pytest.param(b"<BankAnswer version='1.0'><Head/><Body>", {}, id="cut"),
        pytest.param(b"\xff\x00", {}, id="no XML"),
        pytest.param(
            b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>' + answer("<Code>&x;</Code>"), {}, id="entity"
        ),
    ],
)
def test_whatever_is_not_a_signed_answer_of_the_table_is_unknown(channel, bank, body, other):
    assert isinstance(read(channel, bank, body, **other), Unknown)


def test_a_changed_byte_breaks_the_signature(channel, bank):
    body = answer("<Code>51</Code><State>FAILED</State>")
    changed = answer("<Code>00</Code><State>SUCCESS</State>")
    assert isinstance(read(channel, bank, changed, headers=bank.headers(body)), Unknown)


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("<Code>25</Code><State>NOT_FOUND</State>", NotFound(why="the bank does not know the number")),
        ("<Code>00</Code><State>SUCCESS</State><Reference>B</Reference>", Approved(bank_reference="B")),
        ("<Code>00</Code><State>REVERSED</State>", Declined(code="00", reason="wrong_state", text="reversed")),
        ("<Code>09</Code><State>PROCESSING</State>", Unknown(why="in progress at the bank", code="09")),
    ],
)
def test_a_query_tells_the_outcome_of_what_was_asked_about(channel, bank, body, outcome):
    data = answer(body, function="QUERY")
    asked = {"number": NUMBER, "about": ABOUT, "status": 200, "headers": bank.headers(data), "body": data}
    assert channel.read_query(**asked) == outcome


async def test_a_query_names_the_original(channel):
    message = await channel.query(number=NUMBER, about=ABOUT, at=AT)
    assert b"<Function>QUERY</Function>" in message.body
    assert b"<Original>20261122000000000009</Original>" in message.body


def test_a_channel_without_its_customer_number_does_not_open(house, bank):
    with pytest.raises(MissingParameterError, match="'customer'"):
        XmlBank({}, house, RsaSha256Verifier({bank.key_id: bank.public}))


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_no_signed_bytes_make_anything_but_an_outcome(channel, bank, data):
    outcome = read(channel, bank, data)
    assert isinstance(outcome, Unknown)
