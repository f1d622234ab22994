"""Channel kind `xmlbank`: a bank's real-time interface, signed XML over HTTPS (`docs/sandbox-bank.md`).

Only an answer that is signed by the bank, well formed, of the number and function asked and of a code in the table can
be an approval or a decline; everything else is Unknown (design: unknown is a state).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

from channels import params as parameters
from channels.instruction import Approved, Ask, Balance, Capabilities, Declined, Instruction, NotFound, Outcome, Unknown
from channels.ports import Message, Signer, Verifier
from channels.xmlbank import codes, messages
from channels.xmlbank.messages import BadMessageError, BankMessage

_FUNCTIONS = {
    Ask.PAY: "PAY",
    Ask.VOID: "VOID",
    Ask.REFUND: "REFUND",
    Ask.REVERSE: "REVERSE",
    Ask.AUTHORISE: "HOLD",
    Ask.RELEASE: "RELEASE",
    Ask.COMPLETE: "COMPLETE",
    Ask.BALANCE: "BALANCE",
}
# ISO 8583 types of an account nobody specified and of what is available on it.
_ACCOUNT, _AVAILABLE = "00", "02"
_ZONE = ZoneInfo("Asia/Shanghai")
_MINOR = re.compile(r"-?[0-9]{1,12}")
_VALUE_ON = re.compile(r"\d{4}-\d\d-\d\d")


class XmlBank:
    """One bank reached by signed XML; `params`: `customer`, optionally `not_found_is_final_after_s` (default 60)."""

    def __init__(self, params: Mapping[str, object], signer: Signer, verifier: Verifier) -> None:
        self._customer = parameters.text(params, "customer")
        self._signer = signer
        self._verifier = verifier
        self._capabilities = Capabilities(
            asks=frozenset(_FUNCTIONS),
            communication="realtime",
            queries=True,
            reverse_bars_unknown=True,
            dedupes_by_number=True,
            not_found_is_final_after_s=parameters.number(params, "not_found_is_final_after_s", 60),
        )

    @property
    def capabilities(self) -> Capabilities:
        """What this channel can do."""
        return self._capabilities

    async def ask(self, instruction: Instruction) -> Message:
        """Build and sign the message. Raises ValueError for an ask that this channel does not have."""
        function = _FUNCTIONS.get(instruction.ask)
        if function is None:
            message = f"this channel cannot be asked for {instruction.ask}"
            raise ValueError(message)
        return await self._signed(
            BankMessage(function, instruction.number, _body(instruction)), instruction.occurred_at
        )

    async def query(self, *, number: str, about: str, at: datetime) -> Message:
        """Build and sign a query about the instruction numbered `about`."""
        return await self._signed(BankMessage("QUERY", number, {"Original": about}), at)

    def read(self, *, number: str, status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Read the answer to an ask."""
        answer = self._answer(number, status, headers, body)
        if isinstance(answer, Unknown):
            return answer
        if answer.function == "QUERY":
            return Unknown(why="the answer is to another function")
        return _outcome(answer)

    def read_query(self, *, number: str, about: str, status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Read the answer to a query: the outcome of the instruction `about`."""
        answer = self._answer(number, status, headers, body)
        if isinstance(answer, Unknown):
            return answer
        if answer.function != "QUERY" or answer.get("Original") not in ("", about):
            return Unknown(why="the answer is to another question")
        if answer.get("State") == "NOT_FOUND":
            return NotFound(why="the bank does not know the number")
        return _outcome(answer)

    async def _signed(self, message: BankMessage, at: datetime) -> Message:
        sent_at = at.astimezone(_ZONE).isoformat(timespec="seconds")
        body = messages.write(message, customer=self._customer, sent_at=sent_at)
        signature = base64.b64encode(await self._signer.sign(body)).decode()
        headers = {
            "Content-Type": "application/xml; charset=UTF-8",
            "X-Bank-Key": self._signer.key_id,
            "X-Bank-Signature": signature,
        }
        return Message(path="/gateway", headers=headers, body=body)

    def _answer(self, number: str, status: int, headers: Mapping[str, str], body: bytes) -> BankMessage | Unknown:
        if status != 200:
            return Unknown(why=f"HTTP status {status}")
        if not self._is_signed(headers, body):
            return Unknown(why="the answer is not signed by the bank")
        try:
            answer = messages.read(body)
        except BadMessageError as fault:
            return Unknown(why=f"the answer cannot be read: {fault}")
        if answer.number != number:
            return Unknown(why="the answer is to another number")
        return answer

    def _is_signed(self, headers: Mapping[str, str], body: bytes) -> bool:
        folded = {name.lower(): value for name, value in headers.items()}
        try:
            signature = base64.b64decode(folded.get("x-bank-signature", ""), validate=True)
        except (binascii.Error, ValueError):
            return False
        return self._verifier.is_good(folded.get("x-bank-key", ""), body, signature)


def _body(instruction: Instruction) -> dict[str, str]:
    card = instruction.card
    return {
        "Original": instruction.original or "",
        "Amount": str(instruction.amount_minor),
        "Unit": instruction.unit,
        "Card": card.pan if card else "",
        "Expiry": (card.expiry or "") if card else "",
        "Sequence": (card.sequence or "") if card else "",
        "EntryMode": card.entry_mode if card else "",
        "PinBlock": card.pin_block.hex().upper() if card and card.pin_block else "",
        "Merchant": instruction.merchant,
        "Terminal": instruction.terminal,
    }


def _outcome(answer: BankMessage) -> Outcome:
    code, state = answer.get("Code"), answer.get("State")
    if code == codes.DONE and state in ("SUCCESS", "BARRED"):
        return _approved(answer)
    if code == codes.PROCESSING or state == "PROCESSING":
        return Unknown(why="in progress at the bank", code=code)
    if state == "REVERSED":
        return Declined(code=code, reason="wrong_state", text="reversed", bank_reference=answer.get("Reference"))
    if state == "FAILED" and code in codes.DECLINES:
        reference, words = answer.get("Reference"), answer.get("Text")
        return Declined(code=code, reason=codes.DECLINES[code], text=words, bank_reference=reference)
    return Unknown(why="a code or state that is not in the bank's table", code=code)


def _balances(minor: str, unit: str) -> tuple[Balance, ...]:
    if not minor:
        return ()
    return (Balance(account=_ACCOUNT, kind=_AVAILABLE, unit=unit or "CNY", amount_minor=int(minor)),)


def _approved(answer: BankMessage) -> Outcome:
    amount, value_on = answer.get("Amount"), answer.get("ValueOn")
    if amount and not (amount.isascii() and amount.isdigit() and len(amount) <= 15):
        return Unknown(why="the answer's amount is not a number")
    try:
        day = date.fromisoformat(value_on) if _VALUE_ON.fullmatch(value_on) else None
    except ValueError:
        day = None
    if value_on and day is None:
        return Unknown(why="the answer's value date is not a date")
    balance = answer.get("Balance")
    if balance and not _MINOR.fullmatch(balance):
        return Unknown(why="the answer's balance is not a number")
    return Approved(
        bank_reference=answer.get("Reference"),
        approval_code=answer.get("Approval"),
        value_on=day,
        amount_minor=int(amount) if amount else None,
        balances=_balances(balance, answer.get("Unit")),
    )
