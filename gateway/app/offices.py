"""What people work with: the configuration, approvals, and the merchants' office, joined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from gateway.access import Keyring
from gateway.access.approvals import PROPOSAL, Approvals, Delegations
from gateway.access.approvals.approvals import EXPIRE
from gateway.app.approving import RightsBook, approvable
from gateway.app.surroundings import Surroundings
from gateway.journal import Journal
from gateway.kernel.configuration import Configuration
from gateway.keys import KeyStore
from gateway.merchants import MerchantOffice
from gateway.tasks import Finished, Handler, Timer

TABLES = (PROPOSAL,)
_KEYS_REMEMBERED = timedelta(seconds=0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offices:
    """Configuration, approvals and merchants of one process."""

    configuration: Configuration
    approvals: Approvals
    delegations: Delegations
    merchants: MerchantOffice

    def handlers(self) -> Mapping[str, Handler]:
        """What timers run, by kind."""
        return {EXPIRE: self._expire}

    async def _expire(self, timer: Timer) -> Finished:
        await self.approvals.expire(timer.subject)
        return Finished()


def build_offices(
    around: Surroundings, *, journal: Journal, keystore: KeyStore, configuration: Configuration
) -> Offices:
    """Join the offices."""
    keyring = Keyring(pool=around.pool, keystore=keystore, clock=around.clock, remembered=_KEYS_REMEMBERED)
    kinds, rights = approvable(), RightsBook(pool=around.pool, keyring=keyring, keystore=keystore)
    return Offices(
        configuration=configuration,
        approvals=Approvals(
            pool=around.pool,
            journal=journal,
            kinds=kinds,
            rights=rights,
            configuration=configuration,
            ids=around.ids,
            clock=around.clock,
        ),
        delegations=Delegations(pool=around.pool, kinds=kinds, rights=rights, ids=around.ids),
        merchants=MerchantOffice(pool=around.pool, journal=journal, keys=keystore, ids=around.ids),
    )
