"""A gateway of two processes on one database, two operators who are two people, and callers by name."""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from gateway.access import Algorithm, Enrolment, NewApiKey, Permission
from gateway.app.process import Addresses, Gateway
from gateway.fees import FeeDesk
from gateway.kernel.clock import SystemClock
from gateway.kernel.ids import UuidSevens, read
from gateway.kernel.randomness import SystemRandomness
from gateway.kernel.settings import load_settings
from gateway.keys import KeyStoreSettings, open_software_store
from gateway.parties import PLATFORM
from gateway.sandbox.day.api_client import ApiClient, ApiRefusedError, Signing
from gateway.sandbox.day.world import ApiKey

WITHIN_S = 2.0
EVERYTHING: frozenset[str] = frozenset(Permission)
FOR_OPERATORS: frozenset[str] = frozenset(one for one in Permission if one.for_operators)


@dataclass
class Callers:
    """Calls the API by the name of a key; `other` is the second process's API."""

    enrolment: Enrolment
    session: aiohttp.ClientSession
    first: str
    second: str
    listener: dict[str, Any]
    pool: asyncpg.Pool[Any]
    keys: Path
    dsn: str
    known: dict[str, ApiKey] = field(default_factory=dict)
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    async def add(self, name: str, party: UUID = PLATFORM, permissions: frozenset[str] | None = None) -> None:
        permissions = permissions or (EVERYTHING if party == PLATFORM else EVERYTHING - FOR_OPERATORS)
        private = ed25519.Ed25519PrivateKey.generate()
        public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        new = NewApiKey(
            keyid=name, algorithm=Algorithm.ED25519, party_id=party, permissions=permissions, public_key=public
        )
        await self.enrolment.enrol(new)
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        self.known[name] = ApiKey(keyid=name, alg="ed25519", private_key=pem, party="")

    def client(self, name: str, address: str = "") -> ApiClient:
        signing = Signing(key=self.known[name], clock=SystemClock(), randomness=SystemRandomness())
        return ApiClient(
            session=self.session,
            address=address or self.first,
            signing=signing,
            tls=ssl.create_default_context(),
            patience_seconds=0,
        )

    async def get(self, name: str, path: str, *, second: bool = False) -> Any:
        return await self.client(name, self.second if second else self.first).get(path)

    async def post(self, name: str, path: str, body: dict[str, Any], *, key: str = "", second: bool = False) -> Any:
        client = self.client(name, self.second if second else self.first)
        return await client.post(path, {"why": "a test", **body}, key=key or f"k{next(self.numbers)}")

    async def refused(self, name: str, path: str, body: dict[str, Any] | None = None, *, key: str = "") -> str:
        """The code of the problem that a call ends with."""
        with pytest.raises(ApiRefusedError) as refusal:
            await (self.get(name, path) if body is None else self.post(name, path, body, key=key))
        return refusal.value.code

    async def approve(self, name: str, proposal: dict[str, Any]) -> Any:
        path = f"/v1/approvals/{proposal['id']}/approve"
        signed = self.client(name)
        return await signed.post(path, {"digest": proposal["digest"]}, key=f"k{next(self.numbers)}")


def uuid(shown: str) -> UUID:
    """The inner id of one that was shown."""
    return read(shown.rpartition("_")[0], shown)


async def soon(what: str, holds: Callable[[], Awaitable[bool]], *, within_s: float = WITHIN_S) -> None:
    """Wait for what another process learns by polling."""
    clock = SystemClock()
    ends = clock.monotonic() + within_s
    while not await holds():
        if clock.monotonic() > ends:
            pytest.fail(f"waited {within_s:g} s for {what}")
        await asyncio.sleep(0.02)


@pytest.fixture
async def api(dsn: str, tmp_path: Path, pool: asyncpg.Pool[Any]) -> AsyncIterator[Callers]:
    """Two processes: one with every role, one with the API only; li and wang are operators with every permission."""
    environment = {"TILLGATE_DATABASE__DSN": dsn, "TILLGATE_KEYS__DIRECTORY": str(tmp_path / "keys")}
    clock, randomness = SystemClock(), SystemRandomness()

    async def started(roles: str) -> tuple[Gateway, Addresses]:
        settings = load_settings((), {**environment, "TILLGATE_HTTP__REQUESTS_PER_S": "500"})
        gateway = Gateway(settings, roles=tuple(roles.split(",")), clock=clock, randomness=randomness)
        return gateway, await gateway.start()

    first, addresses = await started("api,worker,terminals")
    second, others = await started("api")
    keystore = open_software_store(KeyStoreSettings(directory=tmp_path / "keys"), randomness=randomness)
    ids = UuidSevens(clock, randomness)
    fees = FeeDesk(pool=pool, clock=clock, ids=ids, who="test")
    await fees.item(code="merchant_fee", business="acquiring", mode="card", unit="CNY", name="手续费")
    async with aiohttp.ClientSession() as session:
        made = Callers(
            enrolment=Enrolment(pool=pool, keystore=keystore, clock=clock, ids=ids, who="test"),
            session=session,
            first=addresses.api,
            second=others.api,
            listener=addresses.listeners[0],
            pool=pool,
            keys=tmp_path / "keys",
            dsn=dsn,
        )
        await made.add("li")
        await made.add("wang")
        yield made
    await second.stop()
    await first.stop()
