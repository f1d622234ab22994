from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncpg
import pytest

from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids
from gateway.kernel.randomness import Randomness
from gateway.keys import KeyBlock, KeyKind, KeyStore, KeyStoreSettings, open_software_store
from gateway.merchants import Merchant, Onboarding, Terminal


@pytest.fixture
def keys(tmp_path: Path, randomness: Randomness) -> KeyStore:
    return open_software_store(KeyStoreSettings(directory=tmp_path / "keys"), randomness=randomness)


@pytest.fixture
async def tmk(keys: KeyStore) -> KeyBlock:
    return await keys.make(KeyKind.TERMINAL_MASTER, 16)


@pytest.fixture
def onboarding(pool: asyncpg.Pool[Any], keys: KeyStore, clock: Clock, ids: Ids) -> Onboarding:
    return Onboarding(pool=pool, keys=keys, clock=clock, ids=ids, who="user:setup")


@pytest.fixture
async def merchant(onboarding: Onboarding) -> Merchant:
    return await onboarding.merchant(code="m1", number="104110070110814", name="Noodle House")


@pytest.fixture
async def terminal(onboarding: Onboarding, merchant: Merchant, tmk: KeyBlock) -> Terminal:
    return await onboarding.terminal(number="10000001", merchant=merchant.id, tmk=tmk)
