"""What section 3 of the protocol promises of every answer, as a list of the promises an answer breaks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.peers.cups import Envelope, Message, answer_mti
from tests.peers.line import Answer
from tests.peers.terminal import ENQUIRY

REPEATED = (2, 3, 4, 11, 25, 41, 42, 49)
ALWAYS = (12, 13, 37, 39)
OF_APPROVALS = (15, 32, 38, 44, 63)
OF_NETWORK_ANSWERS = (11, 41, 42, 60)
KEPT_BACK = (14, 26, 35, 36, 52, 53, 55)
_ALPHANUMERIC = re.compile(r"[0-9A-Za-z]+")


def broken_promises(request: Message, answer: Answer, envelope: Envelope) -> list[str]:
    """Everything about an answer that is not as published; empty where all is well."""
    return [
        *_frame(request, answer, envelope),
        *_every(answer),
        *_repeated(request, answer),
        *_outcome(request, answer),
    ]


def _frame(request: Message, answer: Answer, envelope: Envelope) -> Iterator[str]:
    if answer.envelope != envelope.answered():
        yield f"envelope {answer.envelope}"
    if answer.message.mti != answer_mti(request.mti):
        yield f"message type {answer.message.mti}"


def _every(answer: Answer) -> Iterator[str]:
    yield from (f"field {number} is missing" for number in ALWAYS if number not in answer)
    yield from (f"field {number} went out" for number in KEPT_BACK if number in answer)
    yield from (
        f"field {number} is not alphanumeric"
        for number in (37, 38)
        if number in answer and not _ALPHANUMERIC.fullmatch(answer[number])
    )


def _repeated(request: Message, answer: Answer) -> Iterator[str]:
    network = request.mti.startswith("08")
    asked = OF_NETWORK_ANSWERS[:-1] if network else REPEATED
    for number in asked:
        if number in request and answer.message.get(number) != request[number]:
            yield f"field {number} is not repeated"
    parts = 8 if network else 11
    if request.mti == "0800":
        parts = 2
    if answer.message.get(60)[:parts] != request[60][:parts]:
        yield "field 60 is not repeated"


def _outcome(request: Message, answer: Answer) -> Iterator[str]:
    approved = answer.code == "00"
    network = request.mti.startswith("08")
    if not approved and not answer.words:
        yield "a refusal without a reason in field 44"
    if (64 in answer) != (approved and not network):
        yield "field 64 stands where it should not, or is missing"
    if request.mti == "0800" and (62 in answer) != approved:
        yield "field 62 stands where it should not, or is missing"
    if approved and request.mti[:3] in {"020", "022"} and request[3] != ENQUIRY:
        yield from (f"field {number} is missing from an approval" for number in OF_APPROVALS if number not in answer)
        if len(answer.message.get(44)) != 22:
            yield "field 44 of an approval is not issuer and acquirer of 11 each"
