from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.access import (
    OPERATOR_PERMISSIONS,
    PARTY_PERMISSIONS,
    AccessSeeds,
    Algorithm,
    BadApiKeyError,
    Enrolment,
    Keyring,
    NewApiKey,
    Permission,
    new_secret,
    store,
)
from gateway.kernel.clock import ManualClock
from gateway.kernel.randomness import SystemRandomness
from gateway.keys import SoftwareKeyStore, masters_from_text
from gateway.merchants.onboard import Onboarding
from gateway.parties import PLATFORM, Kind
from gateway.parties import store as parties

KEYSTORE = SoftwareKeyStore(masters=masters_from_text(f"1:{'11' * 32}"), randomness=SystemRandomness())


def pem(private) -> bytes:
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


ED25519 = pem(ed25519.Ed25519PrivateKey.generate())


@pytest.fixture
async def place(pool, clock, ids) -> SimpleNamespace:
    """Two merchants, one under an agent, and who gives out keys."""
    await AccessSeeds(pool=pool, ids=ids, clock=clock).sow()
    onboarding = Onboarding(pool=pool, keys=KEYSTORE, clock=clock, ids=ids, who="test")
    agent = await onboarding.party(kind=Kind.AGENT, code="a1", name="Agent")
    shop = await onboarding.merchant(code="m1", number="104110070110814", name="Shop", parent=agent.id)
    other = await onboarding.merchant(code="m2", number="104110070110815", name="Other")
    enrolment = Enrolment(pool=pool, keystore=KEYSTORE, clock=clock, ids=ids, who="test")
    return SimpleNamespace(enrolment=enrolment, agent=agent, shop=shop, other=other, pool=pool, clock=clock)


def wanted(place, **changes) -> NewApiKey:
    key = NewApiKey(
        keyid="shop-1",
        algorithm=Algorithm.ED25519,
        party_id=place.shop.id,
        permissions=PARTY_PERMISSIONS,
        public_key=ED25519,
    )
    return replace(key, **changes)


async def test_a_key_is_given_out_found_and_sees_its_partys_subtree(place):
    given = await place.enrolment.enrol(wanted(place, party_id=place.agent.id))
    assert (given.active, given.algorithm, given.permissions) == (True, Algorithm.ED25519, PARTY_PERMISSIONS)
    assert given.sees.covers((await parties.party(place.pool, place.shop.id)).path)
    assert not given.sees.covers((await parties.party(place.pool, place.other.id)).path)
    assert not given.sees.covers((await parties.party(place.pool, PLATFORM)).path)


async def test_the_same_key_again_is_the_same_record_and_another_is_refused(place):
    first = await place.enrolment.enrol(wanted(place))
    assert await place.enrolment.enrol(wanted(place)) == first
    for change in (
        {"public_key": pem(ed25519.Ed25519PrivateKey.generate())},
        {"party_id": place.other.id},
        {"permissions": frozenset({Permission.ACCOUNTS_READ})},
    ):
        with pytest.raises(BadApiKeyError):
            await place.enrolment.enrol(wanted(place, **change))
    assert await store.api_key(place.pool, "shop-1") == first


async def test_a_hmac_secret_is_kept_sealed_and_found_again(place):
    secret = new_secret(SystemRandomness())
    change = {"algorithm": Algorithm.HMAC_SHA256, "public_key": None, "secret": secret}
    given = await place.enrolment.enrol(wanted(place, **change))
    ring = Keyring(pool=place.pool, keystore=KEYSTORE, clock=place.clock, remembered=timedelta(seconds=1))
    assert await ring.secret(given) == secret
    row = await place.pool.fetchrow("SELECT secret, public_key FROM api_key")
    assert secret not in row["secret"]
    assert row["public_key"] is None
    trail = await place.pool.fetchval("SELECT string_agg(after::text, '') FROM record_edit_line")
    assert secret.hex() not in trail
    assert "shop-1" in trail


