import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import iso8583
import pytest

from gateway.kernel.clock import SystemClock
from gateway.sandbox.dialect import SPECIFICATION, BadFrameError, encode, read_frame
from gateway.sandbox.security import WorkingKeys, check_value, des_encipher, message_code
from gateway.sandbox.terminal import (
    BadAnswerError,
    NoAnswerError,
    NotSentError,
    SimulatedTerminal,
    TerminalSettings,
)

TMK = bytes.fromhex("CA5D92598DCA48CE8A4C76361A9269E9")
KEY = bytes.fromhex("2222222222222222")
CARD = "6222020001234561"
ANSWER_HEAD = bytes.fromhex("6000000003 602200000000")


class Front:
    """The other end of the line, told by a test what to do with each request."""

    def __init__(self) -> None:
        self.heard: list[dict[str, str]] = []
        self.frames: list[bytes] = []
        self.script: list[Callable[[dict[str, str]], bytes | None]] = []
        self.writer: asyncio.StreamWriter | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        try:
            while True:
                length = await reader.readexactly(2)
                body = await reader.readexactly(int.from_bytes(length))
                if not body:
                    writer.write(b"\0\0")
                    continue
                self.frames.append(length + body)
                fields, _ = iso8583.decode(body[11:], SPECIFICATION)
                self.heard.append(fields)
                answer = self.script.pop(0)(fields) if self.script else approve(fields)
                if answer is None:
                    continue
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def answer(fields: dict[str, str], code: str, more: dict[str, str] | None = None, *, key: bytes = KEY) -> bytes:
    mti = fields["t"][:2] + str(int(fields["t"][2]) + 1) + "0"
    kept = {name: fields[name] for name in ("2", "3", "4", "11", "25", "41", "42", "49", "60") if name in fields}
    said = kept | {"t": mti, "12": "101500", "13": "1122", "37": "000000000042", "39": code} | (more or {})
    if code == "00" and mti[1] != "8":
        message = encode(said | {"64": "0" * 16})[:-8]
        message += message_code(key, message)
    else:
        message = encode(said)
    body = ANSWER_HEAD + message
    return len(body).to_bytes(2) + body


def approve(fields: dict[str, str]) -> bytes:
    return answer(fields, "00")


def decline(code: str) -> Callable[[dict[str, str]], bytes]:
    return lambda fields: answer(fields, code, {"44": "refused"})


def silent(_: dict[str, str]) -> None:
    return None


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    made = Front()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    yield made
    server.close()


@pytest.fixture
async def terminal(front: Any) -> AsyncIterator[SimulatedTerminal]:
    made = _terminal(front.port)
    yield made
    await made.close()


def _terminal(port: int, *, patience: float = 0) -> SimulatedTerminal:
    settings = TerminalSettings(
        host="127.0.0.1",
        port=port,
        terminal="10000001",
        merchant="104110070110814",
        answer_seconds=0.3,
        patience_seconds=patience,
    )
    made = SimulatedTerminal(settings, tmk=TMK, clock=SystemClock())
    made.keys = WorkingKeys(pin=bytes(range(16)), mac=KEY)
    return made


async def test_a_purchase_byte_by_byte(front: Any, terminal: SimulatedTerminal) -> None:
    await terminal.purchase(12345, pan=CARD)
    expected = bytes.fromhex(
        "005A"  # 90 bytes follow
        "60 0003 0000"  # TPDU
        "602200000000"  # header
        "0200 7024048000C08011"
        "16 6222020001234561"  # 2
        "000000"  # 3
        "000000012345"  # 4
        "000001"  # 11
        "3012"  # 14
        "0120"  # 22, three digits and a zero on the right
        "00"  # 25
        "3130303030303031"  # 41
        "313034313130303730313130383134"  # 42
        "313536"  # 49
        "0013 22000001000500"  # 60, thirteen digits and a zero on the right
    )
    assert front.frames[0][:-8].hex() == expected.hex()
    assert front.frames[0][-8:] == message_code(KEY, expected[13:])


