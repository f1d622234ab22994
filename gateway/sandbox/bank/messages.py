"""The XML of the real-time interface: questions in, answers out (`docs/sandbox-bank.md`)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from lxml import etree

_NUMBER = re.compile("[0-9]{20}")
_AMOUNT = re.compile("[0-9]{1,15}")
_DEEPEST = 4


class Function(StrEnum):
    """What is asked for."""

    PAY = "PAY"
    VOID = "VOID"
    REFUND = "REFUND"
    REVERSE = "REVERSE"
    QUERY = "QUERY"
    HOLD = "HOLD"
    RELEASE = "RELEASE"
    COMPLETE = "COMPLETE"
    BALANCE = "BALANCE"


class BadQuestionError(Exception):
    """A body is not a question of this interface; the HTTP answer is 400."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request. `amount` is in minor units, None where it is absent or not a number."""

    function: Function
    number: str
    customer: str
    original: str = ""
    amount: int | None = None
    unit: str = ""
    card: str = field(default="", repr=False)
    pin_block: str = field(default="", repr=False)
    merchant: str = ""
    terminal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the bank says; `amount` is in minor units, `value_on` is `YYYY-MM-DD` or empty."""

    code: str
    text: str
    state: str
    reference: str = ""
    approval: str = ""
    value_on: str = ""
    amount: int | None = None
    balance: int | None = None


def read_question(body: bytes) -> Question:
    """Read a request. Raises BadQuestionError for anything that is not one."""
    root = _tree(body)
    if root.tag != "BankRequest" or root.get("version") != "1.0":
        raise BadQuestionError("not a BankRequest of version 1.0")
    head, content = _texts(root.find("Head")), _texts(root.find("Body"))
    function, number = head.get("Function", ""), head.get("Number", "")
    if function not in Function.__members__:
        raise BadQuestionError("no such function")
    if not _NUMBER.fullmatch(number):
        raise BadQuestionError("a number is 20 digits")
    return Question(
        function=Function(function),
        number=number,
        customer=head.get("Customer", ""),
        original=content.get("Original", ""),
        amount=int(content["Amount"]) if _AMOUNT.fullmatch(content.get("Amount", "")) else None,
        unit=content.get("Unit", ""),
        card=content.get("Card", ""),
        pin_block=content.get("PinBlock", ""),
        merchant=content.get("Merchant", ""),
        terminal=content.get("Terminal", ""),
    )


def write_answer(question: Question, answer: Answer, *, at: datetime) -> bytes:
    """Write the answer to `question`, given at `at`."""
    root = etree.Element("BankAnswer", version="1.0")
    head = etree.SubElement(root, "Head")
    for tag, text in (
        ("Function", question.function.value),
        ("Number", question.number),
        ("AnsweredAt", at.isoformat(timespec="seconds")),
    ):
        etree.SubElement(head, tag).text = text
    content = etree.SubElement(root, "Body")
    for tag, text in (
        ("Code", answer.code),
        ("Text", answer.text),
        ("State", answer.state),
        ("Reference", answer.reference),
        ("Approval", answer.approval),
        ("ValueOn", answer.value_on),
        ("Amount", "" if answer.amount is None else str(answer.amount)),
        ("Balance", "" if answer.balance is None else str(answer.balance)),
    ):
        etree.SubElement(content, tag).text = text or None
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _tree(body: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise BadQuestionError("not well-formed XML") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise BadQuestionError("a document type is not allowed")
    if any(sum(1 for _ in element.iterancestors()) >= _DEEPEST for element in root.iter()):
        raise BadQuestionError("nested too deep")
    return root


def _texts(part: etree._Element | None) -> dict[str, str]:
    if part is None:
        raise BadQuestionError("Head or Body is missing")
    return {str(element.tag): (element.text or "").strip() for element in part if isinstance(element.tag, str)}
