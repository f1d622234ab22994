"""The counter of the real-time interface: what each question does to the books, and what is answered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import assert_never

from gateway.kernel.clock import SHANGHAI, Clock
from gateway.kernel.faults import Faults
from gateway.sandbox.bank.faults import FaultPlan
from gateway.sandbox.bank.messages import Answer, Function, Question
from gateway.sandbox.bank.model import Entry, Kind, State
from gateway.sandbox.bank.store import Book, Store
from gateway.sandbox.cards import Behaviour, Manner, card_behaviour

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNIT = "CNY"
_TEXTS = {
    "00": "done",
    "05": "refused",
    "09": "processing",
    "12": "not allowed in this state",
    "13": "amount",
    "14": "card",
    "25": "not found",
    "51": "funds",
    "54": "expired",
    "55": "PIN",
    "61": "limit",
    "75": "PIN tries",
    "91": "unavailable",
    "96": "fault",
}
_STATES = {
    State.SUCCESS: "SUCCESS",
    State.FAILED: "FAILED",
    State.REVERSED: "REVERSED",
    State.RETURNED: "SUCCESS",
    State.PROCESSING: "PROCESSING",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to be answered, how (`manner`), and in how many milliseconds from now it is final (0: it is)."""

    answer: Answer
    manner: Manner = Manner.APPROVE
    wait_ms: int = 0


def millis(at: datetime) -> int:
    """Return an instant as whole milliseconds since 1970."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def business_day(at: datetime) -> str:
    """Return the bank's business date of an instant, `YYYY-MM-DD`."""
    return at.astimezone(SHANGHAI).date().isoformat()


