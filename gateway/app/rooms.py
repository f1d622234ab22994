"""The rooms of one process, joined: built from settings, without doors and without anything running yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from channels.kinds import BATCH
from gateway.app.batch import TABLES as BATCH_TABLES
from gateway.app.batch import BatchRooms, build_batch
from gateway.app.closing import KIND as CLOSE
from gateway.app.closing import CloseKeys, DayCloser
from gateway.app.configuring import build_configuration
from gateway.app.growth import Growth
from gateway.app.keystore import open_keystore
from gateway.app.lines import Carriers, Lines
from gateway.app.meters import ConnectorMeter
from gateway.app.offices import TABLES as OFFICE_TABLES
from gateway.app.offices import Offices, build_offices
from gateway.app.settings import file_settings, growth_settings, journal_settings, road_settings
from gateway.app.surroundings import Surroundings
from gateway.app.zones import ZoneKeys
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
from gateway.kernel.configuration import Configuration
from gateway.kernel.settings import Settings
from gateway.keys import KeyRegister, KeyStore
from gateway.merchants import Directory
from gateway.merchants.store import MERCHANT, TERMINAL
from gateway.parties import WithdrawalPasswords
from gateway.parties.parameters import rules_of
from gateway.payments.payout import Withdrawals
from gateway.payments.payout.cards import PartyCards
from gateway.payments.payout.fees import FeeQuotes
from gateway.payments.payout.parameters import limits_of
from gateway.tasks import TIMER, Handler

EXPIRE = "payout.expire"
_DIRECTORY_POLL_S = 0.5


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
    offices: Offices
    batch: BatchRooms
    closer: DayCloser
    growth: Growth
    nudge: Nudge

    def handlers(self) -> Mapping[str, Handler]:
        """What timers run, by kind."""
        return {
            **self.road.recovery.handlers(),
            **self.office.handlers(),
            EXPIRE: self.withdrawals.expire,
            CLOSE: self.closer.run,
            **self.growth.handlers(),
            **self.batch.handlers(),
            **self.offices.handlers(),
        }

    async def refresh(self) -> None:
        """Read channels, rates and the configuration again where they have changed."""
        await self.registry.refresh()
        await self.fees.refresh()
        await self.offices.configuration.refresh()

    def told(self, channel: UUID, code: str) -> str:
        """Return what people are told for a channel's code, empty where the error dictionary does not know it."""
        return self.offices.configuration.told(self.registry.code_of(channel), code)


def build_rooms(settings: Settings, around: Surroundings) -> Rooms:
    """Join the rooms. Raises KeyStoreError or SettingsError, saying what to do."""
    keystore = open_keystore(settings, around.randomness, metrics=around.metrics)
    register = KeyRegister(pool=around.pool, keystore=keystore, clock=around.clock)
    meter = ConnectorMeter(around.metrics)
    journal = _journal(settings, around)
    directory = Directory(pool=around.pool, poll_s=_DIRECTORY_POLL_S)
    configuration = build_configuration(around.pool)
    registry = _registry(
        settings, around, keystore=keystore, register=register, meter=meter, configuration=configuration
    )
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
        zone_key=ZoneKeys(registry=registry, register=register, clock=around.clock).find,
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
        withdrawals=_withdrawals(
            around, journal=journal, keystore=keystore, book=book, road=road, configuration=configuration
        ),
        offices=build_offices(around, journal=journal, keystore=keystore, configuration=configuration),
        growth=_growth(settings, around, journal),
        closer=_closer(settings, around, journal=journal, signer=CloseKeys(register=register, keystore=keystore)),
        batch=build_batch(settings, around, journal=journal, keystore=keystore),
        nudge=nudge,
    )


def _growth(settings: Settings, around: Surroundings, journal: Journal) -> Growth:
    return Growth(
        pool=around.owner_pool,
        journal=journal,
        ids=around.ids,
        clock=around.clock,
        settings=growth_settings(settings),
        book=settings.book.name,
    )


def _journal(settings: Settings, around: Surroundings) -> Journal:
    return Journal(
        pool=around.book_pool,
        tables=(TERMINAL, MERCHANT, TIMER, *ROAD_TABLES, *FILE_TABLES, *BATCH_TABLES, *OFFICE_TABLES),
        clock=around.clock,
        ids=around.ids,
        faults=around.faults,
        settings=journal_settings(settings),
        meter=MetricsMeter(around.metrics, book=settings.book.name),
        writer=around.writer,
        book=settings.book.name,
    )


def _closer(settings: Settings, around: Surroundings, *, journal: Journal, signer: CloseKeys) -> DayCloser:
    return DayCloser(
        pool=around.book_pool,
        journal=journal,
        signer=signer,
        ids=around.ids,
        clock=around.clock,
        book=settings.book.name,
    )


def _registry(
    settings: Settings,
    around: Surroundings,
    *,
    keystore: KeyStore,
    register: KeyRegister,
    meter: ConnectorMeter,
    configuration: Configuration,
) -> Registry:
    # a door never has more under way than this, so a bank is never spared for want of a place
    lines = Lines(
        keystore=keystore,
        register=register,
        meter=meter,
        clock=around.clock,
        settings=settings.clearing,
        at_once=settings.terminals.in_flight_most,
        words=configuration.told,
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
    around: Surroundings,
    *,
    journal: Journal,
    keystore: KeyStore,
    book: FeeBook,
    road: Road,
    configuration: Configuration,
) -> Withdrawals:
    passwords = WithdrawalPasswords(
        pool=around.pool, clock=around.clock, ids=around.ids, rules=lambda: rules_of(configuration)
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
        limits=lambda party: limits_of(configuration, party),
    )