async def test_a_sign_in_byte_by_byte_and_its_keys(front: Any, terminal: SimulatedTerminal) -> None:
    pin = bytes(range(16, 32))
    slots = des_encipher(TMK, pin) + check_value(pin)
    slots += bytes.fromhex("B651F9E9BACE9AE1 0000000000000000 AB7153CA")
    front.script = [lambda fields: answer(fields, "00", {"60": "00000007003", "62": slots.hex().upper()})]
    slip = await terminal.sign_in()
    assert slip.is_approved
    assert terminal.batch == "000007"
    assert terminal.keys == WorkingKeys(pin=pin, mac=bytes.fromhex("5BB5C72CD00B7338"))
    expected = bytes.fromhex(
        "0800 0020000000C00014"
        "000001"  # 11
        "3130303030303031 313034313130303730313130383134"  # 41, 42
        "0011 000000010030"  # 60, eleven digits
        "0025"  # 62: 25 bytes
    )
    assert front.frames[0][13:] == expected + b"Sequence No12SB0000000001"


async def test_an_echo_has_no_code_and_sign_off_neither(front: Any, terminal: SimulatedTerminal) -> None:
    await terminal.echo()
    await terminal.sign_off()
    assert [(fields["t"], fields["60"], "64" in fields) for fields in front.heard] == [
        ("0820", "00000001301", False),
        ("0820", "00000001002", False),
    ]


async def test_voids_refunds_and_enquiries_name_their_original(front: Any, terminal: SimulatedTerminal) -> None:
    paid = await terminal.purchase(500, pan=CARD)
    await terminal.void(paid)
    await terminal.refund(paid, 200)
    await terminal.enquire(paid.request)
    names = ("t", "3", "4", "25", "37", "60", "61")
    assert [tuple(fields.get(name, "") for name in names) for fields in front.heard[1:]] == [
        ("0200", "200000", "000000000500", "00", "000000000042", "2300000100050", "000001000001"),
        ("0220", "200000", "000000000200", "00", "000000000042", "2500000100050", "0000010000011122"),
        ("0220", "380000", "", "00", "", "0300000100050", "000001000001"),
    ]
    assert [fields["2"] for fields in front.heard[:3]] == [CARD] * 3
    assert [slip.request.trace for slip in terminal.slips] == ["000001", "000002", "000003", "000004"]


async def test_no_answer_leaves_a_reversal_that_goes_before_the_next_transaction(
    front: Any, terminal: SimulatedTerminal
) -> None:
    front.script = [silent, silent, decline("25")]
    with pytest.raises(NoAnswerError):
        await terminal.purchase(500, pan=CARD)
    with pytest.raises(NoAnswerError):
        await terminal.purchase(600, pan=CARD)
    assert terminal.pending
    await terminal.purchase(600, pan=CARD)
    assert not terminal.pending
    assert [(fields["t"], fields["4"], fields["11"], fields.get("39")) for fields in front.heard] == [
        ("0200", "000000000500", "000001", None),
        ("0400", "000000000500", "000001", "98"),
        ("0400", "000000000500", "000001", "98"),
        ("0200", "000000000600", "000003", None),
    ]
    original, reversal = front.heard[:2]
    assert {name: original[name] for name in ("2", "3", "14", "22", "25", "49", "60")} == {
        name: reversal[name] for name in ("2", "3", "14", "22", "25", "49", "60")
    }


async def test_an_approval_with_a_wrong_code_is_not_believed(front: Any, terminal: SimulatedTerminal) -> None:
    front.script = [lambda fields: answer(fields, "00", key=bytes(8))]
    with pytest.raises(BadAnswerError):
        await terminal.purchase(500, pan=CARD)
    await terminal.settle_pending()
    assert (front.heard[1]["t"], front.heard[1]["39"]) == ("0400", "A0")


async def test_an_unanswered_refund_is_repeated_never_reversed(front: Any, terminal: SimulatedTerminal) -> None:
    paid = await terminal.purchase(500, pan=CARD)
    front.script = [silent]
    with pytest.raises(NoAnswerError):
        await terminal.refund(paid, 100)
    assert terminal.pending is None
    request = terminal.prepare("refund", front.heard[1])
    await terminal.repeat(request)
    assert [fields["t"] for fields in front.heard] == ["0200", "0220", "0221"]
    assert front.heard[2]["61"] == front.heard[1]["61"]


