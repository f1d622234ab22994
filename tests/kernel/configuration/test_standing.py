"""Values and texts as every process reads them: followed by generation, never older than a poll."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from gateway.kernel.clock import SystemClock
from gateway.kernel.configuration import Catalogue, Configuration, Parameter, edits, store
from gateway.kernel.ids import UuidSevens
from gateway.kernel.postgres.edit import Add, Alter, Edit, Edited, apply_edit
from gateway.kernel.postgres.trail import edits_of
from gateway.parties import PLATFORM

TRIES = Parameter(
    code="door.tries", default=5, title_zh="次数", title_en="Tries", smallest=1, largest=20, by_party=True
)
LIMIT = Parameter(code="door.limit", default=7, title_zh="限", title_en="Limit", smallest=0)


class Desk:
    """Sets values the way an operator does, and makes processes that read them."""

    def __init__(self, pool: asyncpg.Pool[Any], clock: SystemClock, ids: UuidSevens) -> None:
        self.pool, self.clock, self.ids = pool, clock, ids

    def process(self) -> Configuration:
        return Configuration(
            Catalogue((TRIES, LIMIT)),
            read=lambda: store.reading(self.pool),
            generation_of=lambda: store.generation(self.pool),
        )

    async def put(self, *lines: Add | Alter, why: str = "busy season") -> None:
        id_ = self.ids.new()
        edit = Edit(id=id_, key=str(id_), who="user:li", why=why, at=self.clock.now(), said={}, lines=lines)
        assert isinstance(await apply_edit(self.pool, edit), Edited)

    async def set(self, code: str, value: Any, party: Any = None) -> None:
        stored = await store.stored_value(self.pool, code, party)
        await self.put(edits.set_value(stored, id_=self.ids.new(), code=code, party=party, value=value))


@pytest.fixture
def desk(pool, clock, ids) -> Desk:
    return Desk(pool, clock, ids)


async def test_before_anything_is_set_the_default_holds(desk):
    process = desk.process()
    await process.refresh()
    assert process.value(TRIES) == 5
    assert process.value(TRIES, PLATFORM) == 5


async def test_a_value_holds_in_every_process_after_it_has_looked(desk):
    one, other = desk.process(), desk.process()
    await one.refresh()
    await other.refresh()
    await desk.set("door.tries", 3)
    assert (one.value(TRIES), other.value(TRIES)) == (5, 5)
    await one.refresh()
    await other.refresh()
    assert (one.value(TRIES), other.value(TRIES)) == (3, 3)


async def test_a_party_s_own_value_is_that_party_s_only(desk):
    process = desk.process()
    await desk.set("door.tries", 3)
    await desk.set("door.tries", 9, PLATFORM)
    await process.refresh()
    assert process.value(TRIES, PLATFORM) == 9
    assert process.value(TRIES, desk.ids.new()) == 3
    assert process.value(TRIES) == 3


async def test_a_value_that_is_given_back_lets_what_is_below_hold_again(desk):
    process = desk.process()
    await desk.set("door.tries", 3)
    await desk.set("door.tries", 9, PLATFORM)
    await desk.set("door.tries", None, PLATFORM)
    await process.refresh()
    assert process.value(TRIES, PLATFORM) == 3


async def test_a_stored_value_that_the_code_does_not_allow_is_not_used(desk):
    process = desk.process()
    await desk.set("door.tries", 100)
    await desk.set("door.limit", "many")
    await desk.set("door.gone", 1)
    await process.refresh()
    assert (process.value(TRIES), process.value(LIMIT)) == (5, 7)


async def test_who_when_why_and_from_what_to_what_is_kept(desk):
    await desk.set("door.limit", 8)
    await desk.set("door.limit", 9)
    stored = await store.stored_value(desk.pool, "door.limit", None)
    first, second = await edits_of(desk.pool, [stored.id])
    assert (first.before, first.after["value"]) == (None, 8)
    assert second.before is not None
    assert (second.before["value"], second.after["value"], second.who, second.why) == (8, 9, "user:li", "busy season")


async def test_a_code_has_one_text_and_a_channel_s_own_comes_first(desk):
    process = desk.process()
    texts = {"reason": "insufficient_funds", "text_en": "Not enough"}
    await desk.put(edits.new_error_text(desk.ids.new(), {"channel": "*", "code": "51", "text_zh": "余额不足", **texts}))
    own = {"channel": "boc", "code": "51", "text_zh": "可用余额不足", **texts}
    await desk.put(edits.new_error_text(id_ := desk.ids.new(), own))
    await process.refresh()
    assert process.error_text("boc", "51").text_zh == "可用余额不足"
    assert process.error_text("icbc", "51").text_zh == "余额不足"
    assert process.error_text("icbc", "99") is None
    entry = await store.error_text(desk.pool, id_)
    await desk.put(Alter(store.ERROR_TEXT, id_, entry.version, {"state": "retired"}))
    await process.refresh()
    assert process.error_text("boc", "51").text_zh == "余额不足"


async def test_words_come_with_the_database_and_a_retired_one_is_not_chosen(desk):
    process = desk.process()
    await process.refresh()
    assert process.word("mcc", "5812").text_zh == "餐馆"
    [word] = [one for one in await store.words(desk.pool, dictionary="mcc") if one.code == "5812"]
    await desk.put(Alter(store.DICTIONARY_WORD, word.id, word.version, {"state": "retired"}))
    await process.refresh()
    assert process.word("mcc", "5812") is None
    assert not (await store.word(desk.pool, word.id)).is_active


async def test_nothing_is_read_again_while_nothing_changes(desk):
    process = desk.process()
    await process.refresh()
    taken = []
    process.take = taken.append
    await process.refresh()
    assert taken == []
