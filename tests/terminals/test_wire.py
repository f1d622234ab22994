"""The wire: garbage beside good frames, keep-alives, limits, TLS, and a stop that loses nothing."""

from __future__ import annotations

import asyncio
import random
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from channels.iso8583 import Message, encode, frame
from gateway.kernel.reasons import Reason
from gateway.payments.model import AcquiringAnswer
from gateway.terminals import Tls
from gateway.terminals.samples import shape


async def test_a_keep_alive_is_answered_with_a_keep_alive(pos) -> None:
    pos.writer.write(b"\0\0")
    assert await pos.content() == b""


async def test_a_frame_may_come_in_pieces(pos) -> None:
    for octet in pos.framed(await pos.sealed(pos.sale())):
        pos.writer.write(bytes([octet]))
        await pos.writer.drain()
        await asyncio.sleep(0)
    assert (await pos.receive())[0].text(39) == "00"


async def test_garbage_is_dropped_and_the_next_frame_is_served(pos, counted) -> None:
    pos.writer.write(frame(b"\xde\xad\xbe\xef") + frame(bytes(40)) + frame(b"\x60" + bytes(10) + b"\xff\xff"))
    assert (await pos.ask(pos.sale())).text(39) == "00"
    assert counted("garbage_total", door="terminals", kind="envelope") == 2
    assert counted("garbage_total", door="terminals", kind="message") == 1


async def test_a_message_that_cannot_be_read_is_answered_30_with_what_was_read(pos) -> None:
    body = encode(pos.dialect, pos.sale(f60=""))
    bitmap = int.from_bytes(body[2:10]) | 1 << 4  # says there is a field 60
    pos.send(body[:2] + bitmap.to_bytes(8) + body[10:] + bytes.fromhex("00082200000F"))
    answer, _ = await pos.receive()
    assert answer == Message("0210", {11: "000001", 39: "30", 41: "10000001", 42: "104110070110814", 44: "60"})


@pytest.mark.parametrize(
    ("dump", "mti", "field"),
    [
        ("0200 8000000000000000", "0210", "1"),
        ("0201 0000000000000004 01", "0210", "62"),
        ("0800 0200000000000000", "0810", "7"),
        ("0320 4000000000000000 16 62", "0330", "2"),
    ],
)
async def test_field_44_names_what_could_not_be_read(pos, dump: str, mti: str, field: str) -> None:
    pos.send(bytes.fromhex(dump))
    answer, _ = await pos.receive()
    assert answer == Message(mti, {39: "30", 44: field})


@pytest.mark.parametrize("dump", ["0210 8000000000000000", "1200 8000000000000000", "0290 0000000000000000", "02", ""])
async def test_what_is_no_request_is_never_answered(pos, dump: str) -> None:
    pos.send(bytes.fromhex(dump))
    assert (await pos.ask(pos.network("0820", "301"))).mti == "0830"


async def test_an_answer_that_decodes_is_dropped(pos, counted) -> None:
    pos.send(encode(pos.dialect, Message("0210", {11: "000001"})))
    assert (await pos.ask(pos.network("0820", "301"))).mti == "0830"
    assert counted("garbage_total", door="terminals", kind="not_a_request") == 1


async def test_mutated_frames_harm_nothing(pos, till) -> None:
    rng = random.Random(20261122)
    whole = pos.framed(await pos.sealed(pos.sale()))
    for _ in range(400):
        mutated = bytearray(whole)
        for _ in range(rng.randint(1, 3)):
            mutated[rng.randrange(2, len(mutated))] = rng.randrange(256)
        if mutated != whole and bytes(mutated[13:]) != whole[13:]:
            pos.writer.write(bytes(mutated))
    pos.writer.write(frame(b"\0"))
    pos.writer.write(b"\0\0")
    async with asyncio.timeout(10):
        while await pos.content():
            pass
    assert till.records == []


async def test_too_long_a_frame_closes_the_connection(opened, dial, counted) -> None:
    pos = await dial(await opened(listener={"longest_frame": 300}))
    pos.writer.write(b"\x01\x2d")
    assert await pos.closed()
    assert counted("garbage_total", door="terminals", kind="frame") == 1


async def test_an_idle_connection_is_closed(opened, dial) -> None:
    pos = await dial(await opened(listener={"idle_s": 0.05}))
    pos.writer.write(b"\x00\x20half")
    assert await pos.closed()


