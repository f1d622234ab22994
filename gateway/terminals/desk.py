"""The desk: one message of a terminal in, one answer (or none) out. No sockets, no frames.

The order of the checks is part of the protocol (`docs/terminal-protocol.md` "Order of checks"): form (30), terminal
(97), merchant (03), network messages; then session (77), MAC (A0), transaction (40), fields (30), batch (77),
permission (58).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import structlog

from channels.iso8583 import CodecError, Message, TypeBatchCode, decode, encode
from gateway.kernel.clock import Clock
from gateway.kernel.reasons import ANSWERS, Reason
from gateway.keys.port import KeyStoreError
from gateway.payments.model import AcquiringRecord
from gateway.terminals.answers import DONE, Answers
from gateway.terminals.macs import Macs, Proof
from gateway.terminals.meters import Meters
from gateway.terminals.ports import Merchant, Terminal, TerminalFacts
from gateway.terminals.record import acquiring_record, type_batch_code
from gateway.terminals.request import InadmissibleError, Letter, Request
from gateway.terminals.road import Road
from gateway.terminals.samples import Refusal, Samples
from gateway.terminals.sessions import Sessions
from gateway.terminals.transactions import (
    ALWAYS,
    ALWAYS_SETTLING,
    CARRIED,
    NETWORK,
    SETTLEMENTS,
    SETTLING,
    WITH_MAC,
    Row,
    found,
    is_request,
)
from gateway.terminals.watch import MacWatch

_LOG = structlog.get_logger(__name__)
_SIGN_IN = "080"
_TERMINAL = 41
_ECHO, _SIGN_OFF = "301", "002"
_NETWORK_NAMES = {("082", _ECHO): "echo", ("082", _SIGN_OFF): "sign_off"} | {
    (_SIGN_IN, code): "sign_in" for code in ("001", "003", "004", "005")
}
_SETTLEMENT_MAC = "settlement_mac"
_UNCERTAIN = (Reason.BUSY, Reason.FAULT, Reason.UNREACHABLE)


@dataclass(frozen=True, slots=True)
class _Admitted:
    """A request that may be carried, and the proof of who asks for it; None where it needs no MAC."""

    record: AcquiringRecord
    proof: Proof | None


@dataclass(frozen=True, slots=True)
class _Reply:
    """What goes back, not yet written; `proof` is set where it carries a MAC."""

    message: Message
    reason: Reason
    proof: Proof | None = None


class Desk:
    """Answers terminals."""

    def __init__(
        self,
        *,
        facts: TerminalFacts,
        sessions: Sessions,
        macs: Macs,
        watch: MacWatch,
        road: Road,
        answers: Answers,
        meters: Meters,
        samples: Samples,
        clock: Clock,
    ) -> None:
        self._facts = facts
        self._sessions = sessions
        self._macs = macs
        self._watch = watch
        self._road = road
        self._answers = answers
        self._meters = meters
        self._samples = samples
        self._clock = clock

    async def answer(self, letter: Letter) -> bytes | None:
        """Return the body of the answer, None where nothing is sent back. Never raises for what a terminal sent."""
        self._meters.waited(self._clock.monotonic() - letter.arrived)
        blocked = self._watch.blocked(letter.source)
        try:
            message = decode(letter.dialect, letter.data)
        except CodecError as fault:
            return self._unread(letter, fault, blocked=blocked)
        if not is_request(message.mti):
            self._dropped(letter, "not a request")
            return None
        request = Request(letter, message)
        if blocked and not self._heard(request):
            self._dropped(letter, "blocked source")
            return None
        reply = await self._reply(request)
        if reply is None:
            self._left_unanswered(request)
            return None
        if blocked and request.message_class != _SIGN_IN and self._watch.blocked(letter.source):
            self._dropped(letter, "blocked source")
            return None
        self._meters.answered(_name(request), reply.reason, self._clock.monotonic() - letter.arrived)
        return await self._written(request, reply)

    def busy(self, letter: Letter) -> bytes | None:
        """Answer 96 without looking any further: too much is under way."""
        try:
            message = decode(letter.dialect, letter.data)
        except CodecError as fault:
            return self._unread(letter, fault, blocked=self._watch.blocked(letter.source))
        if not is_request(message.mti) or self._watch.blocked(letter.source):
            return None
        request = Request(letter, message)
        reply = self._refusal(request, InadmissibleError(Reason.BUSY))
        if reply is None:
            self._left_unanswered(request)
            return None
        return encode(letter.dialect, reply.message)

    async def _reply(self, request: Request) -> _Reply | None:
        admitted = await self._admission(request)
        if not isinstance(admitted, _Admitted):
            return admitted
        outcome = await self._road.taken(admitted.record)
        if outcome is None:
            return None
        dialect, now = request.letter.dialect, self._clock.now()
        answer = self._answers.payment(dialect, request.message, now, admitted.record, outcome)
        return _Reply(answer, outcome.reason, admitted.proof if answer.text(39) == DONE else None)

    async def _admission(self, request: Request) -> _Admitted | _Reply | None:
        """Admit a payment, or answer what is no payment or cannot be admitted. Up to here nothing is recorded.

        None = a repeat that nothing true can be told.
        """
        left = request.letter.answer_by - self._clock.monotonic()
        if left <= 0:
            return self._refusal(request, InadmissibleError(Reason.BUSY))
        try:
            async with asyncio.timeout(left):
                return await self._served(request)
        except InadmissibleError as refusal:
            return self._refusal(request, refusal)
        except KeyStoreError as fault:
            _LOG.error("terminals.key_store_refused", why=str(fault))
            return self._refusal(request, InadmissibleError(Reason.FAULT))
        except Exception:  # noqa: BLE001 - nothing was recorded yet: the books could not be asked
            _LOG.exception("terminals.books_unreachable")
            return self._refusal(request, InadmissibleError(Reason.UNREACHABLE))

    async def _served(self, request: Request) -> _Admitted | _Reply:
        terminal = await self._terminal(request)
        merchant = await self._merchant(request, terminal)
        if request.message_class in NETWORK:
            return await self._network(request, terminal)
        if request.message_class not in WITH_MAC:
            raise InadmissibleError(Reason.NOT_SUPPORTED)
        is_sealed = request.message_class in CARRIED or terminal.settings.get(_SETTLEMENT_MAC, True)
        proof = await self._proven(request, terminal) if is_sealed else None
        row, code = _row(request)
        record = acquiring_record(request=request, row=row, code=code, terminal=terminal, merchant=merchant)
        if request.message_class in CARRIED:
            await self._in_open_batch(terminal if proof is None else proof.terminal, code)
        return _Admitted(_with_pin_key(record, proof), proof)

    async def _terminal(self, request: Request) -> Terminal:
        number = request.text(41).rstrip()
        certificate = request.letter.certificate
        terminal = await self._facts.terminal(number)
        if terminal is None or terminal.state != "active" or terminal.dialect != request.letter.dialect.name:
            raise InadmissibleError(Reason.TERMINAL_UNKNOWN)
        if certificate is not None and certificate != number:
            raise InadmissibleError(Reason.TERMINAL_UNKNOWN, "not the certificate's terminal")
        return terminal

    async def _merchant(self, request: Request, terminal: Terminal) -> Merchant:
        merchant = await self._facts.merchant(request.text(42).rstrip())
        if merchant is None or merchant.id != terminal.merchant_id:
            raise InadmissibleError(Reason.MERCHANT_UNKNOWN)
        is_closed = merchant.state not in {"open", "suspended"}
        if is_closed and request.message_class in NETWORK:
            raise InadmissibleError(Reason.MERCHANT_UNKNOWN)
        return merchant

    async def _network(self, request: Request, terminal: Terminal) -> _Reply:
        if request.message_class == _SIGN_IN:
            request.text(11)
        code = type_batch_code(request).network or ""
        own: dict[int, str | bytes] = {}
        if request.message_class == _SIGN_IN:
            signed_in = await self._sessions.sign_in(terminal, code, family=request.letter.dialect.family)
            kind = type_batch_code(request).transaction
            own = {60: kind + signed_in.batch + code, 62: signed_in.keys}
        elif code == _SIGN_OFF:
            await self._sessions.sign_off(terminal)
        elif code != _ECHO:
            raise InadmissibleError(Reason.NOT_SUPPORTED)
        answer = self._answers.network(request.letter.dialect, request.message, self._clock.now(), own)
        return _Reply(answer, Reason.DONE)

    async def _proven(self, request: Request, terminal: Terminal) -> Proof:
        source = request.letter.source
        proof = await self._macs.proof(terminal, request)
        if proof is None:
            self._meters.wrong_mac(terminal.dialect)
            if self._watch.wrong(source, terminal.number):
                _LOG.warning("terminals.source_blocked", address=source, terminal=terminal.number)
            raise InadmissibleError(Reason.BAD_MAC)
        self._watch.good(source)
        await self._sessions.used(proof.terminal, proof.key)
        return proof

    async def _in_open_batch(self, terminal: Terminal, code: TypeBatchCode) -> None:
        if _is_open(terminal, code):
            return
        fresh = await self._facts.fresh_terminal(terminal.number)
        if fresh is None or not _is_open(fresh, code):
            raise InadmissibleError(Reason.SIGN_IN_FIRST, "the batch is not open")

    def _heard(self, request: Request) -> bool:
        """Tell whether a blocked source is listened to: sign-ins, and one message with a MAC a second."""
        if request.message_class == _SIGN_IN:
            return True
        return request.message_class in WITH_MAC and self._watch.may_check(request.letter.source)

    def _refusal(self, request: Request, refusal: InadmissibleError) -> _Reply | None:
        if _is_unsure(request, refusal.reason):
            return None
        dialect, now = request.letter.dialect, self._clock.now()
        self._samples.count(request.letter.data, _counted(request, refusal))
        answer = self._answers.refusal(dialect, request.message, now, reason=refusal.reason, text=refusal.text)
        return _Reply(answer, refusal.reason)

    def _unread(self, letter: Letter, fault: CodecError, *, blocked: bool) -> bytes | None:
        self._meters.garbage("message")
        self._samples.take(letter.data, _refusal_of(letter, fault, blocked=blocked), offset=fault.offset)
        if blocked or fault.mti is None or not _is_answered(fault):
            return None
        self._meters.answered("unreadable", Reason.FORMAT, self._clock.monotonic() - letter.arrived)
        return encode(letter.dialect, self._answers.unread(letter.dialect, fault))

    def _left_unanswered(self, request: Request) -> None:
        """The terminal hears nothing, so it repeats or reverses."""
        self._meters.unanswered(_name(request), self._clock.monotonic() - request.letter.arrived)
        _LOG.warning("terminals.left_unanswered", terminal=request.message.text(41), transaction=_name(request))

    def _dropped(self, letter: Letter, why: str) -> None:
        self._meters.garbage(why.replace(" ", "_"))
        refusal = Refusal(why=why, source=letter.source, dialect=letter.dialect.name)
        self._samples.take(letter.data, refusal)

    async def _written(self, request: Request, reply: _Reply) -> bytes | None:
        dialect = request.letter.dialect
        if reply.proof is None:
            return encode(dialect, reply.message)
        try:
            return await self._macs.sealed(dialect, reply.message, reply.proof.key)
        except KeyStoreError as fault:
            _LOG.error("terminals.answer_not_sealed", why=str(fault))
            return None


def _with_pin_key(record: AcquiringRecord, proof: Proof | None) -> AcquiringRecord:
    """A PIN block is under the PIN key that was handed out with the MAC key of its message."""
    card = record.card
    if card is None or card.pin_block is None or proof is None:
        return record
    key = proof.pin_key
    return record if key is None else replace(record, card=replace(card, pin_key=key))


def _counted(request: Request, refusal: InadmissibleError) -> Refusal:
    """Say a refusal for the operators; where its text is a number, that is the field's."""
    is_number = refusal.text.isascii() and refusal.text.isdecimal()
    answer = ANSWERS[refusal.reason]
    return Refusal(
        why="missing or without meaning" if is_number else refusal.text or answer.title,
        source=request.letter.source,
        field=int(refusal.text) if is_number else 0,
        code=answer.iso39,
        dialect=request.letter.dialect.name,
        terminal=request.message.text(_TERMINAL) or "",
        mti=request.message.mti,
    )


