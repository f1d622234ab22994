from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from connectors.http import HttpConnector
from connectors.policy import Circuit, Policy
from connectors.ports import Answered, NoAnswer, Silent, Unsent

QUICK = Policy(connect_s=0.5, total_s=2, attempts=2, first_wait_s=0.001, longest_wait_s=0.002, trips_after=3, rests_s=5)


@dataclass
class Seconds:
    """A clock that moves when told."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Peer:
    """A TLS server with a behaviour for each path."""

    url: str = ""
    authority: str = ""
    asked: list[str] = field(default_factory=list)
    reached: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Notes:
    """An observer that remembers."""

    results: list[str] = field(default_factory=list)
    circuits: list[bool] = field(default_factory=list)

    def exchanged(self, connector: str, what: str, seconds: float, result: str) -> None:
        self.results.append(result)

    def circuit(self, connector: str, *, is_open: bool) -> None:
        self.circuits.append(is_open)


def certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bank")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert").write_bytes(built.public_bytes(Encoding.PEM))
    (folder / "key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return folder / "cert", folder / "key"


@pytest.fixture
async def peer(tmp_path: Path) -> AsyncIterator[Peer]:
    one = Peer()

    async def answer(request: web.Request) -> web.StreamResponse:
        one.asked.append(request.path)
        one.reached.set()
        match request.path:
            case "/good":
                return web.Response(body=await request.read(), headers={"X-Kind": "echo"})
            case "/slow":
                await asyncio.Event().wait()
            case "/cut":
                request.transport.close()
            case "/half":
                response = web.StreamResponse(headers={"Content-Length": "100"})
                await response.prepare(request)
                await response.write(b"half")
                request.transport.close()
                return response
            case "/big":
                return web.Response(body=b"x" * 3_000_000)
            case "/away":
                raise web.HTTPFound("/good")
        return web.Response(status=500)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    cert, key = certificate(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(cert, key)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    one.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    one.authority = cert.read_text()
    yield one
    await runner.cleanup()


@pytest.fixture
async def connect(peer) -> AsyncIterator:
    made: list[HttpConnector] = []

    def make(**other) -> HttpConnector:
        loop = asyncio.get_running_loop()
        facts = {"name": "bank", "address": peer.url, "authorities": peer.authority, "monotonic": loop.time}
        made.append(HttpConnector(**(facts | {"policy": QUICK} | other)))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def post(one: HttpConnector, path: str, *, may_repeat: bool = False, **other):
    return await one.exchange(path, headers={"X-A": "b"}, body=b"hello", may_repeat=may_repeat, **other)


async def test_an_answer_comes_back_as_it_is(connect):
    answer = await post(connect(), "/good")
    assert isinstance(answer, Answered)
    assert (answer.status, answer.body, answer.headers["X-Kind"]) == (200, b"hello", "echo")


@pytest.mark.parametrize("path", ["/slow", "/cut", "/half", "/big"])
async def test_a_request_that_left_and_got_no_whole_answer_is_not_a_failure_and_not_sent_again(connect, peer, path):
    answer = await post(connect(), path, within_s=0.4)
    assert isinstance(answer, NoAnswer)
    assert peer.asked == [path]


async def test_a_query_may_be_asked_twice(connect, peer):
    await post(connect(), "/cut", may_repeat=True)
    assert peer.asked == ["/cut", "/cut"]


async def test_redirects_are_not_followed(connect, peer):
    answer = await post(connect(), "/away")
    assert isinstance(answer, Answered)
    assert answer.status == 302
    assert peer.asked == ["/away"]


async def test_nothing_leaves_to_a_port_that_refuses(connect):
    assert isinstance(await post(connect(address="https://127.0.0.1:1"), "/good"), Unsent)


async def test_nothing_leaves_to_a_server_whose_certificate_is_not_trusted(connect, peer):
    assert isinstance(await post(connect(authorities=None), "/good"), Unsent)
    assert peer.asked == []


def test_plain_http_is_refused():
    with pytest.raises(ValueError, match="https://"):
        HttpConnector(name="bank", address="http://127.0.0.1", monotonic=Seconds())


async def test_more_than_the_bound_at_once_is_refused_before_it_leaves(connect, peer):
    one = connect(policy=Policy(total_s=0.5, attempts=1, at_once=1))
    slow = asyncio.create_task(post(one, "/slow"))
    await peer.reached.wait()
    assert await post(one, "/good") == Unsent("1 requests are under way already")
    assert isinstance(await slow, NoAnswer)


async def test_the_circuit_opens_after_failures_in_a_row_and_lets_one_through_after_the_rest(connect, peer):
    seconds, notes = Seconds(), Notes()
    one = connect(monotonic=seconds, observer=notes, policy=Policy(attempts=1, trips_after=3, rests_s=5))
    for _ in range(3):
        await post(one, "/cut")
    assert one.circuit_is_open
    assert await post(one, "/good") == Unsent("the circuit is open: the peer could not be reached before")
    seconds.now += 6
    assert isinstance(await post(one, "/good"), Answered)
    assert not one.circuit_is_open
    assert notes.circuits == [True, False]
    assert notes.results == ["no_answer", "no_answer", "no_answer", "unsent", "answered"]


def test_only_one_request_tries_a_circuit_that_rests():
    seconds = Seconds()
    circuit = Circuit(Policy(trips_after=1, rests_s=5), name="bank", monotonic=seconds, observer=Silent())
    circuit.report(is_reached=False)
    assert not circuit.admit()
    seconds.now += 5
    assert [circuit.admit(), circuit.admit()] == [True, False]
    circuit.report(is_reached=False)
    assert not circuit.admit()
    seconds.now += 5
    assert circuit.admit()
    circuit.cancelled()
    assert circuit.admit()


async def test_a_connector_that_was_closed_sends_nothing_more(connect, peer):
    one = connect()
    await post(one, "/good")
    await one.close()
    assert await post(one, "/good") == Unsent("the connector is closed")
    assert one._session is None
    assert peer.asked == ["/good"]
