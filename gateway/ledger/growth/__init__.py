"""How the books grow without growing slow: snapshots after each day's close, months closed behind them, then archived.

A month is closed once snapshots cover every entry in it: from then on nothing can be written there, and the newest
entry of an account is looked for in the open months and in its last snapshot only. A closed month that is older than
the books are kept for is detached, never dropped (design section 5). What is written here follows from entries alone
and can be made again; none of it moves money.
"""

from gateway.ledger.growth.months import archive_old, close_month
from gateway.ledger.growth.snapshots import Progress, take_snapshot

__all__ = ["Progress", "archive_old", "close_month", "take_snapshot"]