async def test_a_wrong_code_on_purpose(front: Any, terminal: SimulatedTerminal) -> None:
    front.script = [decline("A0")]
    slip = await terminal.purchase(500, pan=CARD, wrong_code=True)
    sent = front.frames[0]
    assert sent[-8:] != message_code(KEY, sent[13:-8])
    assert (slip.code, slip.text, terminal.pending) == ("A0", "refused", None)


async def test_the_same_bytes_again(front: Any, terminal: SimulatedTerminal) -> None:
    first = await terminal.purchase(500, pan=CARD)
    second = await terminal.resend(first.request)
    assert front.frames[0] == front.frames[1]
    assert second.answer == first.answer
    assert [slip.repeated for slip in terminal.slips] == [False, True]


async def test_answers_go_to_those_who_wait_in_any_order(front: Any, terminal: SimulatedTerminal) -> None:
    late: list[bytes] = []

    def keep(fields: dict[str, str]) -> None:
        late.append(answer(fields, "00", {"37": f"{int(fields['4']):012d}"}))

    def release(fields: dict[str, str]) -> bytes:
        return answer(fields, "00", {"37": f"{int(fields['4']):012d}"}) + late[1] + late[0]

    front.script = [keep, keep, release]
    await terminal.connect()
    slips = await asyncio.gather(*(terminal.purchase(amount, pan=CARD) for amount in (1, 2, 3)))
    assert [int(slip.rrn) for slip in slips] == [1, 2, 3]


async def test_a_patient_terminal_repeats_over_a_new_connection(front: Any) -> None:
    terminal = _terminal(front.port, patience=5)

    def hang_up(_: dict[str, str]) -> None:
        front.writer.close()

    front.script = [hang_up, hang_up]
    slip = await terminal.purchase(500, pan=CARD)
    assert slip.is_approved
    assert slip.repeated
    assert [(fields["t"], fields["11"]) for fields in front.heard] == [
        ("0200", "000001"),
        ("0201", "000001"),
        ("0201", "000001"),
    ]
    await terminal.close()


async def test_what_could_not_be_sent_is_not_reversed(front: Any) -> None:
    terminal = _terminal(1)
    with pytest.raises(NotSentError):
        await terminal.purchase(500, pan=CARD)
    assert terminal.pending is None


async def test_keep_alive_and_strays(front: Any, terminal: SimulatedTerminal) -> None:
    await terminal.keep_alive()
    front.writer.write(b"\x00\x03abc")
    assert await terminal.stray(1) == b"abc"
    with pytest.raises(NoAnswerError):
        await terminal.stray(0.05)


async def test_pin_and_track(front: Any, terminal: SimulatedTerminal) -> None:
    await terminal.purchase(500, pan=CARD, pin="123456")
    await terminal.purchase(500, track2=f"{CARD}D30121010000012345")
    typed, swiped = front.heard
    assert (typed["22"], typed["26"], typed["53"], len(typed["52"])) == ("011", "12", "2600000000000000", 16)
    assert (swiped["22"], swiped["35"], "2" in swiped) == ("022", f"{CARD}D30121010000012345", False)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        ANSWER_HEAD,
        ANSWER_HEAD + bytes.fromhex("0210 0000000000000000 00"),
        ANSWER_HEAD + bytes.fromhex("0210 0000000000000800"),  # 53 said, not there
        ANSWER_HEAD + bytes.fromhex("0210 0400000000000000"),  # 6 is not listed
        ANSWER_HEAD + bytes.fromhex("0210 0020000000000000 00000A"),  # 11 is no number
        bytes.fromhex("6000030000 602200000000 0210 0000000000000000"),  # addresses not swapped
    ],
)
def test_what_is_no_answer(body: bytes) -> None:
    with pytest.raises(BadFrameError):
        read_frame(body)


def test_odd_lengths_are_padded_on_their_side() -> None:
    message = encode({"t": "0200", "2": "6222020001234567890", "22": "021", "23": "003", "35": "62D12"})
    assert message.hex().upper() == "0200400006002000000019622202000123456789000210" + "0003" + "0562D120"
