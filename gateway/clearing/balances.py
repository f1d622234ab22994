"""Balance inquiries: the bank is asked each time anew; nothing moves, so nothing is recorded."""

from __future__ import annotations

from channels.instruction import Approved, Ask, Declined, Instruction, NotSent, Outcome
from gateway.clearing.conclusion import reason_of
from gateway.clearing.deciding import Deciding
from gateway.clearing.dispatch import Dispatcher
from gateway.clearing.messages import card_of
from gateway.clearing.minting import Mint
from gateway.clearing.pins import PinRefusedError, Pins
from gateway.clearing.settings import RoadSettings
from gateway.kernel.clock import Clock
from gateway.kernel.reasons import Reason
from gateway.payments.decision import Request
from gateway.payments.model import AcquiringAnswer
from gateway.payments.opening import what_refuses

_UNIT = "CNY"


class Balances:
    """Answers balance inquiries."""

    def __init__(
        self,
        *,
        deciding: Deciding,
        dispatcher: Dispatcher,
        pins: Pins,
        mint: Mint,
        clock: Clock,
        settings: RoadSettings,
    ) -> None:
        self._pins = pins
        self._deciding = deciding
        self._dispatcher = dispatcher
        self._mint = mint
        self._clock = clock
        self._settings = settings

    async def of(self, request: Request) -> AcquiringAnswer:
        """Ask the bank what its card holder has; 98 where it does not say in time."""
        refused = what_refuses(request)
        if refused is not None or request.record.card is None:
            return AcquiringAnswer(reason=refused or Reason.BAD_CARD)
        channel = await self._deciding.channel_for(request, Ask.BALANCE)
        if channel is None:
            return AcquiringAnswer(reason=Reason.CHANNEL_CLOSED, text="no channel is open for this merchant")
        minted = await self._mint.make(request.at)
        left = request.record.answer_by - self._settings.close_before_s - self._clock.monotonic()
        within_s = min(self._settings.bank_within_s, left)
        try:
            question = await self._pins.carried(_question(request, minted.number), channel, request.record.card)
        except PinRefusedError as refusal:
            return AcquiringAnswer(reason=refusal.reason, rrn=minted.rrn)
        outcome = await self._dispatcher.ask(channel, question, within_s=within_s)
        return _answer(outcome, minted.rrn)


def _question(request: Request, number: str) -> Instruction:
    return Instruction(
        number=number,
        ask=Ask.BALANCE,
        business="acquiring",
        amount_minor=0,
        unit=_UNIT,
        occurred_at=request.at,
        card=card_of(request),
        merchant=request.record.merchant,
        terminal=request.record.reference.terminal,
    )


def _answer(outcome: Outcome, rrn: str) -> AcquiringAnswer:
    match outcome:
        case Approved():
            return AcquiringAnswer(reason=Reason.DONE, rrn=rrn, settled_on=outcome.value_on, balances=outcome.balances)
        case Declined():
            return AcquiringAnswer(reason=reason_of(outcome), text=outcome.text, rrn=rrn)
        case NotSent():
            return AcquiringAnswer(reason=Reason.UNREACHABLE, rrn=rrn)
        case _:
            return AcquiringAnswer(reason=Reason.NO_ANSWER, rrn=rrn)
