"""Ceremonies on a real database: several people, one key, nothing in clear."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from gateway.kernel.clock import ManualClock
from gateway.kernel.ids import UuidSevens
from gateway.kernel.randomness import SystemRandomness
from gateway.keys import KeyCipher, KeyKind, KeyStore, KeyStoreError, SoftwareKeyStore, masters_from_text
from gateway.keys.ceremonies import CeremonyState
from gateway.keys.ceremony import Ceremonies, CeremonyError, Custodian, NewCeremony

PARTS = [bytes.fromhex("CA5D92598DCA48CE8A4C76361A9269E9"), bytes.fromhex("0123456789ABCDEF0123456789ABCDEF")]
WHOLE = bytes(a ^ b for a, b in zip(*PARTS, strict=True))
LI, WANG, ZHAO = (Custodian(who=f"system:command/{name}", person=f"phone:{name}") for name in ("li", "wang", "zhao"))
NEW = NewCeremony(target="terminal:10009901", kind=KeyKind.TERMINAL_MASTER, why="ceremony 4")


@pytest.fixture
def now() -> ManualClock:
    return ManualClock(datetime(2026, 11, 22, 9, tzinfo=UTC))


@pytest.fixture
def keystore() -> KeyStore:
    return SoftwareKeyStore(masters=masters_from_text(f"1:{'11' * 32}"), randomness=SystemRandomness(), sandbox=True)


@pytest.fixture
def ceremonies(pool: asyncpg.Pool[Any], keystore: KeyStore, now: ManualClock) -> Ceremonies:
    return Ceremonies(pool=pool, keystore=keystore, clock=now, ids=UuidSevens(now, SystemRandomness()))


async def entered(ceremonies: Ceremonies, by: Custodian, id_: Any, part: bytes) -> Any:
    return await ceremonies.enter(by, id_, part, confirmed=await ceremonies.check_value(id_, part))


async def test_two_people_enter_a_key(ceremonies, keystore):
    ceremony = await ceremonies.start(LI, NEW)
    first = await entered(ceremonies, LI, ceremony.id, PARTS[0])
    assert (first.ceremony.placed, first.ceremony.state, first.key) == (1, CeremonyState.OPEN, None)
    last = await entered(ceremonies, WANG, ceremony.id, PARTS[1])
    assert (last.ceremony.placed, last.ceremony.state) == (2, CeremonyState.DONE)
    assert await keystore.export_clear(last.key) == WHOLE
    shown = [(part.place, part.person) for part in await ceremonies.parts(ceremony.id)]
    assert shown == [(1, "phone:li"), (2, "phone:wang")]
    assert (last.ceremony.block, last.ceremony.key) == ("", "")


async def test_nobody_takes_part_twice_by_whatever_login(ceremonies):
    ceremony = await ceremonies.start(LI, NEW)
    await entered(ceremonies, LI, ceremony.id, PARTS[0])
    again = Custodian(who="user:li.na", person=LI.person)
    for by in (LI, again):
        with pytest.raises(CeremonyError, match="another person"):
            await entered(ceremonies, by, ceremony.id, PARTS[1])
    assert (await ceremonies.find(ceremony.id)).placed == 1


async def test_an_unconfirmed_check_value_counts_for_nothing(ceremonies):
    ceremony = await ceremonies.start(LI, NEW)
    with pytest.raises(CeremonyError, match="check value"):
        await ceremonies.enter(LI, ceremony.id, PARTS[0], confirmed="00000000")
    assert (await ceremonies.find(ceremony.id)).placed == 0


async def test_a_weak_key_or_another_length_leaves_the_ceremony_as_it_was(ceremonies):
    ceremony = await ceremonies.start(LI, NEW)
    await entered(ceremonies, LI, ceremony.id, PARTS[0])
    with pytest.raises(KeyStoreError, match="weak"):
        await entered(ceremonies, WANG, ceremony.id, PARTS[0])
    with pytest.raises(KeyStoreError):
        await entered(ceremonies, WANG, ceremony.id, PARTS[0] + PARTS[1][:8])
    assert (await ceremonies.find(ceremony.id)).placed == 1
    assert (await entered(ceremonies, WANG, ceremony.id, PARTS[1])).key


async def test_of_two_at_once_one_is_told_to_look_again(ceremonies):
    ceremony = await ceremonies.start(LI, NEW)
    both = await asyncio.gather(
        entered(ceremonies, LI, ceremony.id, PARTS[0]),
        entered(ceremonies, WANG, ceremony.id, PARTS[1]),
        return_exceptions=True,
    )
    refused = [one for one in both if isinstance(one, BaseException)]
    left = await ceremonies.find(ceremony.id)
    assert left.placed == 2 - len(refused)
    assert all(isinstance(one, CeremonyError) for one in refused)
    for by, part in ((LI, PARTS[0]), (WANG, PARTS[1])):
        if refused and by.person not in {one.person for one in await ceremonies.parts(ceremony.id)}:
            assert (await entered(ceremonies, by, ceremony.id, part)).key


async def test_a_ceremony_ends_at_its_time_and_what_was_entered_is_gone(ceremonies, now, pool):
    ceremony = await ceremonies.start(LI, NEW)
    await entered(ceremonies, LI, ceremony.id, PARTS[0])
    now.advance(timedelta(hours=8))
    with pytest.raises(CeremonyError, match="time has passed"):
        await entered(ceremonies, WANG, ceremony.id, PARTS[1])
    assert (await ceremonies.find(ceremony.id)).state is CeremonyState.EXPIRED
    assert await pool.fetchval("SELECT block FROM key_ceremony") == ""
    with pytest.raises(CeremonyError, match="expired"):
        await entered(ceremonies, WANG, ceremony.id, PARTS[1])


async def test_the_list_ends_what_is_over(ceremonies, now):
    old = await ceremonies.start(LI, NEW)
    now.advance(timedelta(hours=7))
    young = await ceremonies.start(LI, NEW)
    now.advance(timedelta(hours=2))
    assert [one.id for one in await ceremonies.all_open()] == [young.id]
    assert (await ceremonies.find(old.id)).state is CeremonyState.EXPIRED


async def test_a_cancelled_ceremony_takes_nothing_more(ceremonies):
    ceremony = await ceremonies.start(LI, NEW)
    await entered(ceremonies, LI, ceremony.id, PARTS[0])
    assert (await ceremonies.cancel(WANG, ceremony.id, why="wrong slip")).state is CeremonyState.CANCELLED
    with pytest.raises(CeremonyError, match="cancelled"):
        await entered(ceremonies, WANG, ceremony.id, PARTS[1])


async def test_a_key_is_handed_out_on_two_slips_to_two_people_once(ceremonies, keystore):
    key = await keystore.make(KeyKind.TERMINAL_MASTER, 16)
    ceremony = await ceremonies.hand_out(LI, NEW, key)
    first = await ceremonies.slip(LI, ceremony.id)
    with pytest.raises(CeremonyError, match="another person"):
        await ceremonies.slip(LI, ceremony.id)
    second = await ceremonies.slip(WANG, ceremony.id)
    assert (first.place, second.place, second.ceremony.state) == (1, 2, CeremonyState.DONE)
    assert bytes(a ^ b for a, b in zip(first.clear, second.clear, strict=True)) == await keystore.export_clear(key)
    with pytest.raises(CeremonyError, match="done"):
        await ceremonies.slip(ZHAO, ceremony.id)
    with pytest.raises(CeremonyError):
        await entered(ceremonies, ZHAO, ceremony.id, PARTS[0])


async def test_no_slips_of_a_key_that_gets_none(ceremonies, keystore):
    with pytest.raises(KeyStoreError):
        await ceremonies.hand_out(LI, NEW, await keystore.make(KeyKind.MAC, 16))
    assert await ceremonies.all_open() == []


async def test_three_people_enter_an_aes_transport_key(ceremonies, keystore):
    new = NewCeremony(target="name:bank-a.transport", kind=KeyKind.TRANSPORT, cipher=KeyCipher.AES, parts=3, why="x")
    ceremony = await ceremonies.start(LI, new)
    for by, part in ((LI, bytes(range(32))), (WANG, bytes(range(1, 33)))):
        assert (await entered(ceremonies, by, ceremony.id, part)).key is None
    last = await entered(ceremonies, ZHAO, ceremony.id, bytes(range(7, 39)))
    assert last.key.kind is KeyKind.TRANSPORT


async def test_the_database_never_sees_a_component(ceremonies, pool, keystore):
    ceremony = await ceremonies.start(LI, NEW)
    await entered(ceremonies, LI, ceremony.id, PARTS[0])
    slips = await ceremonies.hand_out(LI, NEW, await keystore.make(KeyKind.TERMINAL_MASTER, 16))
    slip = await ceremonies.slip(LI, slips.id)
    tables = ("key_ceremony", "key_part", "record_edit", "record_edit_line")
    text = " ".join([str(await pool.fetch(f"SELECT row_to_json(t)::text FROM {table} t")) for table in tables]).lower()
    for clear in (PARTS[0], slip.clear):
        assert clear.hex() not in text
    blocks = [one.block for one in await ceremonies.all_open()]
    trail = str(await pool.fetch("SELECT before::text, after::text FROM record_edit_line"))
    assert blocks
    assert not [block for block in blocks if block in trail]