def _is_answered(fault: CodecError) -> bool:
    """Tell whether enough of a message could be read to answer 30."""
    return fault.mti is not None and fault.bitmap is not None and is_request(fault.mti)


def _refusal_of(letter: Letter, fault: CodecError, *, blocked: bool) -> Refusal:
    terminal = fault.read.get(_TERMINAL)
    return Refusal(
        why=f"{fault.rule}, {fault.why}" if fault.rule else fault.why,
        source=letter.source,
        field=fault.field,
        code=ANSWERS[Reason.FORMAT].iso39 if _is_answered(fault) and not blocked else "",
        dialect=letter.dialect.name,
        terminal=terminal if isinstance(terminal, str) else "",
        mti=fault.mti or "",
    )


def _is_unsure(request: Request, reason: Reason) -> bool:
    """Before the books have been asked nobody can tell a repeat that nothing was sent, nor that its first is undone."""
    is_repeat = request.message.mti[3] == "1" and request.message_class in CARRIED
    return is_repeat and reason in _UNCERTAIN


def _row(request: Request) -> tuple[Row, TypeBatchCode]:
    is_settling = request.message_class in SETTLING and request.message.text(3) is None
    for number in ALWAYS_SETTLING if is_settling else ALWAYS:
        request.text(number)
    code = type_batch_code(request)
    if is_settling:
        row = SETTLEMENTS.get((request.message_class, code.network or "")) if code.transaction == "00" else None
    else:
        row = found(request.message_class, request.text(3), request.text(25), code.transaction)
    if row is None:
        raise InadmissibleError(Reason.NOT_SUPPORTED)
    return row, code


def _is_open(terminal: Terminal, code: TypeBatchCode) -> bool:
    return terminal.batch_state == "open" and terminal.batch_no == code.batch


def _name(request: Request) -> str:
    """Name a request's transaction for the metrics: one of the table's, or its kind of network message."""
    if request.message_class in NETWORK:
        return _NETWORK_NAMES.get((request.message_class, _network_code(request)), "network")
    try:
        row, _ = _row(request)
    except InadmissibleError:
        return "settlement" if request.message_class in SETTLING else "other"
    return row.name


def _network_code(request: Request) -> str:
    try:
        return type_batch_code(request).network or ""
    except InadmissibleError:
        return ""
