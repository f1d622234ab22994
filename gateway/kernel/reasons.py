"""Reasons a request ends with, and the one table that turns them into answers at the doors.

Below the doors a decline is a `Reason`; only doors look at `ANSWERS` (field 39 of `docs/terminal-protocol.md`,
HTTP status and retry verdict of `docs/http-api.md`). Each channel has its own table from its codes to a `Reason`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a request ended as it did; stable, part of the public API as the problem's `code`."""

    DONE = "done"
    # what the request itself lacks
    FORMAT = "format"
    NOT_SUPPORTED = "not_supported"
    BAD_AMOUNT = "bad_amount"
    BAD_CARD = "bad_card"
    EXPIRED_CARD = "expired_card"
    MISSING_KEY = "missing_key"
    # who asks
    MERCHANT_UNKNOWN = "merchant_unknown"
    TERMINAL_UNKNOWN = "terminal_unknown"
    NOT_PERMITTED = "not_permitted"
    SIGN_IN_FIRST = "sign_in_first"
    BAD_MAC = "bad_mac"
    BAD_SIGNATURE = "bad_signature"
    LOGIN_REFUSED = "login_refused"
    SESSION_ENDED = "session_ended"
    INTERCEPTED = "intercepted"
    BAD_PASSWORD = "bad_password"  # noqa: S105 - a reason's name
    BAD_PIN = "bad_pin"
    PIN_TRIES = "pin_tries"
    TOO_MANY_REQUESTS = "too_many_requests"
    # what it refers to
    ORIGINAL_NOT_FOUND = "original_not_found"
    NOT_FOUND = "not_found"
    WRONG_STATE = "wrong_state"
    IN_USE = "in_use"
    TAKEN = "taken"
    REFERENCE_REUSED = "reference_reused"
    KEY_REUSED = "key_reused"
    AMOUNT_EXCEEDS_ORIGINAL = "amount_exceeds_original"
    IN_PROGRESS = "in_progress"
    # money and limits
    INSUFFICIENT_FUNDS = "insufficient_funds"
    LIMIT_EXCEEDED = "limit_exceeded"
    RISK_REFUSED = "risk_refused"
    ADVANCE_OWED = "advance_owed"
    WITHDRAWAL_OPEN = "withdrawal_open"
    CARD_NOT_BOUND = "card_not_bound"
    BANK_DECLINED = "bank_declined"
    # the house
    CHANNEL_CLOSED = "channel_closed"
    UNREACHABLE = "unreachable"
    BUSY = "busy"
    FAULT = "fault"
    NO_ANSWER = "no_answer"
    # inside only: the decision was made on a record that has moved since; read again, decide again
    MOVED = "moved"


class Retry(StrEnum):
    """What a caller may do after an answer."""

    NEVER = "never"
    SAME_KEY = "same_key"
    NEW_KEY = "new_key"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Answer:
    """How a reason looks from outside: field 39, HTTP status, retry verdict and a title for people."""

    iso39: str
    http: int
    retry: Retry
    title: str


