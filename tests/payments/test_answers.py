"""What a repeat hears, and what an enquiry hears, state by state."""

from __future__ import annotations

import pytest

from gateway.kernel.reasons import ANSWERS, Reason
from gateway.payments.answers import answer_of, standing_of
from gateway.payments.model import OperationState as S
from gateway.payments.operation import OperationKind as K

NOTHING = Reason.NO_ANSWER


@pytest.mark.parametrize(
    ("fields", "iso39", "standing"),
    [
        ({"state": S.SENT, "told": ""}, "09", "in progress"),
        ({"state": S.UNKNOWN, "told": NOTHING, "kind": K.REFUND}, "09", "in progress"),
        ({}, "00", "approved"),
        ({"rest_minor": 0, "reversed_minor": 10_000, "voided": True}, "12", "voided"),
        ({"rest_minor": 4_000, "reversed_minor": 6_000}, "00", "part refunded"),
        ({"rest_minor": 0, "reversed_minor": 10_000}, "00", "refunded"),
        ({"state": S.DECLINED, "reason": Reason.INSUFFICIENT_FUNDS}, "51", "declined"),
        ({"state": S.REVERSING}, "12", "reversed"),
        ({"state": S.REVERSED}, "12", "reversed"),
        ({"kind": K.VOID}, "00", "approved"),
    ],
)
def test_an_enquiry(operation, fields, iso39, standing):
    answer = standing_of(operation(**fields))
    assert (ANSWERS[answer.reason].iso39, answer.standing) == (iso39, standing)
    assert answer.rrn == "632600001000"


def test_an_enquiry_about_what_was_never_seen():
    answer = standing_of(None)
    assert (ANSWERS[answer.reason].iso39, answer.standing) == ("25", "never seen")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, Reason.DONE),
        ({"voided": True}, Reason.DONE),
        ({"state": S.REVERSED}, Reason.DONE),
        ({"state": S.DECLINED, "told": Reason.BAD_PIN, "reason": Reason.BAD_PIN}, Reason.BAD_PIN),
        ({"state": S.REVERSED, "told": NOTHING, "reason": NOTHING}, NOTHING),
        ({"state": S.DECLINED, "told": NOTHING, "reason": Reason.BAD_CARD}, NOTHING),
        ({"state": S.UNKNOWN, "told": NOTHING, "kind": K.REFUND}, NOTHING),
        ({"state": S.APPROVED, "told": NOTHING, "kind": K.REFUND}, Reason.DONE),
        ({"state": S.DECLINED, "told": NOTHING, "kind": K.REFUND, "reason": Reason.BAD_CARD}, Reason.BAD_CARD),
        ({"state": S.SENT, "told": ""}, NOTHING),
    ],
)
def test_a_repeat_hears_the_first_answer_and_only_a_refund_told_98_hears_the_final_one(operation, fields, reason):
    answer = answer_of(operation(**fields), replayed=True)
    assert (answer.reason, answer.replayed) == (reason, True)
    assert answer.approval_code == ("123456" if reason is Reason.DONE else "")