@pytest.mark.parametrize(
    "change",
    [
        {"keyid": ""},
        {"keyid": "a b"},
        {"keyid": "x" * 65},
        {"keyid": "é"},
        {"permissions": frozenset()},
        {"public_key": None},
        {"public_key": b"nonsense"},
        {"secret": b"s" * 32},
        {"algorithm": Algorithm.HMAC_SHA256},
        {"algorithm": Algorithm.HMAC_SHA256, "public_key": None, "secret": b"s" * 31},
        {"algorithm": Algorithm.RSA_PSS_SHA512},
        {"algorithm": Algorithm.ECDSA_P256_SHA256, "public_key": pem(ec.generate_private_key(ec.SECP384R1()))},
        {"permissions": OPERATOR_PERMISSIONS},
        {"party_id": UUID(int=9)},
    ],
)
async def test_a_key_that_is_not_allowed_is_refused(place, change):
    with pytest.raises(BadApiKeyError):
        await place.enrolment.enrol(wanted(place, **change))
    assert await place.pool.fetchval("SELECT count(*) FROM api_key") == 0


@pytest.mark.parametrize(
    ("algorithm", "private"),
    [
        (Algorithm.RSA_PSS_SHA512, rsa.generate_private_key(public_exponent=65537, key_size=2048)),
        (Algorithm.ECDSA_P256_SHA256, ec.generate_private_key(ec.SECP256R1())),
    ],
)
async def test_keys_of_every_public_algorithm(place, algorithm, private):
    given = await place.enrolment.enrol(wanted(place, algorithm=algorithm, public_key=pem(private)))
    assert given.algorithm is algorithm


async def test_operators_keys_are_the_platforms(place):
    given = await place.enrolment.enrol(wanted(place, party_id=PLATFORM, permissions=OPERATOR_PERMISSIONS))
    assert given.sees.covers((await parties.party(place.pool, place.shop.id)).path)


async def test_a_key_that_was_taken_back_is_not_active_and_the_trail_says_why(place):
    await place.enrolment.enrol(wanted(place))
    taken = await place.enrolment.revoke("shop-1", why="lost laptop")
    assert not taken.active
    assert await place.enrolment.revoke("shop-1", why="again") == taken
    why = await place.pool.fetchval("SELECT why FROM record_edit ORDER BY edited_at DESC LIMIT 1")
    assert why == "lost laptop"
    with pytest.raises(BadApiKeyError):
        await place.enrolment.revoke("nobody", why="x")


async def test_the_keys_of_a_closed_party_are_not_active(place):
    await place.enrolment.enrol(wanted(place))
    await place.pool.execute("UPDATE party SET state = 'closed' WHERE id = $1", place.shop.id)
    assert not (await store.api_key(place.pool, "shop-1")).active


async def test_keys_are_listed_within_a_scope(place):
    await place.enrolment.enrol(wanted(place))
    await place.enrolment.enrol(wanted(place, keyid="other-1", party_id=place.other.id))
    agent = await parties.party(place.pool, place.agent.id)
    platform = await parties.party(place.pool, PLATFORM)
    assert [key.keyid for key in await store.api_keys(place.pool, agent.scope)] == ["shop-1"]
    assert [key.keyid for key in await store.api_keys(place.pool, platform.scope)] == ["other-1", "shop-1"]


async def test_the_keyring_remembers_for_a_moment_only(place):
    time = ManualClock(place.clock.now())
    ring = Keyring(pool=place.pool, keystore=KEYSTORE, clock=time, remembered=timedelta(seconds=1))
    assert await ring.find("shop-1") is None
    await place.enrolment.enrol(wanted(place))
    assert await ring.find("shop-1") is None
    time.advance(timedelta(seconds=1))
    assert (await ring.find("shop-1")).active
    await place.enrolment.revoke("shop-1", why="lost")
    assert (await ring.find("shop-1")).active
    time.advance(timedelta(seconds=1))
    assert not (await ring.find("shop-1")).active