async def test_a_connection_with_a_request_under_way_is_not_idle(opened, dial, till) -> None:
    async def slow(record):
        await asyncio.sleep(0.2)
        return AcquiringAnswer(reason=Reason.DONE)

    till.act = slow
    pos = await dial(await opened(listener={"idle_s": 0.05}))
    await pos.sign_in()
    assert (await pos.ask(pos.sale())).text(39) == "00"


async def test_one_connection_too_many_is_closed(opened, dial, counted) -> None:
    door = await opened(listener={"most_connections": 2})
    first, second, third = [await dial(door) for _ in range(3)]
    assert await third.closed()
    assert counted("door_rejects_total", door="terminals") == 1
    await first.hang_up()
    await wait_until(lambda: counted("connections", door="terminals") == 1)
    fourth = await dial(door)
    for pos in (second, fourth):
        assert (await pos.ask(pos.network("0820", "301"))).text(39) == "00"


@pytest.mark.parametrize(("allow", "served"), [(("10.0.0.0/8",), False), (("10.0.0.0/8", "127.0.0.0/8"), True)])
async def test_only_addresses_of_the_list_are_served(opened, dial, allow: tuple[str, ...], served: bool) -> None:  # noqa: FBT001
    pos = await dial(await opened(listener={"allow": allow}))
    if served:
        assert (await pos.ask(pos.network("0820", "301"))).text(39) == "00"
    else:
        assert await pos.closed()


async def test_what_is_too_much_at_once_is_answered_96(opened, dial, till, counted) -> None:
    gate = asyncio.Event()

    async def act(record):
        await gate.wait()
        return AcquiringAnswer(reason=Reason.DONE)

    till.act = act
    pos = await dial(await opened(most_under_way=2))
    await pos.sign_in()
    for _ in range(3):
        pos.send(await pos.sealed(pos.sale()))
    answer, _ = await pos.receive()
    assert (answer.text(11), answer.text(39)) == ("000003", "96")
    pos.send(await pos.sealed(Message("0201", pos.sale().fields)))  # its first may have been sent: told nothing
    pos.send(await pos.sealed(pos.sale()))
    answer, _ = await pos.receive()
    assert (answer.text(11), answer.text(39)) == ("000005", "96")
    assert counted("requests_total", door="terminals", transaction="purchase", reason="unanswered") == 1
    gate.set()
    assert sorted([str((await pos.receive())[0].text(11)) for _ in range(2)]) == ["000001", "000002"]
    assert counted("door_rejects_total", door="terminals") == 3
    assert counted("door_queue", door="terminals") == 0


async def test_a_stop_finishes_what_is_under_way_and_takes_nothing_new(opened, dial, till) -> None:
    gate = asyncio.Event()

    async def act(record):
        await gate.wait()
        return AcquiringAnswer(reason=Reason.DONE)

    till.act = act
    door = await opened()
    pos = await dial(door)
    await pos.sign_in()
    pos.send(await pos.sealed(pos.sale()))
    await wait_until(lambda: len(till.records) == 1)
    stopping = asyncio.create_task(door.stop())
    await asyncio.sleep(0)
    pos.send(await pos.sealed(pos.sale()))
    with pytest.raises(OSError):
        await asyncio.open_connection(door.addresses[0].host, door.addresses[0].port)
    gate.set()
    assert (await pos.receive())[0].text(39) == "00"
    assert await pos.closed()
    assert await stopping == 0
    assert len(till.records) == 1


async def test_a_stop_has_a_limit_and_says_what_is_left(opened, dial, till) -> None:
    gate = asyncio.Event()

    async def act(record):
        await gate.wait()
        return AcquiringAnswer(reason=Reason.DONE)

    till.act = act
    door = await opened(drain_s=0.05)
    pos = await dial(door)
    await pos.sign_in()
    pos.send(await pos.sealed(pos.sale()))
    await wait_until(lambda: len(till.records) == 1)
    assert await door.stop() == 1
    assert await pos.closed()
    gate.set()


async def test_a_terminal_that_hangs_up_does_not_stop_what_it_began(opened, dial, till) -> None:
    gate, finished = asyncio.Event(), asyncio.Event()

    async def act(record):
        await gate.wait()
        finished.set()
        return AcquiringAnswer(reason=Reason.DONE)

    till.act = act
    pos = await dial(await opened())
    await pos.sign_in()
    pos.send(await pos.sealed(pos.sale()))
    await wait_until(lambda: len(till.records) == 1)
    pos.writer.transport.abort()
    gate.set()
    await asyncio.wait_for(finished.wait(), 5)


