"""One frame explained: its parts, each with its rule and mask, and every check of the door that needs no books."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from channels.iso8583 import (
    CodecError,
    Dialect,
    Envelope,
    EnvelopeError,
    Message,
    decode,
    mac_field,
    masked,
    nested_faults,
    open_envelope,
    parts_of,
)
from gateway.kernel.reasons import ANSWERS, Reason
from gateway.terminals.transactions import ALWAYS, NETWORK, WITH_MAC, found, is_request

GOOD, WRONG, OPEN = "good", "wrong", "open"
_CODE, _PROCESSING, _CONDITION = 60, 3, 25


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: `verdict` is good, wrong, or open where it could not be made; `code` is field 39 that follows."""

    check: str
    verdict: str
    says: str
    code: str = ""

    def shown(self) -> dict[str, str]:
        """Return the finding as it is printed."""
        return {"check": self.check, "verdict": self.verdict, "says": self.says, "code": self.code}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a frame is and what is wrong with it. `fields` are lines to show; `nearest` operations it may belong to."""

    where: str
    dialect: str
    mti: str = ""
    transaction: str = ""
    envelope: Envelope | None = None
    message: Message | None = field(default=None, repr=False)
    fields: tuple[Mapping[str, Any], ...] = ()
    findings: tuple[Finding, ...] = ()
    nearest: tuple[Mapping[str, Any], ...] = ()

    @property
    def holds(self) -> bool:
        """Tell whether nothing was found wrong."""
        return all(each.verdict != WRONG for each in self.findings)

    def shown(self) -> dict[str, Any]:
        """Return the explanation as it is printed."""
        return {
            "where": self.where,
            "dialect": self.dialect,
            "mti": self.mti,
            "transaction": self.transaction,
            "fields": [dict(each) for each in self.fields],
            "findings": [each.shown() for each in self.findings],
            "nearest": [dict(each) for each in self.nearest],
        }


def explain(dialect: Dialect, content: bytes, where: str) -> Explanation:
    """Explain the content of one frame by the rules of a dialect."""
    envelope, framed = _opened(dialect, content)
    try:
        message = decode(dialect, envelope.body)
    except CodecError as fault:
        return _unread(dialect, envelope, fault, where, framed)
    return Explanation(
        where=where,
        dialect=dialect.name,
        mti=message.mti,
        transaction=_transaction(message),
        envelope=envelope,
        message=message,
        fields=_lines(dialect, message),
        findings=(framed, Finding("form", GOOD, "every field reads by its rule"), *_content(dialect, message)),
    )


def _opened(dialect: Dialect, content: bytes) -> tuple[Envelope, Finding]:
    """Take TPDU and header off; what has none is taken as the message alone."""
    try:
        envelope = open_envelope(dialect.framing, content)
    except EnvelopeError as fault:
        return Envelope(b"", b"", content), Finding("envelope", WRONG, f"{fault}; read as a message without them")
    sizes = f"TPDU {len(envelope.tpdu)} bytes, header {len(envelope.header)} bytes, message {len(envelope.body)} bytes"
    return envelope, Finding("envelope", GOOD, sizes)


def _unread(dialect: Dialect, envelope: Envelope, fault: CodecError, where: str, framed: Finding) -> Explanation:
    read = Message(fault.mti or "", dict(fault.read))
    answered = fault.mti is not None and fault.bitmap is not None and is_request(fault.mti)
    code = ANSWERS[Reason.FORMAT].iso39 if answered else ""
    what = f"{fault}; at byte {fault.offset} of the message" + ("" if answered else "; dropped without an answer")
    return Explanation(
        where=where,
        dialect=dialect.name,
        mti=fault.mti or "",
        envelope=envelope,
        fields=_lines(dialect, read),
        findings=(framed, Finding("form", WRONG, what, code)),
    )


def _lines(dialect: Dialect, message: Message) -> tuple[Mapping[str, Any], ...]:
    lines: list[Mapping[str, Any]] = []
    for number, value in sorted(message.fields.items()):
        row = dialect.elements[number].row
        lines.append({"field": str(number), "name": row.name, "format": row.format, "value": masked(row.mask, value)})
        lines += _inner(dialect, message, number)
    return tuple(lines)


def _inner(dialect: Dialect, message: Message, number: int) -> list[Mapping[str, Any]]:
    try:
        parts = parts_of(dialect, message, number)
    except CodecError:
        return []
    return [
        {"field": each.path, "name": each.name, "format": "", "value": masked(each.mask, each.value)} for each in parts
    ]


def _content(dialect: Dialect, message: Message) -> tuple[Finding, ...]:
    findings = [
        Finding(f"field {fault.field}", WRONG, f"{fault}; at {fault.offset + 1} of the field", "30")
        for fault in nested_faults(dialect, message)
    ]
    if not is_request(message.mti):
        return (*findings, Finding("type", OPEN, f"{message.mti} is an answer or a notice: the door drops it"))
    needed = () if message.mti[:3] in NETWORK else ALWAYS
    missing = [str(number) for number in needed if number not in message.fields]
    if missing:
        findings.append(Finding("fields", WRONG, f"missing: {', '.join(missing)}", "30"))
    findings += _known(message)
    if message.mti[:3] in WITH_MAC and mac_field(dialect, message) not in message.fields:
        findings.append(Finding("mac", WRONG, f"field {mac_field(dialect, message)} is missing", "A0"))
    return tuple(findings)


def _known(message: Message) -> list[Finding]:
    """Say whether a payment's four codes name a transaction that is taken."""
    if message.mti[:3] not in WITH_MAC or message.mti[:3] in {"050", "032"}:
        return []
    row = _row(message)
    named = f"type {message.mti}, field 3 {message.text(3)}, field 25 {message.text(25)}, 60.1 {_kind(message)}"
    if row is None:
        return [Finding("transaction", WRONG, f"no transaction has {named}", "40")]
    if row.transaction is None:
        return [Finding("transaction", WRONG, f"{row.name} is not taken here", "40")]
    missing = [str(number) for number in row.needs if number not in message.fields]
    if missing:
        return [Finding("transaction", WRONG, f"a {row.name} needs also: {', '.join(missing)}", "30")]
    return [Finding("transaction", GOOD, row.name)]


def _transaction(message: Message) -> str:
    row = _row(message)
    return row.name if row else ""


def _row(message: Message) -> Any:
    request = message.mti[:2] + message.mti[2].translate(str.maketrans("13", "02"))
    return found(request, message.text(_PROCESSING) or "", message.text(_CONDITION) or "", _kind(message))


def _kind(message: Message) -> str:
    return (message.text(_CODE) or "")[:2]