class Desk:
    """Takes questions, one transaction each."""

    def __init__(self, *, store: Store, clock: Clock, faults: Faults, customer: str, seed: int) -> None:
        self._store = store
        self._clock = clock
        self._faults = faults
        self._customer = customer
        self._plan = FaultPlan(seed=seed)

    async def start(self) -> None:
        """Take up the fault plan that was set before a restart."""
        kept = await self._store.transact(lambda book: book.setting("faults"))
        self._plan = self._plan if kept is None else FaultPlan(**kept)

    @property
    def plan(self) -> FaultPlan:
        """The fault plan in force."""
        return self._plan

    def follow(self, plan: FaultPlan) -> None:
        """Follow another fault plan from now on (it has been kept already)."""
        self._plan = plan

    async def ask(self, question: Question) -> Verdict:
        """Do what is asked, durably, and tell what to answer; the same number does nothing twice."""
        if question.customer != self._customer:
            return Verdict(answer=_refusal("05", "unknown customer"))
        behaviour = await self._behaviour(question)
        if behaviour.manner is Manner.LOST:
            return Verdict(answer=_refusal("91", "lost"), manner=Manner.LOST)
        verdict = await self._store.transact(lambda book: self._take(book, question, behaviour))
        self._faults.at("bank.decided")
        return verdict

    async def conclude(self, question: Question) -> Verdict:
        """Tell what to answer to a delayed question; it may ask for more patience."""
        return await self._store.transact(lambda book: self._repeat(book, question) or _not_found())

    async def _behaviour(self, question: Question) -> Behaviour:
        """Tell how the card in question, or that of the original, makes the bank behave."""
        if question.function in _OF_A_CARD:
            behaviour = card_behaviour(question.card) or Behaviour(manner=Manner.DECLINE, code="14")
            return self._plan.behaviour(question.number) if behaviour.manner is Manner.APPROVE else behaviour
        if question.function in _OF_AN_ORIGINAL:
            original = await self._store.transact(lambda book: book.find(question.original))
            if original is not None and original.trigger == "000":
                return self._plan.behaviour(question.number)
        return Behaviour(manner=Manner.APPROVE)

    def _take(self, book: Book, question: Question, behaviour: Behaviour) -> Verdict:
        book.settle_due(millis(self._clock.now()))
        if question.function is Function.QUERY:
            return _told(book.find(question.original))
        if question.function is Function.BALANCE:
            return self._balance(question, behaviour)
        repeated = self._repeat(book, question)
        if repeated is not None:
            book.arrive_again(question.number)
            return replace(repeated, manner=_again(behaviour.manner))
        entry = book.insert(self._decide(book, question, behaviour))
        return self._answered(book, question, entry, behaviour.manner)

    def _balance(self, question: Question, behaviour: Behaviour) -> Verdict:
        """Tell what is on a card: always the same for the same seed."""
        if behaviour.manner is Manner.DECLINE:
            return Verdict(answer=_refusal(behaviour.code, _TEXTS.get(behaviour.code, "declined")))
        balance = self._plan.draw("balance", question.card, _MOST_BALANCE)
        today = business_day(self._clock.now())
        answer = Answer(code="00", text=_TEXTS["00"], state="SUCCESS", value_on=today, balance=balance)
        return Verdict(answer=answer, manner=behaviour.manner)

    def _repeat(self, book: Book, question: Question) -> Verdict | None:
        """Find the first answer to a number that came before; None for a new one."""
        now_ms = millis(self._clock.now())
        book.settle_due(now_ms)
        entry = book.find(question.number)
        if entry is None:
            return None
        if entry.kind is not _KINDS[question.function]:
            return Verdict(answer=_refusal("05", "number used for another function"))
        if entry.state is State.PROCESSING:
            return Verdict(answer=_answer(entry), wait_ms=max(1, (entry.due_ms or now_ms) - now_ms))
        first = book.first_answer(entry.number)
        if first is None:
            first = _refusal("12", "reversed before it was done") if entry.state is State.REVERSED else _answer(entry)
            book.keep_answer(entry.number, first)
        return Verdict(answer=first)

    def _answered(self, book: Book, question: Question, entry: Entry, manner: Manner) -> Verdict:
        if entry.state is State.PROCESSING:
            now_ms = millis(self._clock.now())
            return Verdict(answer=_answer(entry), wait_ms=max(1, (entry.due_ms or now_ms) - now_ms))
        answer = _answer(entry)
        if question.function is Function.REVERSE and entry.code == "00":
            answer = replace(answer, state="BARRED" if book.is_barred(question.original) else "SUCCESS")
        book.keep_answer(entry.number, answer)
        return Verdict(answer=answer, manner=manner)

    def _decide(self, book: Book, question: Question, behaviour: Behaviour) -> Entry:
        match question.function:
            case Function.PAY | Function.HOLD:
                code, amount = _pay_code(book, question), question.amount or 0
            case Function.RELEASE:
                code, amount = _release(book, question)
            case Function.COMPLETE:
                code, amount = _complete(book, question), question.amount or 0
            case Function.VOID:
                code, amount = _void(book, question)
            case Function.REFUND:
                code, amount = _refund(book, question), question.amount or 0
            case Function.REVERSE:
                code, amount = _reverse(book, question)
            case Function.QUERY | Function.BALANCE:
                raise ValueError("a question leaves nothing in the books")
            case unreachable:
                assert_never(unreachable)
        if code == "00" and behaviour.manner is Manner.DECLINE:
            code = behaviour.code
        return self._entry(question, code=code, amount=amount, behaviour=behaviour)

    def _entry(self, question: Question, *, code: str, amount: int, behaviour: Behaviour) -> Entry:
        now = self._clock.now()
        done = code == "00" and behaviour.manner is not Manner.DECLINE
        delayed = done and behaviour.manner is Manner.DELAY
        final = State.SUCCESS if done else State.FAILED
        return Entry(
            number=question.number,
            kind=_KINDS[question.function],
            original=question.original,
            amount=amount,
            unit=_UNIT,
            state=State.PROCESSING if delayed else final,
            code="09" if delayed else code,
            text=_TEXTS.get("09" if delayed else code, "declined"),
            value_on=business_day(now),
            approval=f"{self._plan.draw('approval', question.number, 1_000_000):06d}" if done else "",
            due_ms=millis(now) + behaviour.delay_ms if delayed else None,
            trigger=question.card[6:9],
        )


