"""Filling a sandbox: parties, terminals, cards, channels, fees, templates and API keys, each once.

The same seed in the same folder gives the same records; the secrets of clients (terminal keys, API keys) are kept in
the folder, readable by its owner only, because the sandbox hands them out again at each start.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from channels.instruction import Ask
from channels.kinds import BATCH
from gateway.access import (
    OPERATOR_PERMISSIONS,
    PARTY_PERMISSIONS,
    AccessSeeds,
    Algorithm,
    Enrolment,
    NewApiKey,
    Permission,
)
from gateway.access.users.passwords import Passwords
from gateway.agents import ITEM as PROFIT
from gateway.app.keystore import open_keystore
from gateway.app.lines import SFTP_KEY_PURPOSE
from gateway.app.people import access_of
from gateway.app.seed_users import Seats, SeededUsers, UserSeeding
from gateway.app.settings import user_rules
from gateway.clearing.files import FileTemplates
from gateway.clearing.network import ChannelDesk
from gateway.fees import Factor, FeeDesk, RateKind, Taker, Terms, Tier
from gateway.kernel.clock import Clock, SystemClock
from gateway.kernel.data import data_path
from gateway.kernel.ids import Ids, UuidSevens, show
from gateway.kernel.postgres.pool import Database, open_pool
from gateway.kernel.randomness import Randomness, SeededRandomness, SystemRandomness
from gateway.kernel.settings import Settings
from gateway.keys import KeyKind, KeyRegister, KeyStore
from gateway.merchants.onboard import Onboarding
from gateway.parties import PLATFORM, Kind, WithdrawalPasswords
from gateway.sandbox.payees import PAYEES, WITHDRAWAL_PASSWORD
from gateway.tasks.sources import NewSource, SourceOrder, SourceRegister, said_of

WHO = "system:sandbox"
CLIENTS = "clients.json"
SIGNING_KEY = "channel.sandbox-bank"
_TERMINALS_PER_MERCHANT = 2
_TMK_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Seeded:
    """What outside clients need of the seed: rows of the world's JSON."""

    terminals: Sequence[Mapping[str, str]]
    keys: Sequence[Mapping[str, str]]
    parties: Sequence[Mapping[str, str]]
    channels: Sequence[Mapping[str, str]]
    users: SeededUsers


@dataclass(frozen=True, slots=True)
class _SeedMerchant:
    code: str
    number: str
    name: str
    fee: str


_MERCHANTS = (
    _SeedMerchant("M1", "104110070110811", "南山茶庄", "0.60"),
    _SeedMerchant("M2", "104110070110812", "北岸书店", "0.55"),
    _SeedMerchant("M3", "104110070110813", "西街面馆", "0.38"),
)


