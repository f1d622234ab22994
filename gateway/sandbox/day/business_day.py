"""The day itself, from the first sign-in to the close (`docs/sandbox.md`)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp

from gateway.kernel.clock import SHANGHAI, Clock
from gateway.kernel.randomness import Randomness
from gateway.sandbox.day.api_client import ApiClient, ApiRefusedError, Signing
from gateway.sandbox.day.bank_client import BankClient
from gateway.sandbox.day.evening import Breaks, Evening
from gateway.sandbox.day.money_out import MoneyOut, find_purses
from gateway.sandbox.day.patience import DayFailedError, Patience
from gateway.sandbox.day.plan import PURCHASES, REFUNDS, VOIDS, DayPlan, plan_day
from gateway.sandbox.day.result import DayResult, Proof, Purchases, Withdrawals
from gateway.sandbox.day.shift import Paid, Shift
from gateway.sandbox.day.world import World
from gateway.sandbox.payees import Fate
from gateway.sandbox.terminal import SimulatedTerminal, TerminalSettings

DIALECT = "cups"
_TRACES, _TRACES_A_SECOND = 1_000_000, 10
_FIRST_RESULTS = {
    Fate.PAID: frozenset({"success"}),
    Fate.FAILED: frozenset({"failed"}),
    Fate.SILENT: frozenset({"sent", "unknown"}),
    Fate.RETURNED: frozenset({"success"}),
}
_SILENT_SETTLED = _FIRST_RESULTS | {Fate.SILENT: frozenset({"success"})}
_LAST_RESULTS = _SILENT_SETTLED | {Fate.RETURNED: frozenset({"returned"})}

Prove = Callable[[list[dict[str, Any]]], Awaitable[Proof]]
Report = Callable[[str], None]


async def run_day(
    world: World,
    seed: int,
    report: Report,
    *,
    proof: Prove,
    clock: Clock,
    randomness: Randomness,
    patience_seconds: float = 180,
) -> DayResult:
    """Run one business day in `world` and say what came of it.

    `proof` is given the bank's books at the end and proves what cannot be seen from outside. `report` is told what
    happens, line by line. Raises DayFailedError when the day cannot go on.
    """
    async with aiohttp.ClientSession() as session:
        patience = Patience(clock=clock, seconds=patience_seconds)
        day = _Day(world, seed, report, session=session, randomness=randomness, patience=patience)
        try:
            return await day.run(proof)
        finally:
            await day.close()


class _Day:
    """One run of the day."""

    def __init__(
        self,
        world: World,
        seed: int,
        report: Report,
        *,
        session: aiohttp.ClientSession,
        randomness: Randomness,
        patience: Patience,
    ) -> None:
        self._world = world
        self._report = report
        self._session = session
        self._patience = patience
        self._clock = patience.clock
        self._randomness = randomness
        self._run = randomness.octets(6).hex()
        self._date = self._clock.now().astimezone(SHANGHAI).date().isoformat()
        self._first_trace = int(self._clock.now().timestamp() * _TRACES_A_SECOND) % _TRACES
        self._earlier: frozenset[str] = frozenset()
        self._shifts = self._man_terminals()
        self._plan: DayPlan = plan_day(seed, terminals=len(self._shifts))
        address, token = world.control
        self._bank = BankClient(
            session=session, address=address, token=token, clock=self._clock, patience_seconds=patience.seconds
        )

    async def close(self) -> None:
        """Hang all terminals up."""
        for shift in self._shifts:
            await shift.terminal.close()

    async def run(self, proof: Prove) -> DayResult:
        """Run the day."""
        began = self._clock.monotonic()
        operator, others = await self._clients()
        evening = self._evening(operator)
        await evening.begin()
        self._earlier = frozenset(entry["number"] for entry in await self._bank.books())
        voids, refunds, duplicates, refused = await self._trade()
        out = await self._money_out(evening, others)
        await self._mend(evening, out)
        result = DayResult(
            seed=self._plan.seed,
            seconds=self._clock.monotonic() - began,
            purchases=self._count_purchases(),
            voids=voids,
            refunds=refunds,
            duplicates_answered=duplicates,
            mac_refused=refused,
            withdrawals=_count_withdrawals(await out.states()),
            files=await evening.count_files(),
            reconciliation=await evening.count_lines(),
            proof=await proof(await self._bank.books()),
            slips=tuple(slip for shift in self._shifts for slip in shift.terminal.slips),
        )
        return await self._judged(result, evening)

    async def _trade(self) -> tuple[int, int, int, int]:
        """Let all terminals pay at once, then undo some of it; returns voids, refunds, duplicates and refused codes."""
        self._report(f"{len(self._shifts)} terminals sign in")
        kinds = ["001", *["003"] * (len(self._shifts) - 1)]
        await asyncio.gather(*(shift.open(kind) for shift, kind in zip(self._shifts, kinds, strict=True)))
        duplicates, refused = (await asyncio.gather(self._oddities(), *map(self._sell, self._shifts[1:])))[0]
        approved = sum(paid.is_approved for paid in self._all_paid())
        self._report(f"{len(self._all_paid())} purchases, {approved} of them approved")
        voided = await self._void_some()
        refunds = await self._refund_some(voided)
        self._report(f"{len(voided)} voids, {refunds} refunds")
        await asyncio.gather(*(shift.look_again() for shift in self._shifts))
        await self._bank_knows_what_was_reversed()
        return len(voided), refunds, duplicates, refused

    async def _oddities(self) -> tuple[int, int]:
        """Let the first terminal sell, then send one request twice and one with a wrong code."""
        shift = self._shifts[0]
        await self._sell(shift)
        same = await shift.answers_the_same()
        refused = await shift.refuses_a_wrong_code(self._world.pans("approve")[0])
        self._report(f"{shift.name}: same bytes again, same answer: {same}; wrong code refused: {refused}")
        return int(same), int(refused)

    async def _sell(self, shift: Shift) -> tuple[int, int]:
        drawn = self._plan.draw(f"cards/{shift.name}")
        for planned in self._plan.purchases[self._shifts.index(shift)]:
            await shift.pay(planned, drawn.choice(self._world.pans(planned.behaviour)))
        return 0, 0

    async def _void_some(self) -> list[Paid]:
        voided: list[Paid] = []
        for shift, paid in self._drawn("voids"):
            if len(voided) == VOIDS:
                break
            if await shift.void(paid):
                voided.append(paid)
        return voided

    async def _refund_some(self, voided: Sequence[Paid]) -> int:
        """Refund in part and in whole, once twice the same purchase, in turns from another terminal of the merchant."""
        candidates = [(shift, paid) for shift, paid in self._drawn("refunds") if paid not in voided]
        originals = [candidates[0], *candidates[: len(REFUNDS) - 1]]
        done = 0
        for place, ((shift, paid), per_cent) in enumerate(zip(originals, REFUNDS, strict=True)):
            at = self._colleague(shift) if place % 2 else shift
            done += await at.refund(paid, paid.planned.amount * per_cent // 100)
        return done

    async def _bank_knows_what_was_reversed(self) -> None:
        """Wait until the bank has been told of every reversal: its day file would list them otherwise."""
        amounts = {paid.planned.amount for paid in self._all_paid() if paid.standing == "reversed"}

        async def told() -> bool | None:
            pays = await self._pays()
            standing = {entry["amount"] for entry in pays if entry["state"] in {"success", "processing"}}
            return None if amounts & standing else True

        await self._patience.until("the bank to know of every reversal", told)

    async def _money_out(self, evening: Evening, others: Sequence[ApiClient]) -> MoneyOut:
        out = MoneyOut(self._plan, await find_purses(others), keys=self._key, report=self._report)
        await out.request_all()
        await evening.send_payments()
        await evening.await_results(out, _FIRST_RESULTS)
        self._report("return file taken in: all but one withdrawal have their result")
        return out

    async def _mend(self, evening: Evening, out: MoneyOut) -> None:
        await evening.break_and_mend(await self._breaks())
        await self._bank.order("settle-silent", {}, key=self._key("settle-silent"))
        await evening.await_results(out, _SILENT_SETTLED)
        await self._bank.order("late-returns", {}, key=self._key("late-returns"))
        await evening.await_results(out, _LAST_RESULTS)
        self._report("the silent withdrawal succeeded, another one came back")
        await evening.settle_differences()
        await evening.close_day()

    async def _breaks(self) -> Breaks:
        """Choose what the bank's day file has wrong, among purchases that nothing else happened to."""
        pays = {entry["amount"]: entry for entry in await self._pays()}
        plain = [paid for _, paid in self._drawn("breaks") if pays[paid.planned.amount]["state"] == "success"]
        untouched = [paid for paid in plain if paid.untouched]
        differs, missing = untouched[0].planned.amount, untouched[1].planned.amount
        drawn = self._plan.draw("unknown")
        return Breaks(
            differs=pays[differs]["number"],
            differs_amount=differs - 10_00,
            missing=pays[missing]["number"],
            unknown=f"{self._date.replace('-', '')}99{int(self._run[:8], 16):010d}",
            unknown_amount=drawn.randint(1_00, 99_00),
        )

    async def _pays(self) -> list[dict[str, Any]]:
        """Return what this day's terminals paid, in the bank's words."""
        books = await self._bank.books()
        return [entry for entry in books if entry["kind"] == "pay" and entry["number"] not in self._earlier]

    async def _clients(self) -> tuple[ApiClient, list[ApiClient]]:
        """Tell the operator's key from the others by what it may do."""
        tls = self._world.tls()
        operator: ApiClient | None = None
        others = []
        for key in self._world.api.keys:
            if key.alg != "ed25519":
                continue
            client = ApiClient(
                session=self._session,
                address=self._world.api.url,
                signing=Signing(key=key, clock=self._clock, randomness=self._randomness),
                tls=tls,
                patience_seconds=self._patience.seconds,
            )
            if operator is None and await _may_operate(client):
                operator = client
            else:
                others.append(client)
        if operator is None:
            raise DayFailedError("none of the API keys is an operator's")
        return operator, others

    def _evening(self, operator: ApiClient) -> Evening:
        return Evening(
            plan=self._plan,
            operator=operator,
            bank=self._bank,
            patience=self._patience,
            keys=self._key,
            report=self._report,
            day=self._date,
        )

    def _man_terminals(self) -> list[Shift]:
        listener = self._world.listener(DIALECT)
        shifts = []
        for known in (terminal for terminal in self._world.terminals if terminal.dialect == DIALECT):
            settings = TerminalSettings(
                host=listener.host,
                port=listener.port,
                terminal=known.terminal,
                merchant=known.merchant,
                patience_seconds=self._patience.seconds,
            )
            tls = self._world.tls() if listener.tls else None
            # a later day in the same world and batch goes on with other trace numbers
            terminal = SimulatedTerminal(
                settings, tmk=bytes.fromhex(known.tmk), clock=self._clock, tls=tls, trace=self._first_trace
            )
            shift = Shift(
                terminal,
                name=known.terminal,
                merchant=known.merchant,
                patience=self._patience,
                report=self._report,
            )
            shifts.append(shift)
        if len(shifts) < 2:
            raise DayFailedError(f"a day needs at least two terminals of dialect {DIALECT}")
        return shifts

    def _colleague(self, shift: Shift) -> Shift:
        """Return another terminal of the same merchant, if there is one."""
        return next((one for one in self._shifts if one.merchant == shift.merchant and one is not shift), shift)

    def _all_paid(self) -> list[Paid]:
        return [paid for shift in self._shifts for paid in shift.paid]

    def _drawn(self, what: str) -> list[tuple[Shift, Paid]]:
        """Return the plain approved purchases in the order the seed draws them for `what`."""
        plain = [
            (shift, paid)
            for shift in self._shifts
            for paid in shift.paid
            if paid.is_approved and paid.planned.is_plain and paid.slip is not None
        ]
        self._plan.draw(what).shuffle(plain)
        return plain

    def _key(self, name: str) -> str:
        return f"day-{self._run}-{name}"

    def _count_purchases(self) -> Purchases:
        standings = [paid.standing for paid in self._all_paid()]
        return Purchases(
            sent=len(standings),
            approved=standings.count("approved"),
            declined=standings.count("declined"),
            reversed=standings.count("reversed"),
            unknown=standings.count("unknown"),
        )

    async def _judged(self, result: DayResult, evening: Evening) -> DayResult:
        """Check everything that has to hold at the day's end."""
        still_open = await evening.open_differences()
        checks = {
            f"{PURCHASES} purchases were sent": result.purchases.sent >= PURCHASES,
            "no purchase is unknown": result.purchases.unknown == 0,
            "a purchase that timed out was reversed": result.purchases.reversed >= 1,
            f"{VOIDS} voids were done": result.voids == VOIDS,
            f"{len(REFUNDS)} refunds were done": result.refunds == len(REFUNDS),
            "a duplicate got the first answer": result.duplicates_answered == 1,
            "a wrong code was refused": result.mac_refused == 1,
            "withdrawals ended as meant": result.withdrawals == Withdrawals(success=6, failed=1, returned=1, unknown=0),
            "a bad file was quarantined": result.files.quarantined == 1,
            "one line differed": result.reconciliation.different == 1,
            "one line was unknown": result.reconciliation.unknown == 1,
            "something was missing": result.reconciliation.missing >= 1,
            "no difference is open": not still_open,
            "the trial balance is zero": not any(result.proof.trial_balance.values()),
            "the bank agrees": result.proof.bank_agrees,
            "the chain is verified": result.proof.chain_verified,
        }
        failures = tuple(what for what, holds in checks.items() if not holds)
        for what in failures:
            self._report(f"does not hold: {what}")
        return result.with_failures(failures)


async def _may_operate(client: ApiClient) -> bool:
    try:
        await client.get("/v1/channels")
    except ApiRefusedError as refused:
        if refused.status in {401, 403}:
            return False
        raise
    return True


def _count_withdrawals(states: Sequence[tuple[Fate, str]]) -> Withdrawals:
    found = [state for _, state in states]
    final = {name: found.count(name) for name in ("success", "failed", "returned")}
    return Withdrawals(**final, unknown=len(found) - sum(final.values()))
