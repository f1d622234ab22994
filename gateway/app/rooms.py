"""The rooms of one process, joined: built from settings, without doors and without anything running yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from channels.kinds import BATCH
from gateway.app.keystore import open_keystore
from gateway.app.lines import Carriers, Lines
from gateway.app.meters import ConnectorMeter
from gateway.app.settings import file_settings, journal_settings, password_rules, road_settings
from gateway.clearing import store as clearing
from gateway.clearing.files import BatchRoutes, Numbering
from gateway.clearing.files.fronts import ChannelFronts
from gateway.clearing.reconciliation import TABLES as FILE_TABLES
from gateway.clearing.reconciliation import BackOffice, build_back_office
from gateway.clearing.registry import Registry
from gateway.clearing.road import TABLES as ROAD_TABLES
from gateway.clearing.road import Road, build_road
from gateway.fees import FeeBook
from gateway.fees import store as fees
from gateway.journal import Journal, MetricsMeter
from gateway.kernel.clock import Clock
from gateway.kernel.faults import Faults
from gateway.kernel.ids import Ids
from gateway.kernel.metrics import Metrics
from gateway.kernel.postgres.pool import Database
from gateway.kernel.randomness import Randomness
from gateway.kernel.settings import Settings
from gateway.keys import KeyRegister, KeyStore
from gateway.merchants import Directory
from gateway.merchants.store import MERCHANT, TERMINAL
from gateway.parties import WithdrawalPasswords
from gateway.payments.payout import Withdrawals
from gateway.payments.payout.cards import PartyCards
from gateway.payments.payout.fees import FeeQuotes
from gateway.tasks import TIMER, Handler

EXPIRE = "payout.expire"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every room is handed: database, time, ids, randomness, metrics, fault points."""

    pool: Database
    clock: Clock
    ids: Ids
    randomness: Randomness
    metrics: Metrics
    faults: Faults
    writer: str


class Nudge:
    """Wakes the timers of this process, once there are any."""

    def __init__(self) -> None:
        self._wake: Callable[[], None] | None = None

    def tell(self, wake: Callable[[], None]) -> None:
        """Name who is to be woken."""
        self._wake = wake

    def __call__(self) -> None:
        """Wake."""
        if self._wake is not None:
            self._wake()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """Everything that doors and timers stand on."""

    keystore: KeyStore
    register: KeyRegister
    journal: Journal
    directory: Directory
    registry: Registry
    fees: FeeBook
    road: Road
    fronts: ChannelFronts
    office: BackOffice
    withdrawals: Withdrawals
    nudge: Nudge

    def handlers(self) -> Mapping[str, Handler]:
        """What timers run, by kind."""
        return {**self.road.recovery.handlers(), **self.office.handlers(), EXPIRE: self.withdrawals.expire}

    async def refresh(self) -> None:
        """Read channels and rates again where they have changed."""
        await self.registry.refresh()
        await self.fees.refresh()


def build_rooms(settings: Settings, around: Surroundings) -> Rooms:
    """Join the rooms. Raises KeyStoreError or SettingsError, saying what to do."""
    keystore = open_keystore(settings, around.randomness)
    register = KeyRegister(pool=around.pool, keystore=keystore, clock=around.clock)
    meter = ConnectorMeter(around.metrics)
    journal = _journal(settings, around)
    directory = Directory(pool=around.pool)
    registry = _registry(settings, around, keystore=keystore, register=register, meter=meter)
    book = FeeBook(read=lambda: fees.rates(around.pool), generation_of=lambda: fees.generation(around.pool))
    nudge = Nudge()
    road = build_road(
        journal=journal,
        pool=around.pool,
        keystore=keystore,
        merchants=directory,
        registry=registry,
        fees=book,
        clock=around.clock,
        ids=around.ids,
        faults=around.faults,
        settings=road_settings(settings),
        metrics=around.metrics,
        nudge=nudge,
    )
    carriers = Carriers(keystore=keystore, meter=meter, clock=around.clock, faults=around.faults)
    fronts = ChannelFronts(pool=around.pool, kinds=BATCH, carrier=carriers.carrier)
    return Rooms(
        keystore=keystore,
        register=register,
        journal=journal,
        directory=directory,
        registry=registry,
        fees=book,
        road=road,
        fronts=fronts,
        office=_office(settings, around, journal=journal, keystore=keystore, fronts=fronts, road=road),
        withdrawals=_withdrawals(settings, around, journal=journal, keystore=keystore, book=book, road=road),
        nudge=nudge,
    )


def _journal(settings: Settings, around: Surroundings) -> Journal:
    return Journal(
        pool=around.pool,
        tables=(TERMINAL, MERCHANT, TIMER, *ROAD_TABLES, *FILE_TABLES),
        clock=around.clock,
        ids=around.ids,
        faults=around.faults,
        settings=journal_settings(settings),
        meter=MetricsMeter(around.metrics, book=settings.book.name),
        writer=around.writer,
        book=settings.book.name,
    )


def _registry(
    settings: Settings, around: Surroundings, *, keystore: KeyStore, register: KeyRegister, meter: ConnectorMeter
) -> Registry:
    # a door never has more under way than this, so a bank is never spared for want of a place
    lines = Lines(
        keystore=keystore,
        register=register,
        meter=meter,
        clock=around.clock,
        settings=settings.clearing,
        at_once=settings.terminals.in_flight_most,
    )
    return Registry(
        read=lambda: clearing.network(around.pool),
        generation_of=lambda: clearing.generation(around.pool),
        open_line=lines.open,
    )


def _office(
    settings: Settings,
    around: Surroundings,
    *,
    journal: Journal,
    keystore: KeyStore,
    fronts: ChannelFronts,
    road: Road,
) -> BackOffice:
    return build_back_office(
        pool=around.pool,
        journal=journal,
        keystore=keystore,
        fronts=fronts,
        conclusions=road.conclusions,
        ids=around.ids,
        clock=around.clock,
        faults=around.faults,
        settings=file_settings(settings),
    )


def _withdrawals(
    settings: Settings, around: Surroundings, *, journal: Journal, keystore: KeyStore, book: FeeBook, road: Road
) -> Withdrawals:
    passwords = WithdrawalPasswords(
        pool=around.pool, clock=around.clock, ids=around.ids, rules=password_rules(settings)
    )
    return Withdrawals(
        pool=around.pool,
        journal=journal,
        quotes=FeeQuotes(book, clock=around.clock),
        cards=PartyCards(pool=around.pool, keystore=keystore, passwords=passwords),
        numbers=Numbering(road.numbers),
        routes=BatchRoutes(around.pool),
        ids=around.ids,
        clock=around.clock,
    )
