"""Timers: the one mechanism for everything that is due at a time (bank queries, reversals, cut-offs, expiries).

Rules of the room: a timer is (kind, subject) and is armed and ended by changes through the journal (`timer.set`,
`timer.done`), so it is there exactly when the record it is about says so; a worker takes due ones with a lease and a
fencing number and does the work again after a crash, so handlers find out from the records what is left to do.
"""

from gateway.tasks.model import Again, Finished, Handler, Outcome, Timer
from gateway.tasks.store import TIMER, parked, waiting
from gateway.tasks.timers import BackOff, Timers

__all__ = ["TIMER", "Again", "BackOff", "Finished", "Handler", "Outcome", "Timer", "Timers", "parked", "waiting"]
