from __future__ import annotations

import asyncio

import pytest

from gateway.kernel.randomness import SystemRandomness
from gateway.keys import KeyKind, KeyRegister, SoftwareKeyStore, masters_from_text

STORE = SoftwareKeyStore(masters=masters_from_text(f"1:{'11' * 32}"), randomness=SystemRandomness(), sandbox=True)


@pytest.fixture
def register(pool, clock) -> KeyRegister:
    return KeyRegister(pool=pool, keystore=STORE, clock=clock)


async def test_a_name_without_a_key_gets_one_once(register):
    assert await register.find("answers") is None
    made = await asyncio.gather(*(register.find_or_make("answers", KeyKind.SIGNING, 32, by="start") for _ in range(6)))
    assert len({key.block.text for key in made}) == 1
    assert [key.number for key in await register.all("answers")] == [1]
    await STORE.sign(made[0].block, b"it is usable")


async def test_a_replaced_key_is_used_and_the_one_before_stays_listed(register):
    first = await register.find_or_make("channel:demo", KeyKind.SIGNING, 32, by="start")
    block = await STORE.make(KeyKind.SIGNING, 32)
    second = await register.replace("channel:demo", block, by="operator:li")
    assert (await register.find("channel:demo")) == second
    assert [key.number for key in await register.all("channel:demo")] == [2, 1]
    assert (second.block, second.created_by) == (block, "operator:li")
    assert (await register.all("channel:demo"))[1].block == first.block


async def test_replacements_at_once_get_numbers_of_their_own(register):
    blocks = [await STORE.make(KeyKind.MAC, 16) for _ in range(5)]
    made = await asyncio.gather(*(register.replace("x", block, by="test") for block in blocks))
    assert sorted(key.number for key in made) == [1, 2, 3, 4, 5]
    assert {key.block.text for key in await register.all("x")} == {block.text for block in blocks}


async def test_names_do_not_mix(register):
    await register.find_or_make("a", KeyKind.MAC, 16, by="test")
    assert await register.all("b") == []
