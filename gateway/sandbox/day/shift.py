"""One terminal's shift: it pays, voids, refunds and asks, and follows the protocol through every interruption."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.sandbox.day.patience import DayFailedError, Patience
from gateway.sandbox.day.plan import PlannedPurchase
from gateway.sandbox.slips import Request, Slip
from gateway.sandbox.terminal import BadAnswerError, NoAnswerError, NotSentError, SimulatedTerminal

Report = Callable[[str], None]

_NOTHING_RECORDED = frozenset({"91", "96"})
_NEVER = "never seen"
_STANDS = frozenset({"approved", "voided", "part refunded", "refunded"})
# the words of an enquiry's answer; its code is the payment's own (91 and 96 too), so it does not tell the two apart
_STANDINGS = _STANDS | {"completed", "declined", "reversed", _NEVER}
_TRIES = 20


@dataclass(slots=True, kw_only=True)
class Paid:
    """A purchase that left a record, and where it stands: approved, declined, reversed or unknown."""

    planned: PlannedPurchase
    slip: Slip | None
    request: Request
    standing: str
    untouched: bool = True

    @property
    def is_approved(self) -> bool:
        """Tell whether it was approved and still stands, whatever was done to it since."""
        return self.standing == "approved"


class Shift:
    """A terminal at work."""

    def __init__(
        self, terminal: SimulatedTerminal, *, name: str, merchant: str, patience: Patience, report: Report
    ) -> None:
        self.terminal = terminal
        self.name = name
        self.merchant = merchant
        self.paid: list[Paid] = []
        self._patience = patience
        self._report = report

    async def open(self, kind: str) -> None:
        """Sign in, however long the front takes to be there."""

        async def signed_in() -> bool | None:
            try:
                return (await self.terminal.sign_in(kind)).is_approved or None
            except (NoAnswerError, NotSentError):
                return None

        await self._patience.until(f"terminal {self.name} to be signed in", signed_in)

    async def pay(self, planned: PlannedPurchase, pan: str) -> None:
        """Make one purchase; it is made again only where the front has recorded nothing of it."""
        for _ in range(_TRIES):
            slip = await self._purchase(planned.amount, pan)
            request = self._last_request(slip)
            standing = await self._outcome(slip, request)
            if standing == _NEVER:
                continue
            self.paid.append(Paid(planned=planned, slip=slip, request=request, standing=standing))
            if not (planned.is_plain and standing == "approved"):
                self._report(f"{self.name}: {_yuan(planned.amount)} with a card {planned.behaviour}: {standing}")
            return
        raise DayFailedError(f"terminal {self.name} could not place a purchase of {_yuan(planned.amount)}")

    async def void(self, paid: Paid) -> bool:
        """Void a purchase; False where it could not be done and the purchase stands."""
        paid.untouched = False
        if paid.slip is None:
            return False
        try:
            slip: Slip | None = await self.terminal.void(paid.slip)
        except (NoAnswerError, BadAnswerError, NotSentError):
            slip = None
        if slip is not None and slip.is_approved:
            return True
        if slip is None or slip.code in {"98", *_NOTHING_RECORDED}:
            return await self.standing_of(self._last_request(slip)) in _STANDS
        if slip.code == "77":
            await self.open("003")
        return False

    async def refund(self, paid: Paid, amount: int) -> bool:
        """Refund part of a purchase; what stays unanswered is repeated until there is a final answer."""
        paid.untouched = False
        if paid.slip is None:
            return False
        try:
            slip: Slip | None = await self.terminal.refund(paid.slip, amount)
        except (NoAnswerError, BadAnswerError, NotSentError):
            slip = None
        if slip is None or slip.code in {"98", *_NOTHING_RECORDED}:
            slip = await self._repeated(self._last_request(slip))
        if slip.code == "77":
            await self.open("003")
        return slip.is_approved

    async def answers_the_same(self) -> bool:
        """Send the last approved purchase once more, byte by byte; tell whether the answer is the first one."""
        first = next(paid.slip for paid in reversed(self.paid) if paid.is_approved and paid.slip is not None)
        again = await self._anew(lambda: self.terminal.resend(first.request))
        return all(again.answer.get(name) == first.answer.get(name) for name in ("4", "11", "37", "38", "39"))

    async def refuses_a_wrong_code(self, pan: str) -> bool:
        """Send a purchase whose code is wrong; tell whether it is refused as that."""
        slip = await self._anew(lambda: self.terminal.purchase(1_00, pan=pan, wrong_code=True))
        return slip.code == "A0"

    async def standing_of(self, request: Request) -> str:
        """Ask what became of a request until it is no longer in progress."""

        async def told() -> str | None:
            try:
                slip = await self.terminal.enquire(request)
            except (NoAnswerError, BadAnswerError, NotSentError):
                return None
            if slip.code == "77":
                await self.open("003")
            return slip.text if slip.text in _STANDINGS else None

        return await self._patience.until(f"the standing of {self.name}/{request.batch}/{request.trace}", told)

    async def look_again(self) -> None:
        """Ask once more what became of every purchase: what stands at the day's end counts."""
        for paid in self.paid:
            paid.standing = _state(await self.standing_of(paid.request))

    async def _purchase(self, amount: int, pan: str) -> Slip | None:
        """Return the slip of a purchase, or None when nothing credible came back and it has been reversed."""
        try:
            return await self.terminal.purchase(amount, pan=pan)
        except (NoAnswerError, BadAnswerError, NotSentError):
            await self._settle_pending()
            return None

    async def _settle_pending(self) -> None:
        async def settled() -> bool | None:
            try:
                await self.terminal.settle_pending()
            except (NoAnswerError, BadAnswerError, NotSentError):
                return None
            return True

        await self._patience.until(f"the pending reversal of {self.name}", settled)

    async def _outcome(self, slip: Slip | None, request: Request) -> str:
        if slip is not None and slip.code == "77":
            await self.open("003")
            return _NEVER
        if slip is None or slip.code in {"98", *_NOTHING_RECORDED}:
            standing = await self.standing_of(request)
            return _NEVER if standing == _NEVER else _state(standing)
        return "approved" if slip.is_approved else "declined"

    async def _repeated(self, request: Request) -> Slip:
        async def answered() -> Slip | None:
            try:
                slip = await self.terminal.repeat(request)
            except (NoAnswerError, BadAnswerError, NotSentError):
                return None
            return None if slip.code in {"98", *_NOTHING_RECORDED} else slip

        return await self._patience.until(f"an answer to {self.name}/{request.batch}/{request.trace}", answered)

    async def _anew(self, send: Callable[[], Awaitable[Slip]]) -> Slip:
        async def answered() -> Slip | None:
            try:
                return await send()
            except (NoAnswerError, BadAnswerError, NotSentError):
                await self._settle_pending()
                return None

        return await self._patience.until(f"an answer to {self.name}", answered)

    def _last_request(self, slip: Slip | None) -> Request:
        request = slip.request if slip is not None else self.terminal.last_request
        if request is None:
            raise DayFailedError(f"terminal {self.name} has sent nothing yet")
        return request


def _state(standing: str) -> str:
    """Turn an enquiry's word into the state a day counts."""
    if standing in _STANDS:
        return "approved"
    return standing if standing in {"declined", "reversed"} else "unknown"


def _yuan(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02d}"
