"""Who is the same person: two logins with one phone, a login and the operating system's user of that name."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import pytest

from gateway.access import AccessSeeds, Algorithm, Enrolment, Keyring, NewApiKey, house_order
from gateway.access.authority import PLATFORM_SCOPE
from gateway.access.users.desk import NewUser, Rights
from gateway.access.users.model import PHONE_PURPOSE
from gateway.app.approving import RightsBook
from gateway.app.people import access_of
from gateway.journal import Refused
from gateway.kernel.clock import SystemClock
from gateway.kernel.ids import UuidSevens
from gateway.kernel.randomness import SystemRandomness
from gateway.kernel.settings import load_settings
from gateway.keys import KeyStore, KeyStoreSettings, open_software_store
from gateway.parties import PLATFORM

_REMEMBERED = timedelta(0)
Pool: TypeAlias = "asyncpg.Pool[Any]"


@pytest.fixture
def keystore(tmp_path: Path) -> KeyStore:
    return open_software_store(KeyStoreSettings(directory=tmp_path / "keys"), randomness=SystemRandomness())


@pytest.fixture
async def book(pool: Pool, clock: SystemClock, ids: UuidSevens, keystore: KeyStore) -> RightsBook:
    """li and li2 share a phone, wang has another, zhao has none."""
    randomness = SystemRandomness()
    await AccessSeeds(pool=pool, ids=ids, clock=clock).sow()
    access = access_of(load_settings(), pool=pool, keystore=keystore, clock=clock, ids=ids, randomness=randomness)
    for login, phone in (("li", "139 0000 1111"), ("li2", "13900001111"), ("wang", "13900002222"), ("zhao", "")):
        order = await house_order(pool, name="test", key=login, clock=clock)
        rights = Rights(roles=frozenset({"operator"}))
        new = NewUser(login=login, party=PLATFORM, name=login, phone=phone, rights=rights)
        assert not isinstance(await access.users.add(order, new), Refused)
    keyring = Keyring(pool=pool, keystore=keystore, clock=clock, remembered=_REMEMBERED)
    return RightsBook(pool=pool, keyring=keyring, keystore=keystore)


async def person(book: RightsBook, who: str) -> str:
    found = await book.rights(who)
    assert found is not None
    return found.person


async def test_one_phone_is_one_person(book: RightsBook) -> None:
    assert await person(book, "user:li") == await person(book, "user:li2")
    assert len({await person(book, f"user:{login}") for login in ("li", "wang", "zhao")}) == 3


@pytest.mark.parametrize("phone", ["+86 139 0000 1111", "0086-13900001111", "013900001111"])
async def test_a_phone_written_another_way_is_the_same_phone(
    book: RightsBook, keystore: KeyStore, pool: Pool, phone: str
) -> None:
    sealed = await keystore.seal(PHONE_PURPOSE, phone.encode())
    await pool.execute("UPDATE access_user SET phone_sealed = $1 WHERE login = 'li2'", sealed)
    assert await person(book, "user:li") == await person(book, "user:li2")


@pytest.mark.parametrize("state", ["locked", "closed"])
async def test_a_login_that_is_not_active_may_nothing_and_is_the_same_person(
    book: RightsBook, pool: Pool, state: str
) -> None:
    await pool.execute("UPDATE access_user SET state = $1 WHERE login = 'li'", state)
    assert await book.rights("user:li") is None
    assert await book.persons("user:li") == await book.persons("user:li2")
    assert not await book.persons("user:li") & await book.persons("user:wang")


async def test_whoever_gave_a_key_out_stands_behind_it(
    book: RightsBook, keystore: KeyStore, pool: Pool, clock: SystemClock, ids: UuidSevens
) -> None:
    for keyid, giver in (("erp", "user:li"), ("erp.second", "api:erp"), ("seeded", "seed")):
        desk = Enrolment(pool=pool, keystore=keystore, clock=clock, ids=ids, who=giver)
        new = NewApiKey(
            keyid=keyid,
            algorithm=Algorithm.HMAC_SHA256,
            party_id=PLATFORM,
            permissions=frozenset({"approvals:decide"}),
            secret=bytes(32),
        )
        await desk.enrol(new)
    li = await book.persons("user:li2")
    assert await book.persons("api:erp") == {"api:erp", *li}
    assert await book.persons("api:erp.second") == {"api:erp.second", "api:erp", *li}
    assert await book.persons("api:seeded") == {"api:seeded"}


async def test_a_name_of_no_kind_is_nobody(book: RightsBook) -> None:
    assert await book.rights("wang") is None
    assert await book.rights("terminal:10000001") is None


async def test_the_command_s_user_is_the_person_of_that_login(book: RightsBook) -> None:
    assert await person(book, "system:command/li") == await person(book, "user:li2")
    assert await person(book, "system:command/zhao") == await person(book, "user:zhao")
    assert await person(book, "system:command/root") == "login:root"


async def test_a_user_has_the_rights_of_their_roles_and_who_is_unknown_has_none(book: RightsBook) -> None:
    found = await book.rights("user:wang")
    assert found is not None
    assert "merchants:approve" in found.permissions
    assert "configuration:approve" not in found.permissions
    assert found.sees == PLATFORM_SCOPE
    assert await book.rights("user:nobody") is None
    assert await book.rights("api:nobody") is None