ANSWERS: dict[Reason, Answer] = {
    Reason.DONE: Answer("00", 200, Retry.NEVER, "Done"),
    Reason.FORMAT: Answer("30", 400, Retry.NEW_KEY, "The request is not well formed"),
    Reason.NOT_SUPPORTED: Answer("40", 422, Retry.NEVER, "This transaction is not supported"),
    Reason.BAD_AMOUNT: Answer("13", 422, Retry.NEW_KEY, "The amount is zero or not a number"),
    Reason.BAD_CARD: Answer("14", 422, Retry.NEVER, "The card number is not valid"),
    Reason.EXPIRED_CARD: Answer("54", 422, Retry.NEVER, "The card has expired"),
    Reason.MISSING_KEY: Answer("30", 400, Retry.NEW_KEY, "Idempotency-Key is missing"),
    Reason.MERCHANT_UNKNOWN: Answer("03", 403, Retry.NEVER, "The merchant is unknown or closed"),
    Reason.TERMINAL_UNKNOWN: Answer("97", 403, Retry.NEVER, "The terminal is unknown or locked"),
    Reason.NOT_PERMITTED: Answer("58", 403, Retry.NEVER, "This caller may not do this"),
    Reason.SIGN_IN_FIRST: Answer("77", 409, Retry.NEW_KEY, "Sign in first"),
    Reason.BAD_MAC: Answer("A0", 401, Retry.SAME_KEY, "The message authentication code is wrong"),
    Reason.BAD_SIGNATURE: Answer("A0", 401, Retry.SAME_KEY, "The signature is missing or wrong"),
    Reason.LOGIN_REFUSED: Answer("58", 401, Retry.NEW_KEY, "Login, password or code is wrong, or the user is locked"),
    Reason.SESSION_ENDED: Answer("58", 401, Retry.NEVER, "The session is unknown or has ended"),
    Reason.INTERCEPTED: Answer("58", 403, Retry.NEVER, "Refused by a rule of the operator"),
    Reason.BAD_PASSWORD: Answer("55", 422, Retry.NEW_KEY, "This password may not be chosen"),
    Reason.BAD_PIN: Answer("55", 422, Retry.NEW_KEY, "The PIN or password is wrong"),
    Reason.PIN_TRIES: Answer("75", 422, Retry.NEVER, "Too many wrong PINs or passwords"),
    Reason.TOO_MANY_REQUESTS: Answer("96", 429, Retry.SAME_KEY, "Too many requests"),
    Reason.ORIGINAL_NOT_FOUND: Answer("25", 404, Retry.NEVER, "The original was not found"),
    Reason.NOT_FOUND: Answer("25", 404, Retry.NEVER, "Not found"),
    Reason.WRONG_STATE: Answer("12", 409, Retry.NEVER, "Not allowed in this state"),
    Reason.IN_USE: Answer("12", 409, Retry.NEVER, "Others still use it"),
    Reason.TAKEN: Answer("94", 409, Retry.NEW_KEY, "The name is taken"),
    Reason.REFERENCE_REUSED: Answer("94", 422, Retry.NEVER, "The reference was used with other content"),
    Reason.KEY_REUSED: Answer("94", 422, Retry.NEVER, "The Idempotency-Key was used with other content"),
    Reason.AMOUNT_EXCEEDS_ORIGINAL: Answer("64", 422, Retry.NEW_KEY, "More than is left of the original"),
    Reason.IN_PROGRESS: Answer("09", 409, Retry.ASK, "Still in progress"),
    Reason.INSUFFICIENT_FUNDS: Answer("51", 422, Retry.NEW_KEY, "Not enough funds"),
    Reason.LIMIT_EXCEEDED: Answer("61", 422, Retry.NEW_KEY, "Above a limit"),
    Reason.RISK_REFUSED: Answer("05", 422, Retry.NEVER, "Refused by a risk rule"),
    Reason.ADVANCE_OWED: Answer("51", 422, Retry.NEW_KEY, "An advance is still owed"),
    Reason.WITHDRAWAL_OPEN: Answer("61", 409, Retry.NEW_KEY, "Another withdrawal is still open"),
    Reason.CARD_NOT_BOUND: Answer("14", 422, Retry.NEVER, "The bank card is not bound to this party"),
    Reason.BANK_DECLINED: Answer("05", 422, Retry.NEW_KEY, "The bank declined"),
    Reason.CHANNEL_CLOSED: Answer("91", 503, Retry.SAME_KEY, "No channel is open for this"),
    Reason.UNREACHABLE: Answer("91", 503, Retry.SAME_KEY, "The bank or the books cannot be reached; nothing was sent"),
    Reason.BUSY: Answer("96", 503, Retry.SAME_KEY, "Busy; nothing was sent"),
    Reason.FAULT: Answer("96", 500, Retry.SAME_KEY, "A fault of ours; nothing was sent"),
    Reason.NO_ANSWER: Answer("98", 504, Retry.ASK, "No answer in time; ask by the reference"),
    Reason.MOVED: Answer("96", 409, Retry.SAME_KEY, "The record has moved since it was read"),
}
