"""The peer terminal against published vectors, messages written out by hand and a small host on a loopback."""

from __future__ import annotations

import asyncio
import itertools
import re
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.peers.answers import broken_promises
from tests.peers.cards import Card, Cards
from tests.peers.cups import FIELDS, Envelope, Message, NotCupsError, answer_mti, decode, encode, packed, unwrap
from tests.peers.line import Line
from tests.peers.places import Place, of_another_merchant, of_one_merchant, trace_numbers
from tests.peers.terminal import Terminal, WrongAnswerMacError
from tests.peers.working_keys import (
    WorkingKeys,
    WrongKeyError,
    check_value,
    clear_pin_block,
    decipher,
    encipher,
    enciphered_track,
    message_authentication_code,
    opened,
)

TMK = bytes.fromhex("CA5D92598DCA48CE8A4C76361A9269E9")
MAC_PART = "B651F9E9BACE9AE10000000000000000AB7153CA"
MAC_KEY = bytes.fromhex("5BB5C72CD00B7338")
PIN_KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
DATA_KEY = bytes.fromhex("11223344556677888877665544332211")
CARD = Card("6222020000000000007", "123456", "approve")
WITHIN = 5.0


def wrapped(key: bytes) -> str:
    return (encipher(TMK, key) + check_value(key)).hex()


# ------------------------------------------------------------------ keys


def test_the_mac_part_of_a_sign_in_opens_as_published() -> None:
    keys = opened("003", TMK, bytes.fromhex(wrapped(PIN_KEY) + MAC_PART))
    assert keys == WorkingKeys(pin=PIN_KEY, mac=MAC_KEY)


def test_the_other_downloads_open() -> None:
    single = PIN_KEY[:8]
    assert opened("001", TMK, bytes.fromhex(wrapped(single) + wrapped(MAC_KEY))) == WorkingKeys(single, MAC_KEY)
    three = opened("004", TMK, bytes.fromhex(wrapped(PIN_KEY) + MAC_PART + wrapped(DATA_KEY)))
    assert three == WorkingKeys(PIN_KEY, MAC_KEY, DATA_KEY)


@pytest.mark.parametrize(
    ("download", "enciphered"),
    [
        ("003", wrapped(PIN_KEY) + MAC_PART[:-2] + "CB"),
        ("003", wrapped(PIN_KEY)[:-2] + "00" + MAC_PART),
        ("003", wrapped(PIN_KEY) + MAC_PART.replace("00AB", "01AB")),
        ("003", wrapped(PIN_KEY) + MAC_PART + "00"),
        ("004", wrapped(PIN_KEY) + MAC_PART),
    ],
)
def test_keys_that_do_not_fit_are_refused(download: str, enciphered: str) -> None:
    with pytest.raises(WrongKeyError):
        opened(download, TMK, bytes.fromhex(enciphered))


def test_the_mac_is_as_published() -> None:
    data = bytes.fromhex("1234567890ABCDEFABCDEF1234567890")
    assert message_authentication_code(b"\x22" * 8, data) == b"E267B6E2"


def test_the_mac_pads_with_zeros() -> None:
    assert message_authentication_code(MAC_KEY, b"\x02\x00\x70") == message_authentication_code(
        MAC_KEY, bytes.fromhex("0200700000000000")
    )


def test_a_pin_block_of_format_0() -> None:
    assert clear_pin_block("1234", "43219876543210987").hex().upper() == "0412AC89ABCDEF67"


def test_only_sixteen_characters_of_a_track_are_enciphered() -> None:
    odd = "6222020000000000007D2812201333333333333"[:37]
    sent = enciphered_track(odd, DATA_KEY)
    assert (len(sent), sent[:20], sent[36:]) == (37, odd[:20], odd[36:])
    assert decipher(DATA_KEY, bytes.fromhex(sent[20:36])).hex().upper() == odd[20:36]
    even = odd[:36]
    sent = enciphered_track(even, DATA_KEY)
    assert (len(sent), sent[:18], sent[34:]) == (36, even[:18], even[34:])
    assert decipher(DATA_KEY, bytes.fromhex(sent[18:34])).hex().upper() == even[18:34]


# ------------------------------------------------------------------ codec

PURCHASE = Message(
    "0200",
    {
        2: "6222020000000000007",
        3: "000000",
        4: "000000001234",
        11: "000042",
        14: "2812",
        22: "021",
        23: "001",
        25: "00",
        35: "6222020000000000007D28122010000012300",
        41: "10000001",
        42: "898110000000001",
        44: "支付",
        49: "156",
        60: "22000001000",
        61: "0000010000411122",
        62: "0A0B",
        64: "3132333435363738",
    },
)
PURCHASE_HEX = """
0200 7024068020D0801D
19 62220200000000000070
000000
000000001234
000042
2812
0210
0001
00
37 6222020000000000007D281220100000123000
3130303030303031
383938313130303030303030303031
04 D6A7B8B6
313536
0011 220000010000
0016 0000010000411122
0002 0A0B
3132333435363738
"""