_KINDS = {
    Function.PAY: Kind.PAY,
    Function.VOID: Kind.VOID,
    Function.REFUND: Kind.REFUND,
    Function.REVERSE: Kind.REVERSE,
    Function.HOLD: Kind.HOLD,
    Function.RELEASE: Kind.RELEASE,
    Function.COMPLETE: Kind.COMPLETE,
}
_OF_A_CARD = frozenset({Function.PAY, Function.HOLD, Function.BALANCE})
_OF_AN_ORIGINAL = frozenset({Function.VOID, Function.REFUND, Function.RELEASE, Function.COMPLETE})
_SALES = frozenset({Kind.PAY, Kind.COMPLETE})
_MOST_BALANCE = 10_000_000
_MOST_PERCENT = 115


def _pay_code(book: Book, question: Question) -> str:
    if book.is_barred(question.number):
        return "12"
    if not question.amount or question.unit != _UNIT:
        return "13"
    return "00"


def _void(book: Book, question: Question) -> tuple[str, int]:
    if book.is_barred(question.number):
        return "12", question.amount or 0
    original = book.find(question.original)
    if original is None or original.kind not in _SALES:
        return "25", question.amount or 0
    if original.state is not State.SUCCESS or book.counters(original.number):
        return "12", original.amount
    return ("00" if question.amount in {None, original.amount} else "13"), original.amount


def _refund(book: Book, question: Question) -> str:
    if book.is_barred(question.number):
        return "12"
    original = book.find(question.original)
    if original is None or original.kind not in _SALES:
        return "25"
    counters = book.counters(original.number)
    if original.state is not State.SUCCESS or any(entry.kind is Kind.VOID for entry in counters):
        return "12"
    if not question.amount or question.unit != _UNIT:
        return "13"
    return "00" if question.amount <= original.amount - sum(entry.amount for entry in counters) else "61"


def _hold(book: Book, question: Question) -> tuple[str, Entry | None]:
    """Find the hold in question, and the code of what is in the way; a voided completion leaves it standing."""
    original = book.find(question.original)
    if book.is_barred(question.number):
        return "12", original
    if original is None or original.kind is not Kind.HOLD:
        return "25", None
    taken = [one for one in book.counters(original.number) if not _is_voided(book, one)]
    return ("12" if original.state is not State.SUCCESS or taken else "00"), original


def _is_voided(book: Book, entry: Entry) -> bool:
    return entry.kind is Kind.COMPLETE and any(one.kind is Kind.VOID for one in book.counters(entry.number))


def _release(book: Book, question: Question) -> tuple[str, int]:
    code, hold = _hold(book, question)
    return code, question.amount or 0 if hold is None else hold.amount


def _complete(book: Book, question: Question) -> str:
    code, hold = _hold(book, question)
    if code != "00" or hold is None:
        return code
    if not question.amount or question.unit != _UNIT:
        return "13"
    return "00" if question.amount * 100 <= hold.amount * _MOST_PERCENT else "61"


def _reverse(book: Book, question: Question) -> tuple[str, int]:
    original = book.find(question.original)
    if original is None:
        book.bar(question.original)
        return "00", 0
    if original.kind in {Kind.PAYOUT, Kind.REVERSE}:
        return "12", original.amount
    if original.state in {State.SUCCESS, State.PROCESSING}:
        if original.listed or any(not _is_voided(book, one) for one in book.counters(original.number)):
            return "12", original.amount
        code = "12" if original.state is State.PROCESSING else original.code
        book.move(original.number, state=State.REVERSED, code=code, text="reversed")
    return "00", original.amount


def _answer(entry: Entry) -> Answer:
    return Answer(
        code=entry.code,
        text=entry.text,
        state=_STATES[entry.state],
        reference=entry.reference,
        approval=entry.approval,
        value_on=entry.value_on,
        amount=None if entry.state is State.FAILED else entry.amount,
    )


def _refusal(code: str, text: str) -> Answer:
    return Answer(code=code, text=text, state="FAILED")


def _not_found() -> Verdict:
    return Verdict(answer=Answer(code="25", text=_TEXTS["25"], state="NOT_FOUND"))


def _told(entry: Entry | None) -> Verdict:
    if entry is None or entry.kind is Kind.REVERSE:
        return _not_found()
    return Verdict(answer=_answer(entry))


def _again(manner: Manner) -> Manner:
    """A repeat is treated as the first was, but does not set off another repeat."""
    return Manner.APPROVE if manner in {Manner.TWICE, Manner.DECLINE, Manner.DELAY} else manner
