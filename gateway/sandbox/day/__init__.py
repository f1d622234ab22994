"""One business day from outside: terminals over TCP, operators and merchants over the signed API, the bank's control.

Rules: it knows the house only by its addresses and keys; whatever is killed meanwhile, it goes on as the protocols say,
so that what comes out at the end does not depend on it. The seed decides everything the day does.
"""

from gateway.sandbox.day.business_day import run_day
from gateway.sandbox.day.result import DayResult, Proof
from gateway.sandbox.day.world import World

__all__ = ["DayResult", "Proof", "World", "run_day"]
