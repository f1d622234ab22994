"""The API as its users meet it: the composed process over real HTTP and PostgreSQL, one user of every seeded role."""

from __future__ import annotations

import itertools
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from gateway.access import Access, AccessParts, AccessSeeds, Algorithm, NewApiKey, UserRules, build_access, house_order
from gateway.access.users.desk import NewUser, Rights
from gateway.app.keystore import open_keystore
from gateway.app.process import Gateway
from gateway.journal.model import Refused
from gateway.kernel.clock import SystemClock
from gateway.kernel.ids import UuidSevens, show
from gateway.kernel.postgres.pool import Database, open_pool
from gateway.kernel.randomness import SystemRandomness
from gateway.kernel.settings import Settings, load_settings
from gateway.merchants.onboard import Onboarding
from gateway.parties import PLATFORM, Kind, WithdrawalPasswords
from gateway.sandbox.day.api_client import ApiClient, Signing
from gateway.sandbox.day.world import ApiKey as OutsideKey
from tests.conftest import run_in

PASSWORD = "otter-lantern-47"
ROLES = {
    "system_administrator": "platform",
    "operator": "platform",
    "settlement": "platform",
    "auditor": "platform",
    "merchant_administrator": "merchant",
    "merchant_operator": "merchant",
    "agent_administrator": "agent",
    "agent_operator": "agent",
    "member": "member",
}
# a hash says what it cost, so a cheap one is checked cheaply
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
KEY_PERMISSIONS = frozenset({"accounts:read", "withdrawals:read", "withdrawals:write", "users:read", "users:write"})
_DATABASES = itertools.count(1)
_KEYS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def code(self) -> str:
        return "" if self.status == 200 else str(self.body.get("code", ""))


@dataclass
class Browser:
    """A user's program: a token on every request, a new Idempotency-Key on every POST."""

    session: aiohttp.ClientSession
    url: str
    token: str = ""
    login: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, **query: str) -> Answer:
        return await self.send("GET", path, query=query)

    async def post(self, path: str, body: Any = None, *, key: str = "") -> Answer:
        return await self.send("POST", path, body={} if body is None else body, key=key)

    async def send(
        self, method: str, path: str, *, body: Any = None, query: Mapping[str, str] | None = None, key: str = ""
    ) -> Answer:
        headers = dict(self.headers)
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None
        if method == "POST":
            headers["Idempotency-Key"] = key or f"test-{next(_KEYS)}"
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        address = self.url + path
        async with self.session.request(method, address, params=query or {}, headers=headers, data=data) as answer:
            shown = await answer.json(content_type=None)
            return Answer(answer.status, shown, dict(answer.headers))

    async def log_in(self, login: str, password: str = PASSWORD, totp: str = "") -> Answer:
        """Log in; this browser then has the session."""
        body = {"login": login, "password": password} | ({"totp": totp} if totp else {})
        answer = await self.send("POST", "/v1/sessions", body=body)
        if answer.status == 200:
            self.token, self.login = answer.body["token"], login
        return answer

    def other(self) -> Browser:
        """Another program of nobody yet."""
        return Browser(self.session, self.url)


@dataclass
class House:
    """A running gateway of its own, the parties in it, and the services beside it for what tests set up."""

    pool: Database
    settings: Settings
    access: Access
    url: str
    session: aiohttp.ClientSession
    parties: Mapping[str, UUID]
    clock: SystemClock
    keys: Mapping[str, Any]

    def browser(self) -> Browser:
        return Browser(self.session, self.url)

    async def as_user(self, login: str, password: str = PASSWORD) -> Browser:
        browser = self.browser()
        answer = await browser.log_in(login, password)
        assert answer.status == 200, answer
        return browser

    async def add(self, login: str, party: str = "platform", **rights: Any) -> UUID:
        """Add a user of a party beside the API."""
        given = Rights(**{name: frozenset(codes) for name, codes in rights.items()})
        return await add_user(self.pool, self.access, login, self.parties[party], rights=given)

    def shown(self, party: str) -> str:
        return show("pty", self.parties[party])

    def signed(self, keyid: str) -> ApiClient:
        """Call with an API key, as a merchant's system does."""
        signing = Signing(key=self.keys[keyid], clock=self.clock, randomness=SystemRandomness())
        return ApiClient(
            session=self.session,
            address=self.url,
            signing=signing,
            tls=ssl.create_default_context(),
            patience_seconds=10,
        )


def served_settings(dsn: str, folder: Path, **more: str) -> Settings:
    environment = {
        "TILLGATE_DATABASE__DSN": dsn,
        "TILLGATE_KEYS__DIRECTORY": str(folder / "keys"),
        "TILLGATE_HTTP__REQUESTS_PER_S": "100000",
        "TILLGATE_HTTP__BURST": "1000000",
        "TILLGATE_ACCESS__SOURCE_TRIES": "100000",
    }
    return load_settings((), environment | more)


