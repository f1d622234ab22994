"""The parameters of every room in one catalogue, and the configuration that rooms read them from."""

from __future__ import annotations

from gateway.access.approvals.parameters import PARAMETERS as APPROVALS
from gateway.kernel.configuration import Catalogue, Configuration
from gateway.kernel.configuration import store as configuration
from gateway.kernel.postgres.pool import Database
from gateway.parties.parameters import PARAMETERS as PASSWORDS
from gateway.payments.payout.parameters import PARAMETERS as WITHDRAWALS

CATALOGUE = Catalogue(WITHDRAWALS, PASSWORDS, APPROVALS)


def build_configuration(pool: Database) -> Configuration:
    """Make the configuration over the database; it stands at its defaults until it is refreshed."""
    return Configuration(
        CATALOGUE, read=lambda: configuration.reading(pool), generation_of=lambda: configuration.generation(pool)
    )