class Seeding:
    """Takes on everything a sandbox has."""

    def __init__(
        self,
        *,
        pool: Database,
        settings: Settings,
        bank: Mapping[str, Any],
        seed: int,
        folder: Path,
        clock: Clock,
        ids: Ids,
        randomness: Randomness,
    ) -> None:
        self._pool = pool
        self._settings = settings
        self._randomness = randomness
        self._bank = bank
        self._clock = clock
        self._ids = ids
        self._drawn = SeededRandomness(seed)
        self._secrets = _Secrets(folder / CLIENTS)
        self._keys: KeyStore = open_keystore(settings, randomness)
        self._onboarding = Onboarding(pool=pool, keys=self._keys, clock=clock, ids=ids, who=WHO)

    async def run(self) -> Seeded:
        """Take everything on; what is there already stays as it is."""
        self._secrets.save()
        await AccessSeeds(pool=self._pool, ids=self._ids, clock=self._clock).sow()
        agents = await self._agents()
        merchants = await self._merchants(agents["agent.Y"])
        await self._fees(merchants)
        await self._profit(agents)
        await self._source()
        channels = await self._channels()
        desk = self._channel_desk()
        for merchant in merchants.values():
            await desk.open_for(merchant, channels["sandbox-realtime"])
        terminals = await self._terminals(merchants)
        parties = {**agents, **{f"merchant.{code}": id_ for code, id_ in merchants.items()}}
        keys = await self._api_keys(parties)
        return Seeded(
            terminals=terminals,
            keys=keys,
            parties=[{"name": name, "id": _shown(name, id_)} for name, id_ in parties.items()],
            channels=[{"code": code, "id": show("chn", id_)} for code, id_ in channels.items()],
            users=await self._users(merchants["M1"], agents["agent.X"]),
        )

    async def _users(self, merchant: UUID, agent: UUID) -> SeededUsers:
        member = await self._onboarding.party(kind=Kind.MEMBER, code="U1", name="会员一", parent=merchant)
        access = access_of(
            self._settings,
            pool=self._pool,
            keystore=self._keys,
            clock=self._clock,
            ids=self._ids,
            randomness=self._randomness,
        )
        passwords = Passwords(rules=user_rules(self._settings), randomness=self._randomness)
        seeding = UserSeeding(
            pool=self._pool,
            access=access,
            clock=self._clock,
            kept=self._secrets,
            new_password=passwords.one_time,
        )
        return await seeding.run(Seats(merchant=merchant, agent=agent, member=member.id))

    async def _agents(self) -> dict[str, UUID]:
        first = await self._onboarding.party(kind=Kind.AGENT, code="X", name="华东代理")
        second = await self._onboarding.party(kind=Kind.AGENT, code="Y", name="苏州代理", parent=first.id)
        return {"agent.X": first.id, "agent.Y": second.id}

    async def _merchants(self, agent: UUID) -> dict[str, UUID]:
        taken: dict[str, UUID] = {}
        passwords = WithdrawalPasswords(pool=self._pool, clock=self._clock, ids=self._ids)
        for place, seeded in enumerate(_MERCHANTS):
            merchant = await self._onboarding.merchant(
                code=seeded.code,
                number=seeded.number,
                name=seeded.name,
                parent=agent if place == 0 else PLATFORM,
                ripening="at_once",
            )
            for payee in PAYEES:
                await self._onboarding.bank_card(
                    party=merchant.id, account=payee.account, name=payee.name, bank=payee.bank
                )
            key = f"seed/password/{seeded.code}"
            if not self._secrets.knows(key):
                await passwords.set(merchant.id, WITHDRAWAL_PASSWORD, who=WHO, why="sandbox seed", key=key)
                self._secrets.put(key, "set")
            taken[seeded.code] = merchant.id
        return taken

    async def _fees(self, merchants: Mapping[str, UUID]) -> None:
        desk = FeeDesk(pool=self._pool, clock=self._clock, ids=self._ids, who=WHO)
        await desk.item(code="merchant_fee", business="acquiring", mode="card", unit="CNY", name="收单手续费")
        await desk.item(code="withdrawal_fee", business="withdrawal", mode="file", unit="CNY", name="提现手续费")
        for seeded in _MERCHANTS:
            terms = Terms(kind=RateKind.FIXED_RATIO, takers=(Taker(item="merchant_fee"),), ratio=Decimal(seeded.fee))
            await self._rate(desk, "merchant_fee", merchants[seeded.code], terms)
        withdrawal = Terms(
            kind=RateKind.FIXED_RATIO,
            takers=(Taker(item="withdrawal_fee"),),
            ratio=Decimal("0.10"),
            minimum_minor=100,
            maximum_minor=2500,
        )
        await self._rate(desk, "withdrawal_fee", None, withdrawal)

    async def _profit(self, agents: Mapping[str, UUID]) -> None:
        """The agents' rules: worked example 2, where Y has a device from X and gets 40 % of its profit."""
        desk = FeeDesk(pool=self._pool, clock=self._clock, ids=self._ids, who=WHO)
        facts = ("base", "amount", "fee", "cost", "margin", "device")
        factors = tuple(Factor(name=name) for name in facts)
        await desk.item(code=PROFIT, business="agents", mode="device", unit="CNY", name="代理商分润", factors=factors)
        first, second = agents["agent.X"], agents["agent.Y"]
        await self._rate(desk, PROFIT, first, _tiered(Taker(item="agent.X", party=first)))
        shares = (Taker(item="agent.Y", party=second, weight=40), Taker(item="agent.X", party=first, weight=60))
        await self._rate(desk, PROFIT, second, _tiered(*shares))

    async def _source(self) -> None:
        source = self._bank["source"]
        register = SourceRegister(pool=self._pool, keystore=self._keys, clock=self._clock, ids=self._ids)
        new = NewSource(
            code="sandbox",
            name="沙箱分润服务",
            address=source["url"],
            authorities=source["ca"],
            keyid=source["keyid"],
            secret=source["secret"].encode(),
        )
        await register.add(new, SourceOrder(who=WHO, key="seed/source", said=said_of(new)))

    async def _rate(self, desk: FeeDesk, item: str, party: UUID | None, terms: Terms) -> None:
        key = f"seed/fee/{item}/{party}"
        if not self._secrets.knows(key):
            await desk.rate(item=item, party=party, terms=terms, fee_type=item, key=key)
            self._secrets.put(key, "set")

    def _channel_desk(self) -> ChannelDesk:
        return ChannelDesk(pool=self._pool, onboarding=self._onboarding, clock=self._clock, ids=self._ids, who=WHO)

    async def _channels(self) -> dict[str, UUID]:
        account = await self._onboarding.party(kind=Kind.BANK_ACCOUNT, code="sandbox-bank", name="沙箱银行存款户")
        await self._signing_key()
        desk, bank = self._channel_desk(), self._bank
        realtime = await desk.channel(
            code="sandbox-realtime",
            name="沙箱银行实时",
            kind="xmlbank",
            type_="quick",
            communication="realtime",
            asks=[each for each in Ask if each is not Ask.PAYOUT],
            params={
                "customer": bank["customer"],
                "address": bank["https"]["url"],
                "authorities": bank["https"]["ca"],
                "signing_key": SIGNING_KEY,
                "signing_key_id": bank["signing"]["key_id"],
                "bank_keys": {bank["bank_key"]["key_id"]: bank["bank_key"]["public_key"]},
                "not_found_is_final_after_s": 2,
            },
            settlement_party=account.id,
        )
        batch = await desk.channel(
            code="sandbox-files",
            name="沙箱银行批量",
            kind="filebank",
            type_="bank_enterprise",
            communication="batch_file",
            asks=[Ask.PAYOUT],
            params=await self._file_params(),
            settlement_party=account.id,
        )
        await self._templates(batch.params)
        return {realtime.code: realtime.id, batch.code: batch.id}

    async def _file_params(self) -> dict[str, object]:
        sftp = self._bank["sftp"]
        sealed = await self._keys.seal(SFTP_KEY_PURPOSE, sftp["private_key"].encode())
        return {
            "name": "sandbox-files",
            "customer": self._bank["customer"],
            "folders": {"out": "in", "in": "out"},
            "sftp": {
                "host": sftp["host"],
                "port": sftp["port"],
                "user": sftp["user"],
                "host_key": sftp["host_key"],
                "private_key": base64.b64encode(sealed).decode(),
            },
        }

    async def _signing_key(self) -> None:
        register = KeyRegister(pool=self._pool, keystore=self._keys, clock=self._clock)
        if await register.find(SIGNING_KEY) is None:
            private = self._bank["signing"]["private_key"].encode()
            await register.replace(SIGNING_KEY, await self._keys.load(KeyKind.SIGNING, private), by=WHO)

    async def _templates(self, params: Mapping[str, object]) -> None:
        folder = data_path("config/seeds/templates")
        bodies = {"pay": (folder / "pay.json").read_text()}
        bodies |= dict.fromkeys(("ret", "acq", "rej"), (folder / "ret.json").read_text())
        templates = FileTemplates(pool=self._pool, ids=self._ids, clock=self._clock)
        await templates.seed(channel_kind="filebank", bodies=bodies, samples={}, language=BATCH["filebank"](params))

    async def _terminals(self, merchants: Mapping[str, UUID]) -> list[dict[str, str]]:
        taken = []
        for place, seeded in enumerate(_MERCHANTS):
            for which in range(_TERMINALS_PER_MERCHANT):
                number = f"{10_000_001 + place * _TERMINALS_PER_MERCHANT + which}"
                tmk = self._secrets.find_or(f"tmk/{number}", lambda: self._drawn.octets(_TMK_LENGTH).hex().upper())
                block = await self._keys.load(KeyKind.TERMINAL_MASTER, bytes.fromhex(tmk))
                await self._onboarding.terminal(
                    number=number, merchant=merchants[seeded.code], tmk=block, family="pos", serial=f"SN{number}"
                )
                taken.append({"terminal": number, "merchant": seeded.number, "tmk": tmk, "dialect": "cups"})
        return taken

    async def _api_keys(self, parties: Mapping[str, UUID]) -> list[dict[str, str]]:
        enrolment = Enrolment(pool=self._pool, keystore=self._keys, clock=self._clock, ids=self._ids, who=WHO)
        given = [await self._api_key(enrolment, "operator", PLATFORM, OPERATOR_PERMISSIONS, "pty")]
        for name, party in parties.items():
            given.append(await self._api_key(enrolment, name, party, _permissions(name), _kind(name)))
        return given

    async def _api_key(
        self, enrolment: Enrolment, name: str, party: UUID, permissions: frozenset[str], kind: str
    ) -> dict[str, str]:
        private = self._secrets.find_or(f"api/{name}", _new_private_key)
        await enrolment.enrol(
            NewApiKey(
                keyid=name,
                algorithm=Algorithm.ED25519,
                party_id=party,
                permissions=permissions,
                public_key=_public_of(private),
            )
        )
        return {"keyid": name, "alg": Algorithm.ED25519.value, "private_key": private, "party": show(kind, party)}