async def test_a_terminal_that_only_stops_sending_still_gets_its_answer(pos, till) -> None:
    gate = asyncio.Event()

    async def act(record):
        await gate.wait()
        return AcquiringAnswer(reason=Reason.DONE)

    till.act = act
    pos.send(await pos.sealed(pos.sale()))
    await wait_until(lambda: len(till.records) == 1)
    pos.writer.write_eof()
    gate.set()
    assert (await pos.receive())[0].text(39) == "00"
    assert await pos.closed()


async def test_terminals_may_share_a_connection(pos) -> None:
    other = type(pos)((pos.reader, pos.writer), number="10000002")
    await other.sign_in()
    assert (await other.ask(other.sale())).text(41) == "10000002"
    assert (await pos.ask(pos.sale())).text(41) == "10000001"


async def test_an_answer_waits_for_its_reader_and_is_not_lost(pos) -> None:
    """A peer that sends much and reads late: the door stops reading, then everything arrives."""
    body = encode(pos.dialect, pos.network("0820", "301"))
    count = 300
    for _ in range(count):
        pos.send(body)
    assert [(await pos.receive())[0].mti for _ in range(count)] == ["0830"] * count


class Authority:
    """A certificate authority of the test's own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self.file = self.write("ca", self.certificate("test authority", self.key, authority=True), self.key)[0]

    def certificate(self, name: str, key: ec.EllipticCurvePrivateKey, *, authority: bool = False) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(self.key, hashes.SHA256())
        )

    def issue(self, name: str) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        return self.write(name, self.certificate(name, key), key)

    def write(self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> tuple[Path, Path]:
        files = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return files


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def client(authority: Authority, name: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.file))
    context.check_hostname = False
    if name:
        context.load_cert_chain(*authority.issue(name))
    return context


@pytest.fixture
async def tls_door(opened, authority: Authority):
    certificate, key = authority.issue("localhost")
    return await opened(listener={"tls": Tls(certificate=certificate, key=key, clients=authority.file)}, wrong_macs=1)


async def test_tls_without_a_client_certificate(tls_door, dial, authority: Authority) -> None:
    assert tls_door.addresses[0].tls
    pos = await dial(tls_door, tls=client(authority, None))
    await pos.sign_in()
    assert (await pos.ask(pos.sale())).text(39) == "00"


async def test_a_client_certificate_speaks_for_its_own_terminal_only(tls_door, dial, authority: Authority) -> None:
    pos = await dial(tls_door, tls=client(authority, "10000001"))
    await pos.sign_in()
    pos.number = "10000002"
    assert (await pos.ask(pos.network("0800", "003"))).text(39) == "97"


async def test_wrong_macs_under_a_certificate_block_the_certificate(tls_door, dial, authority: Authority) -> None:
    pos = await dial(tls_door, tls=client(authority, "10000001"))
    await pos.sign_in()
    await pos.ask(pos.sale(), key=bytes.fromhex("1111111111111111"))
    assert tls_door.watch.blocked("certificate:10000001")
    assert not tls_door.watch.blocked("127.0.0.1")


async def test_older_tls_is_refused(tls_door, authority: Authority) -> None:
    context = client(authority, None)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    address = tls_door.addresses[0]
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection(address.host, address.port, ssl=context)


async def test_a_listener_that_cannot_be_opened_says_so(opened) -> None:
    door = await opened()
    with pytest.raises(OSError):
        await opened(listener={"port": door.addresses[0].port})


async def test_a_listener_of_an_unknown_dialect_says_which_there_are(opened) -> None:
    with pytest.raises(ValueError, match="cups, iso87-ascii"):
        await opened(listener={"dialect": "cusp"})


async def test_nothing_is_read_after_too_long_a_frame(opened, dial, till) -> None:
    gate = asyncio.Event()

    async def act(record):
        await gate.wait()
        return AcquiringAnswer(reason=Reason.DONE)

    till.act = act
    pos = await dial(await opened(listener={"longest_frame": 300}))
    await pos.sign_in()
    pos.send(await pos.sealed(pos.sale()))
    pos.writer.write(b"\xff\xff")
    pos.send(await pos.sealed(pos.sale()))
    await wait_until(lambda: len(till.records) == 1)
    gate.set()
    assert (await pos.receive())[0].text(11) == "000001"
    assert await pos.closed()
    assert len(till.records) == 1


def test_a_sample_shows_the_shape_and_no_value() -> None:
    assert shape(b"\x02\x006222 Ab\xff") == "#0nnnn_aa#"
    assert len(shape(bytes(1000))) == 64


async def wait_until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what it waits for is a state of the door, not an event
            await asyncio.sleep(0.005)
