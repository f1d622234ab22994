"""The connector of remote sources against the sandbox's own, with its faults."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from connectors.addresses import AddressGuard
from connectors.policy import Policy
from connectors.ports import Answered, NoAnswer, Unsent
from connectors.source import SourceConnector
from gateway.app.sources import SignedSource
from gateway.kernel.clock import SystemClock
from gateway.kernel.randomness import SystemRandomness
from gateway.tasks.batch import SourceError
from gateway.tasks.sources import RemoteSource, SourceState, gather
from tests.plugins.remote_source import KEYID, SECRET, Remote

QUICK = Policy(connect_s=1, total_s=5, attempts=3, first_wait_s=0.001, longest_wait_s=0.002, largest_answer=1 << 20)


def connector(remote: Remote, *allowed: str, **policy: Any) -> SourceConnector:
    return SourceConnector(
        name="remote",
        guard=AddressGuard(allowed),
        monotonic=SystemClock().monotonic,
        authorities=remote.authority,
        policy=QUICK if not policy else Policy(attempts=1, **policy),
    )


@pytest.fixture
async def wire(remote: Remote) -> AsyncIterator[SourceConnector]:
    made = connector(remote, "127.0.0.1/32")
    yield made
    await made.close()


def signed(wire: SourceConnector, remote: Remote, *, secret: bytes = SECRET) -> SignedSource:
    clock = SystemClock()
    source = RemoteSource(
        id=None,  # type: ignore[arg-type]
        code="remote",
        name="",
        address=remote.address,
        authorities=remote.authority,
        keyid=KEYID,
        secret=b"",
        page_most=100,
        state=SourceState.ACTIVE,
        created_at=clock.now(),
        version=1,
    )
    return SignedSource(source, wire, secret=secret, clock=clock, randomness=SystemRandomness())


@pytest.mark.parametrize("fault", ["refuse", "cut", "garble", ""])
async def test_every_page_comes_whatever_goes_wrong(wire: SourceConnector, remote: Remote, fault: str) -> None:
    remote.tell(count=95, page_most=10, **({fault: 1000} if fault else {}))
    pages = signed(wire, remote)
    if fault == "garble":
        with pytest.raises(SourceError, match="no JSON object"):
            await gather(pages, cursor="", size=10, page_most=10)
    seen: list[bytes] = []
    cursor: str | None = ""
    while cursor is not None:
        try:
            page = await gather(pages, cursor=cursor, size=30, page_most=10)
        except SourceError:
            continue
        seen += page.items
        cursor = page.next
    assert len(seen) == len(set(seen)) == 95


async def test_a_wrong_signature_is_final(wire: SourceConnector, remote: Remote) -> None:
    with pytest.raises(SourceError, match="answered 401") as refused:
        await signed(wire, remote, secret=b"another secret").fetch("", 10)
    assert refused.value.is_final


async def test_a_request_that_was_heard_is_refused_the_second_time(wire: SourceConnector, remote: Remote) -> None:
    kept: list[Mapping[str, str]] = []
    pages = signed(wire, remote)
    uri = f"{remote.address}?cursor=&limit=10"
    kept.append(pages._signed(uri))
    first, second = [await wire.get(uri, lambda: kept[0]) for _ in range(2)]
    assert isinstance(first, Answered)
    assert isinstance(second, Answered)
    assert (first.status, second.status) == (200, 401)


async def test_what_is_not_public_is_not_connected_to(remote: Remote) -> None:
    guarded = connector(remote, trips_after=9)
    by_name = remote.address.replace("127.0.0.1", "localhost")
    results = [await guarded.get(uri, dict) for uri in (remote.address, by_name)]
    plain = await guarded.get(remote.address.replace("https", "http"), dict)
    await guarded.close()
    assert results == [
        Unsent("the address may not be connected to: it is not public"),
        Unsent("the name leads to an address that is not public"),
    ]
    assert plain == Unsent("the address must begin with https://")


async def test_an_answer_that_is_too_long_is_none(remote: Remote) -> None:
    remote.tell(count=1000)
    small = connector(remote, "127.0.0.1/32", largest_answer=1000)
    pages = signed(small, remote)
    with pytest.raises(SourceError, match="longer than 1000 bytes"):
        await pages.fetch("", 100)
    await small.close()


async def test_an_unknown_authority_is_not_trusted(remote: Remote) -> None:
    wary = SourceConnector(
        name="remote",
        guard=AddressGuard(["127.0.0.1/32"]),
        monotonic=SystemClock().monotonic,
        policy=Policy(attempts=1),
    )
    result = await wary.get(remote.address, dict)
    assert isinstance(result, Unsent | NoAnswer)
    await wary.close()


@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.0.0.1.", "127\u30020\u30020\u30021"]
)
async def test_other_ways_to_write_an_inner_address_lead_nowhere(remote: Remote, host: str) -> None:
    guarded = connector(remote, trips_after=9)
    result = await guarded.get(remote.address.replace("127.0.0.1", host), dict)
    await guarded.close()
    assert isinstance(result, Unsent | NoAnswer)


async def test_an_inner_address_is_refused_even_where_no_look_was_taken_before(
    monkeypatch: pytest.MonkeyPatch, remote: Remote
) -> None:
    """The last look is at the address that the socket is opened for: a name that is resolved twice gains nothing."""
    monkeypatch.setattr(AddressGuard, "refuse_literal", lambda *_: None)
    guarded = connector(remote, trips_after=9)
    result = await guarded.get(remote.address, dict)
    await guarded.close()
    assert isinstance(result, Unsent)