def _tiered(*takers: Taker) -> Terms:
    tiers = (
        Tier(lower=Decimal(0), upper=Decimal(500_000), ratio=Decimal("0.05")),
        Tier(lower=Decimal(500_000), upper=None, ratio=Decimal("0.06")),
    )
    return Terms(kind=RateKind.TIERED_RATIO, takers=takers, tier_factor="amount", tiers=tiers)


class _Secrets:
    """What the sandbox hands out again, in one private file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}

    def knows(self, name: str) -> bool:
        return name in self._kept

    def put(self, name: str, value: str) -> None:
        self._kept[name] = value
        self.save()

    def find_or(self, name: str, make: Any) -> str:
        if name not in self._kept:
            self.put(name, make())
        return self._kept[name]

    def save(self) -> None:
        self._path.touch(mode=0o600)
        self._path.write_text(json.dumps(self._kept, indent=1))


async def seed_world(dsn: str, *, settings: Settings, bank: Mapping[str, Any], seed: int, folder: Path) -> Seeded:
    """Fill the sandbox whose database is at `dsn`; `bank` is what the sandbox bank wrote when it was ready."""
    clock, randomness = SystemClock(), SystemRandomness()
    pool = await open_pool(dsn)
    try:
        ids = UuidSevens(clock, randomness)
        seeding = Seeding(
            pool=pool,
            settings=settings,
            bank=bank,
            seed=seed,
            folder=folder,
            clock=clock,
            ids=ids,
            randomness=randomness,
        )
        return await seeding.run()
    finally:
        await pool.close()


def _new_private_key() -> str:
    key = ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _public_of(private: str) -> bytes:
    key = load_pem_private_key(private.encode(), password=None)
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _permissions(name: str) -> frozenset[str]:
    """An agent sees what its merchants do, and does not do it for them."""
    return PARTY_PERMISSIONS - {Permission.ACQUIRING_WRITE} if name.startswith("agent") else PARTY_PERMISSIONS


def _kind(name: str) -> str:
    return "mch" if name.startswith("merchant.") else "agt"


def _shown(name: str, id_: UUID) -> str:
    return show(_kind(name), id_)
