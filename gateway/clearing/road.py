"""Putting the road together: what the composition root hands in, and what doors, timers and files get."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.clearing import store
from gateway.clearing.balances import Balances
from gateway.clearing.carry import Carrier
from gateway.clearing.conclusion import Conclusions
from gateway.clearing.deciding import Deciding
from gateway.clearing.dispatch import Dispatcher
from gateway.clearing.identify import Identification, Merchants
from gateway.clearing.minting import Mint
from gateway.clearing.numbers import Numbers
from gateway.clearing.pins import Pins, ZoneKey
from gateway.clearing.recovery import Recovery
from gateway.clearing.registry import Registry
from gateway.clearing.settings import RoadSettings
from gateway.clearing.settlement import Settlements
from gateway.fees import FeeBook
from gateway.journal.model import Post
from gateway.kernel.clock import Clock
from gateway.kernel.faults import Faults
from gateway.kernel.ids import Ids
from gateway.kernel.metrics import Metrics
from gateway.kernel.postgres.pool import Database
from gateway.keys.port import KeyStore
from gateway.payments.batches import TABLES as BATCHES
from gateway.payments.store import OPERATION, PAYMENT_EXCEPTION

TABLES = (OPERATION, PAYMENT_EXCEPTION, *BATCHES, store.CHANNEL, store.INSTRUCTION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """`carrier` is for doors, `recovery.handlers()` for the timers, `conclusions` for files, `numbers` for payouts."""

    carrier: Carrier
    recovery: Recovery
    conclusions: Conclusions
    dispatcher: Dispatcher
    numbers: Numbers


def build_road(
    *,
    journal: Post,
    pool: Database,
    keystore: KeyStore,
    merchants: Merchants,
    registry: Registry,
    fees: FeeBook,
    clock: Clock,
    ids: Ids,
    faults: Faults,
    settings: RoadSettings,
    metrics: Metrics,
    nudge: Callable[[], None],
    zone_key: ZoneKey,
) -> Road:
    """Build the road; `nudge` wakes the timers of this process when a lane has something new.

    `zone_key` gives the key a channel takes PIN blocks under.
    """
    numbers = Numbers(lambda: store.lease_numbers(pool))
    mint = Mint(ids=ids, numbers=numbers)
    dispatcher = Dispatcher(lines=registry, numbers=numbers, clock=clock, metrics=metrics)
    conclusions = _conclusions(
        journal, pool, mint=mint, registry=registry, clock=clock, ids=ids, settings=settings, metrics=metrics
    )
    carrier = _carrier(
        journal=journal,
        pool=pool,
        keystore=keystore,
        merchants=merchants,
        registry=registry,
        fees=fees,
        clock=clock,
        ids=ids,
        faults=faults,
        settings=settings,
        metrics=metrics,
        nudge=nudge,
        pins=Pins(keystore=keystore, zone_key=zone_key),
        mint=mint,
        dispatcher=dispatcher,
        conclusions=conclusions,
    )
    recovery = Recovery(
        pool=pool,
        conclusions=conclusions,
        dispatcher=dispatcher,
        clock=clock,
        faults=faults,
        settings=settings,
        is_under_way=carrier.is_under_way,
    )
    return Road(carrier=carrier, recovery=recovery, conclusions=conclusions, dispatcher=dispatcher, numbers=numbers)


def _carrier(
    *,
    journal: Post,
    pool: Database,
    keystore: KeyStore,
    merchants: Merchants,
    registry: Registry,
    fees: FeeBook,
    clock: Clock,
    ids: Ids,
    faults: Faults,
    settings: RoadSettings,
    metrics: Metrics,
    nudge: Callable[[], None],
    pins: Pins,
    mint: Mint,
    dispatcher: Dispatcher,
    conclusions: Conclusions,
) -> Carrier:
    identification = Identification(merchants=merchants, keystore=keystore, clock=clock, settings=settings)
    deciding = Deciding(pool=pool, merchants=merchants, registry=registry, fees=fees, mint=mint, settings=settings)
    settlements = Settlements(
        journal=journal, pool=pool, identification=identification, mint=mint, clock=clock, ids=ids, settings=settings
    )
    return Carrier(
        journal=journal,
        pool=pool,
        identification=identification,
        deciding=deciding,
        conclusions=conclusions,
        dispatcher=dispatcher,
        settlements=settlements,
        balances=Balances(
            deciding=deciding, dispatcher=dispatcher, pins=pins, mint=mint, clock=clock, settings=settings
        ),
        pins=pins,
        clock=clock,
        ids=ids,
        faults=faults,
        settings=settings,
        metrics=metrics,
        nudge=nudge,
    )


def _conclusions(
    journal: Post,
    pool: Database,
    *,
    mint: Mint,
    registry: Registry,
    clock: Clock,
    ids: Ids,
    settings: RoadSettings,
    metrics: Metrics,
) -> Conclusions:
    return Conclusions(
        journal=journal,
        pool=pool,
        mint=mint,
        clock=clock,
        ids=ids,
        settings=settings,
        metrics=metrics,
        code_of=registry.code_of,
    )
