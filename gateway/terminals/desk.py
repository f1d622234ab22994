"""The desk: one message of a terminal in, one answer (or none) out. No sockets, no frames.

The order of the checks is part of the protocol (`docs/terminal-protocol.md` "Order of checks"): form (30), terminal
(97), merchant (03), network messages; then session (77), MAC (A0), transaction (40), fields (30), batch (77),
permission (58).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from channels.iso8583 import CodecError, Message, TypeBatchCode, decode, encode
from gateway.kernel.clock import Clock
from gateway.kernel.reasons import Reason
from gateway.keys.port import KeyStoreError
from gateway.payments.model import AcquiringRecord
from gateway.terminals.answers import DONE, Answers
from gateway.terminals.macs import Macs, Proof
from gateway.terminals.meters import Meters
from gateway.terminals.ports import Merchant, Terminal, TerminalFacts
from gateway.terminals.record import acquiring_record, type_batch_code
from gateway.terminals.request import InadmissibleError, Letter, Request
from gateway.terminals.road import Road
from gateway.terminals.samples import Samples
from gateway.terminals.sessions import Sessions
from gateway.terminals.transactions import ALWAYS, CARRIED, NETWORK, SETTLING, WITH_MAC, Row, found, is_request
from gateway.terminals.watch import MacWatch

_LOG = structlog.get_logger(__name__)
_SIGN_IN = "080"
_ECHO, _SIGN_OFF = "301", "002"
_NETWORK_NAMES = {("082", _ECHO): "echo", ("082", _SIGN_OFF): "sign_off"} | {
    (_SIGN_IN, code): "sign_in" for code in ("001", "003", "004", "005")
}
_SETTLEMENT_MAC = "settlement_mac"
_UNCERTAIN = (Reason.BUSY, Reason.FAULT, Reason.UNREACHABLE)


@dataclass(frozen=True, slots=True)
class _Admitted:
    """A payment that may be carried, and the proof of who asks for it."""

    record: AcquiringRecord
    proof: Proof


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
        return encode(letter.dialect, self._refusal(request, InadmissibleError(Reason.BUSY)).message)

    async def _reply(self, request: Request) -> _Reply:
        admitted = await self._admission(request)
        if isinstance(admitted, _Reply):
            return admitted
        outcome = await self._road.taken(admitted.record)
        dialect, now = request.letter.dialect, self._clock.now()
        answer = self._answers.payment(dialect, request.message, now, admitted.record, outcome)
        return _Reply(answer, outcome.reason, admitted.proof if answer.text(39) == DONE else None)

    async def _admission(self, request: Request) -> _Admitted | _Reply:
        """Admit a payment, or answer what is no payment or cannot be admitted. Up to here nothing is recorded."""
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
        if request.message_class in SETTLING:
            if terminal.settings.get(_SETTLEMENT_MAC, True):
                await self._proven(request, terminal)
            raise InadmissibleError(Reason.NOT_SUPPORTED)
        proof = await self._proven(request, terminal)
        row, code = _row(request)
        record = acquiring_record(request=request, row=row, code=code, terminal=terminal, merchant=merchant)
        await self._in_open_batch(proof.terminal, code)
        return _Admitted(record, proof)

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
            signed_in = await self._sessions.sign_in(terminal, code)
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

    def _refusal(self, request: Request, refusal: InadmissibleError) -> _Reply:
        dialect, now = request.letter.dialect, self._clock.now()
        reason = _surely(request, refusal.reason)
        answer = self._answers.refusal(dialect, request.message, now, reason=reason, text=refusal.text)
        return _Reply(answer, reason)

    def _unread(self, letter: Letter, fault: CodecError, *, blocked: bool) -> bytes | None:
        self._meters.garbage("message")
        self._samples.take(letter.data, why=fault.why, field=fault.field, offset=fault.offset, source=letter.source)
        if blocked or fault.mti is None or fault.bitmap is None or not is_request(fault.mti):
            return None
        self._meters.answered("unreadable", Reason.FORMAT, self._clock.monotonic() - letter.arrived)
        return encode(letter.dialect, self._answers.unread(letter.dialect, fault))

    def _dropped(self, letter: Letter, why: str) -> None:
        self._meters.garbage(why.replace(" ", "_"))
        self._samples.take(letter.data, why=why, field=0, offset=0, source=letter.source)

    async def _written(self, request: Request, reply: _Reply) -> bytes | None:
        dialect = request.letter.dialect
        if reply.proof is None:
            return encode(dialect, reply.message)
        try:
            return await self._macs.sealed(dialect, reply.message, reply.proof.key)
        except KeyStoreError as fault:
            _LOG.error("terminals.answer_not_sealed", why=str(fault))
            return None


def _surely(request: Request, reason: Reason) -> Reason:
    """Nobody can tell a repeat that nothing was sent before the books have been asked: it is told 98."""
    is_repeat = request.message.mti[3] == "1" and request.message_class in CARRIED
    return Reason.NO_ANSWER if is_repeat and reason in _UNCERTAIN else reason


def _row(request: Request) -> tuple[Row, TypeBatchCode]:
    for number in ALWAYS:
        request.text(number)
    code = type_batch_code(request)
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