def test_a_message_written_out_by_hand() -> None:
    assert encode(PURCHASE) == bytes.fromhex(PURCHASE_HEX)
    assert decode(bytes.fromhex(PURCHASE_HEX)) == PURCHASE


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("0200 0800000000000000 000000000000", "field 5 "),
        ("0200 8000000000000000 0000000000000000", "field 1 "),
        ("0200 1000000000000000 00000000123A", "field 4 "),
        ("0200 0000040000000000 0211", "field 22 "),
        ("0200 0000020000000000 1001", "field 23 "),
        ("0200 4000000000000000 20 62220200000000000007", "field 2 "),
        ("0200 4000000000000000 1A 62220200000000000007", "field 2 "),
        ("0200 1000000000000000 0000000012", "field 4 "),
        ("0200 1000000000000000 000000001234 00", "field 4 "),
        ("02A0 1000000000000000 000000001234", "message type"),
        ("0200 1000", "field p"),
    ],
)
def test_what_is_no_message_is_said_with_its_field(data: str, why: str) -> None:
    with pytest.raises(NotCupsError, match=why):
        decode(bytes.fromhex(data))


def test_a_wrong_message_can_still_be_made() -> None:
    made = encode(Message("0200", {4: "00000000123A", 5: "000000000001"}), {**FIELDS, "5": packed(12)})
    assert made == bytes.fromhex("0200 1800000000000000 00000000123A 000000000001")


def test_the_message_type_of_an_answer() -> None:
    assert [answer_mti(mti) for mti in ("0200", "0201", "0221", "0400", "0800", "0820")] == [
        "0210",
        "0210",
        "0230",
        "0410",
        "0810",
        "0830",
    ]


def test_a_frame_written_out_by_hand() -> None:
    envelope = Envelope(destination="0003", origin="1234", header="603100310001")
    frame = envelope.wrap(bytes.fromhex("08000000000000000000"))
    assert frame == bytes.fromhex("0015 6000031234 603100310001 08000000000000000000")
    assert unwrap(frame[2:]) == (envelope, bytes.fromhex("08000000000000000000"))
    assert envelope.answered() == Envelope(destination="1234", origin="0003", header="603100310001")


@pytest.mark.parametrize("body", ["", "60", "61000312346031003100010800", "600003123A6031003100010800"])
def test_what_is_no_frame(body: str) -> None:
    with pytest.raises(NotCupsError):
        unwrap(bytes.fromhex(body))


# ------------------------------------------------------------------ world


def test_trace_numbers_are_six_digits_and_go_up() -> None:
    one, other = itertools.islice(trace_numbers(), 2)
    assert re.fullmatch(r"\d{6}", one)
    assert int(one) % 999_999 + 1 == int(other)


def test_terminals_by_merchant() -> None:
    places = tuple(Place(terminal, merchant, TMK) for terminal, merchant in [("1", "A"), ("2", "B"), ("3", "A")])
    assert of_one_merchant(places) == (places[0], places[2])
    assert of_another_merchant(places, places[0]) == places[1]
    with pytest.raises(LookupError):
        of_one_merchant(places[:2])
    with pytest.raises(LookupError):
        of_another_merchant(places[:1], places[0])


def test_cards_by_behaviour() -> None:
    behaviours = ["approve", "decline:51", "delay:100", "delay:2000", "drop"]
    cards = Cards(tuple(Card(CARD.pan, CARD.pin, behaviour) for behaviour in behaviours))
    assert (cards.approved.behaviour, cards.declined.detail, cards.slow.detail) == ("approve", "51", "2000")
    with pytest.raises(LookupError):
        cards.behaving("twice")


# ------------------------------------------------------------------ client


class Host:
    """A host that approves everything; it holds purchases back until it has as many as it was told to."""

    def __init__(self) -> None:
        self.hold = 1
        self.mac_key = MAC_KEY
        self.held: list[tuple[asyncio.StreamWriter, bytes]] = []
        self.numbers = itertools.count(1)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                body = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
                await self._take(writer, body)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _take(self, writer: asyncio.StreamWriter, body: bytes) -> None:
        if not body:
            writer.write(b"\0\0")
            return
        self.held.append((writer, body))
        if len(self.held) < self.hold:
            return
        while self.held:
            to, request = self.held.pop()
            for byte in self._answer(request):
                to.write(bytes([byte]))
                await to.drain()

    def _answer(self, body: bytes) -> bytes:
        envelope, encoded = unwrap(body)
        request = decode(encoded)
        repeated = {number: request[number] for number in (2, 3, 4, 11, 25, 41, 42, 49, 60) if number in request}
        own = {12: "101112", 13: "1122", 37: f"{next(self.numbers):012d}", 39: "00"}
        answer = Message(answer_mti(request.mti), repeated | own)
        if request.mti == "0800":
            keys = wrapped(PIN_KEY) + MAC_PART
            return envelope.answered().wrap(encode(answer.but({60: "00000007003", 62: keys})))
        if request.mti == "0820":
            return envelope.answered().wrap(encode(answer))
        approval = {15: "1122", 32: "00000000001", 38: "ABC123", 44: "I" * 11 + "A" * 11, 63: "CUP", 64: "00" * 8}
        unsealed = encode(answer.but(approval))[:-8]
        return envelope.answered().wrap(unsealed + message_authentication_code(self.mac_key, unsealed))


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
async def line(host: Host) -> AsyncIterator[Line]:
    server = await asyncio.start_server(host.serve, "127.0.0.1", 0)
    opened_line = await Line.open("127.0.0.1", server.sockets[0].getsockname()[1])
    yield opened_line
    await opened_line.close()
    server.close()
    await server.wait_closed()


