"""The demo's day: driven from outside by the sandbox, proven from inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import aiohttp

from gateway.app.proof import agree, prove
from gateway.kernel.clock import SystemClock
from gateway.kernel.postgres.pool import open_pool
from gateway.kernel.randomness import SystemRandomness
from gateway.sandbox.day import DayResult, Proof, World, run_day
from gateway.sandbox.day.api_client import ApiRefusedError
from gateway.sandbox.day.bank_client import BankRefusedError
from gateway.sandbox.day.patience import DayFailedError
from gateway.sandbox.terminal import BadAnswerError, NoAnswerError, NotSentError

_STOPS_A_DAY = (
    *(ApiRefusedError, BankRefusedError, BadAnswerError, NoAnswerError, NotSentError),
    *(aiohttp.ClientError, LookupError),
)


async def hold_day(facts: Mapping[str, Any], *, seed: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Run one day in the world of `facts` and return its JSON (`docs/sandbox.md`). Raises DayFailedError."""
    try:
        return (await day_of(facts, seed=seed, say=say)).to_json()
    except _STOPS_A_DAY as fault:
        raise DayFailedError(f"the day cannot go on: {fault}") from fault


async def day_of(facts: Mapping[str, Any], *, seed: int, say: Callable[[str], None]) -> DayResult:
    """Run one day and return everything known of it, the terminals' slips included."""
    pool = await open_pool(str(facts["database"]), largest=2)

    async def proof(books: list[dict[str, Any]]) -> Proof:
        trial_balance, faults = await prove(pool)
        agreement = await agree(pool, books)
        for line in (*faults, *agreement.disagreements):
            say(line)
        say(f"{agreement.compared} items of the bank's books compared, {len(agreement.disagreements)} disagree")
        return Proof(trial_balance=trial_balance, bank_agrees=agreement.holds, chain_verified=not faults)

    try:
        return await run_day(
            World.read(dict(facts)), seed, say, proof=proof, clock=SystemClock(), randomness=SystemRandomness()
        )
    finally:
        await pool.close()
