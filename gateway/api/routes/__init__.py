"""The table of routes: every operation of the API, in the order it is described."""

from gateway.api.route import Route
from gateway.api.routes import accounts, days, events, files, keys, payments, reconciliation, withdrawals

ROUTES: tuple[Route, ...] = (
    *keys.ROUTES,
    *withdrawals.ROUTES,
    *accounts.ROUTES,
    *payments.ROUTES,
    *files.ROUTES,
    *reconciliation.ROUTES,
    *days.ROUTES,
    *events.ROUTES,
)
