"""From an outcome to the answer a terminal gets (`docs/terminal-protocol.md` "Answers")."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from channels.iso8583 import CodecError, Dialect, Message, TypeBatchCode
from gateway.kernel.clock import SHANGHAI
from gateway.kernel.ids import Ids
from gateway.kernel.reasons import ANSWERS, Reason
from gateway.payments.model import AcquiringAnswer, AcquiringRecord
from gateway.terminals.card import is_enciphered
from gateway.terminals.settling import write_balances, write_settled
from gateway.terminals.transactions import NETWORK, answer_type

DONE = "00"
_REPEATED = (2, 3, 4, 11, 25, 41, 42, 49)
_NETWORK_REPEATED = (11, 41, 42)
_UNREAD_REPEATED = (11, 41, 42)
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SCHEME = "CUP"
_INSTITUTION = 11


def retrieval_reference(ids: Ids) -> str:
    """Make field 37 of an answer that no payment stands behind: 36 bits of milliseconds and 24 random ones, base 32."""
    value = ids.new().int
    number = ((value >> 80) & ((1 << 36) - 1)) << 24 | value & ((1 << 24) - 1)
    return "".join(_LETTERS[(number >> shift) & 31] for shift in range(55, -1, -5))


class Answers:
    """Writes answers; `acquirer` is our institution code."""

    def __init__(self, *, acquirer: str, ids: Ids) -> None:
        self._acquirer = acquirer
        self._ids = ids

    def unread(self, dialect: Dialect, fault: CodecError) -> Message:
        """Answer 30 to a message that cannot be read: what was read of 11, 41 and 42, and 44 = the field."""
        fields = {number: fault.read[number] for number in _UNREAD_REPEATED if number in fault.read}
        text = dialect.fitted(44, str(fault.field))
        return Message(answer_type(fault.mti or ""), {**fields, 39: ANSWERS[Reason.FORMAT].iso39, 44: text})

    def refusal(self, dialect: Dialect, request: Message, now: datetime, *, reason: Reason, text: str) -> Message:
        """Refuse at the door: nothing was recorded."""
        fields = self._opening(dialect, request, now)
        words = dialect.fitted(44, text or ANSWERS[reason].title)
        return _answer(request, {**fields, 39: ANSWERS[reason].iso39, 44: words})

    def network(self, dialect: Dialect, request: Message, now: datetime, own: Mapping[int, str | bytes]) -> Message:
        """Agree to a sign-in, echo or sign-off; `own` has what only this one carries."""
        return _answer(request, {**self._opening(dialect, request, now), 39: DONE, **own})

    def payment(
        self, dialect: Dialect, request: Message, now: datetime, record: AcquiringRecord, answer: AcquiringAnswer
    ) -> Message:
        """Tell what became of a payment, and when it was first told; where field 39 is 00 the MAC is still to come."""
        at = answer.answered_at or now
        fields = self._opening(dialect, request, at)
        fields[39] = answer.iso39 or ANSWERS[answer.reason].iso39
        if record.card and not is_enciphered(request):
            fields[2] = record.card.pan
        own: dict[int, str] = {37: answer.rrn, 38: answer.approval_code, 54: write_balances(answer.balances)}
        if fields[39] == DONE:
            own |= self._approval(at, record, answer) if record.settling is None else _settled(answer)
        if record.settling is None or fields[39] != DONE:
            own[44] = answer.standing or own.get(44) or answer.text or ANSWERS[answer.reason].title
            own[44] = dialect.fitted(44, own[44])
        fields |= {number: value for number, value in own.items() if value and dialect.takes(number, value)}
        return _answer(request, fields)

    def _approval(self, at: datetime, record: AcquiringRecord, answer: AcquiringAnswer) -> dict[int, str]:
        settled_on = answer.settled_on or at.astimezone(SHANGHAI).date()
        issuer = record.card.pan[:6] if record.card else ""
        return {
            15: f"{settled_on:%m%d}",
            32: self._acquirer,
            44: issuer.ljust(_INSTITUTION) + self._acquirer.ljust(_INSTITUTION),
            63: _SCHEME,
        }

    def _opening(self, dialect: Dialect, request: Message, at: datetime) -> dict[int, str | bytes]:
        network = request.mti[:3] in NETWORK
        repeated = _NETWORK_REPEATED if network else _REPEATED
        fields = {number: request.fields[number] for number in repeated if number in request.fields}
        if not network and is_enciphered(request):
            fields.pop(2, None)
        there = at.astimezone(SHANGHAI)
        fields |= {12: f"{there:%H%M%S}", 13: f"{there:%m%d}", 37: retrieval_reference(self._ids)}
        code = _echoed_code(request)
        return {**fields, 60: code} if code and dialect.takes(60, code) else fields


def _settled(answer: AcquiringAnswer) -> dict[int, str]:
    """What the answer to a settlement has: our totals with the flags, and the half that the scheme's cards are in."""
    return {} if answer.settled is None else {48: write_settled(answer.settled), 63: _SCHEME}


def _answer(request: Message, fields: Mapping[int, str | bytes]) -> Message:
    return Message(answer_type(request.mti), fields)


def _echoed_code(request: Message) -> str | None:
    value = request.text(60)
    if value is None:
        return None
    try:
        return TypeBatchCode.read(value).echoed()
    except CodecError:
        return None