async def populate(pool: Database, settings: Settings, ids: UuidSevens) -> tuple[dict[str, UUID], dict[str, Any]]:
    """Parties, a key for two of them, one user of every seeded role, all with the one password."""
    clock = SystemClock()
    keystore = open_keystore(settings, SystemRandomness())
    await AccessSeeds(pool=pool, ids=ids, clock=clock).sow()
    access = cheap_access(pool, settings, ids)
    onboarding = Onboarding(pool=pool, keys=keystore, clock=clock, ids=ids, who="test")
    agent = await onboarding.party(kind=Kind.AGENT, code="A", name="Agent")
    stranger = await onboarding.party(kind=Kind.AGENT, code="B", name="Other agent")
    shop = await onboarding.merchant(code="M1", number="104110070110811", name="Shop", parent=agent.id)
    other = await onboarding.merchant(code="M2", number="104110070110812", name="Other shop", parent=stranger.id)
    member = await onboarding.party(kind=Kind.MEMBER, code="U1", name="Member", parent=shop.id)
    parties = {"platform": PLATFORM, "agent": agent.id, "merchant": shop.id, "member": member.id}
    parties |= {"other_agent": stranger.id, "other": other.id}
    for place, name in ((shop, "shop"), (other, "other")):
        await onboarding.bank_card(party=place.id, account=f"62220200000{place.number}", name=name, bank="ICBC")
        passwords = WithdrawalPasswords(pool=pool, clock=clock, ids=ids)
        await passwords.set(place.id, "135790", who="test", why="set", key=f"test/password/{name}")
    keys = {}
    for keyid, party in (("shop", "merchant"), ("stranger", "other")):
        private = ed25519.Ed25519PrivateKey.generate()
        public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        order = await house_order(pool, name="test", key=f"test/key/{keyid}", clock=clock)
        new = NewApiKey(
            keyid=keyid,
            algorithm=Algorithm.ED25519,
            party_id=parties[party],
            permissions=KEY_PERMISSIONS,
            public_key=public,
        )
        given = await access.keys.give_out(order, new)
        assert not isinstance(given, Refused), given
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        keys[keyid] = OutsideKey(keyid=keyid, alg="ed25519", private_key=pem, party=show("pty", parties[party]))
    for role, party in ROLES.items():
        await add_user(pool, access, role, parties[party], rights=Rights(roles=frozenset({role})))
    return parties, keys


def cheap_access(pool: Database, settings: Settings, ids: UuidSevens) -> Access:
    """The services beside the running process, with hashes that cost nothing."""
    randomness = SystemRandomness()
    return build_access(
        AccessParts(
            pool=pool,
            keystore=open_keystore(settings, randomness),
            clock=SystemClock(),
            ids=ids,
            randomness=randomness,
            rules=UserRules(),
            hasher=CHEAP,
        )
    )


async def add_user(pool: Database, access: Access, login: str, party: UUID, **facts: Any) -> UUID:
    """Add a user beside the API, with the password that all have."""
    named: dict[str, Any] = {
        "login": login,
        "party": party,
        "name": f"Name of {login}",
        "password": PASSWORD,
        "must_change": False,
    }
    order = await house_order(pool, name="test", key=f"test/user/{login}", clock=SystemClock())
    added = await access.users.add(order, NewUser(**named | facts))
    assert not isinstance(added, Refused), added
    return added.user


@dataclass(frozen=True, slots=True)
class Peopled:
    """A database with everybody in it, to be copied, and what goes with it."""

    name: str
    folder: Path
    parties: Mapping[str, UUID]
    keys: Mapping[str, Any]


@pytest.fixture(scope="session")
async def peopled(postgres: Any, template: str, tmp_path_factory: pytest.TempPathFactory) -> Peopled:
    folder = tmp_path_factory.mktemp("peopled")
    await run_in(postgres.dsn(), f"CREATE DATABASE peopled TEMPLATE {template} STRATEGY FILE_COPY")
    settings = served_settings(postgres.dsn("peopled"), folder)
    pool = await open_pool(postgres.dsn("peopled"))
    try:
        parties, keys = await populate(pool, settings, UuidSevens(SystemClock(), SystemRandomness()))
    finally:
        await pool.close()
    return Peopled("peopled", folder, parties, keys)


@asynccontextmanager
async def house(postgres: Any, peopled: Peopled, **more: str) -> AsyncIterator[House]:
    name = f"house_{next(_DATABASES)}"
    await run_in(postgres.dsn(), f"CREATE DATABASE {name} TEMPLATE {peopled.name} STRATEGY FILE_COPY")
    settings = served_settings(postgres.dsn(name), peopled.folder, **more)
    clock = SystemClock()
    pool = await open_pool(postgres.dsn(name))
    gateway = Gateway(settings, roles=("api",), clock=clock, randomness=SystemRandomness())
    session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20))
    try:
        addresses = await gateway.start()
        access = cheap_access(pool, settings, UuidSevens(clock, SystemRandomness()))
        yield House(pool, settings, access, addresses.api, session, peopled.parties, clock, peopled.keys)
    finally:
        await session.close()
        await gateway.stop()
        await pool.close()
        await run_in(postgres.dsn(), f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
async def standing(postgres: Any, peopled: Peopled) -> AsyncIterator[House]:
    """A house of the module; its seeded users and roles are nobody's to change."""
    async with house(postgres, peopled) as made:
        yield made


@pytest.fixture
async def api(postgres: Any, peopled: Peopled) -> AsyncIterator[House]:
    """A house of this test's own: the HTTP API, with one user of every seeded role."""
    async with house(postgres, peopled) as made:
        yield made


@pytest.fixture
async def admin(api: House) -> Browser:
    """The system administrator's program."""
    return await api.as_user("system_administrator")


@pytest.fixture
async def second_process(api: House) -> AsyncIterator[House]:
    """Another process on the same database."""
    gateway = Gateway(api.settings, roles=("api",), clock=api.clock, randomness=SystemRandomness())
    addresses = await gateway.start()
    yield replace(api, url=addresses.api)
    await gateway.stop()


async def within_a_second(holds: Callable[[], Awaitable[bool]]) -> bool:
    """Whether a condition of another process comes true in the second that is promised."""
    clock = SystemClock()
    ends = clock.monotonic() + 1.0
    while not await holds():
        if clock.monotonic() > ends:
            return False
    return True