def placed(line: Line, name: str = "10000001", first: int = 1) -> Terminal:
    traces = (f"{number:06d}" for number in itertools.count(first))
    return Terminal(Place(name, "898110000000001", TMK), line, traces)


async def test_a_session_on_the_loopback(line: Line) -> None:
    terminal = placed(line)
    signed_in = await terminal.sign_in()
    assert (signed_in.code, terminal.batch, terminal.keys) == ("00", "000007", WorkingKeys(PIN_KEY, MAC_KEY))
    sale = await terminal.buy(CARD, 1234)
    assert broken_promises(sale.request, sale.answer, terminal.envelope) == []
    assert (sale.code, sale.reference) == ("00", "000007000002")
    assert (await terminal.echo()).code == "00"
    await line.write(b"\0\0")
    assert await asyncio.wait_for(line.keep_alives.get(), WITHIN) == b""
    assert line.strays == []


def certified(folder: Path) -> tuple[ssl.SSLContext, str]:
    """A server's side of TLS for the loopback, and the certificate to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate = made.public_bytes(Encoding.PEM)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server.pem").write_bytes(secret + certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context, certificate.decode()


async def test_a_connection_may_be_enciphered(host: Host, tmp_path: Path) -> None:
    context, trust = certified(tmp_path)
    server = await asyncio.start_server(host.serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    line = await Line.open("127.0.0.1", port, trust=trust)
    assert (await placed(line).sign_in()).code == "00"
    await line.close()
    _, stranger = certified(tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError):
        await Line.open("127.0.0.1", port, trust=stranger)
    server.close()
    await server.wait_closed()


async def test_answers_out_of_order_find_their_requests(line: Line, host: Host) -> None:
    one, other = placed(line), placed(line, "10000002")
    await one.sign_in()
    await other.sign_in()
    host.hold = 4
    asked = [one.purchase(CARD, 1), other.purchase(CARD, 2), one.purchase(CARD, 3), other.purchase(CARD, 4)]
    answers = await asyncio.gather(
        *(terminal.ask(request) for terminal, request in zip([one, other, one, other], asked, strict=True))
    )
    assert [answer[4] for answer in answers] == [request[4] for request in asked]
    assert [answer[41] for answer in answers] == [request[41] for request in asked]
    assert [answer.arrived for answer in answers] == [5, 4, 3, 2]


async def test_a_wrong_mac_of_an_approval_is_found(line: Line, host: Host) -> None:
    terminal = placed(line)
    await terminal.sign_in()
    host.mac_key = PIN_KEY[:8]
    with pytest.raises(WrongAnswerMacError):
        await terminal.buy(CARD, 1234)


async def test_a_host_that_hangs_up_ends_what_is_under_way(line: Line, host: Host) -> None:
    terminal = placed(line)
    host.hold = 2
    waiting = asyncio.create_task(terminal.echo())
    async with asyncio.timeout(WITHIN):
        while not host.held:
            await line.write(b"\0\0")
            await line.keep_alives.get()
    host.held[0][0].close()
    with pytest.raises(ConnectionResetError):
        await waiting
    assert line.closed.is_set()


async def test_requests_are_built_as_published(line: Line) -> None:
    terminal = placed(line)
    await terminal.sign_in()
    sale = await terminal.buy(CARD, 1234)
    void, refund = terminal.void(sale), terminal.refund(sale, 1000)
    number, date = sale.answer[37], sale.answer[13]
    assert [void[n] for n in (3, 4, 25, 37, 60, 61)] == [
        "200000",
        "000000001234",
        "00",
        number,
        "23000007000",
        "000007000002",
    ]
    assert (refund.mti, refund[60], refund[61]) == ("0220", "25000007000", f"000007000002{date}")
    assert terminal.refund_by_number(sale, 1)[61] == f"000000000000{date}"
    reversal = terminal.reversal(sale.request, sale.answer, reason="96")
    assert sorted(reversal.fields) == [2, 3, 4, 11, 14, 22, 25, 38, 39, 41, 42, 49, 60]
    assert (reversal[38], reversal[39], reversal[11]) == ("ABC123", "96", sale.request[11])
    enquiry = terminal.enquiry(sale.reference)
    assert (enquiry.mti, enquiry[3], enquiry[60], enquiry[61]) == ("0220", "380000", "03000007000", "000007000002")
    assert terminal.repeat(sale.request).mti == "0201"
    signing_in = terminal.signing_in("004")
    assert bytes.fromhex(signing_in[62]) == b"Sequence No10SN10000001"
    assert (signing_in[60], 64 in signing_in) == ("00000007004", False)
