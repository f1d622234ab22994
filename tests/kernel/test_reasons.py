from __future__ import annotations

import re

import pytest

from gateway.kernel.reasons import ANSWERS, Reason, Retry


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_an_answer(reason: Reason) -> None:
    answer = ANSWERS[reason]
    assert re.fullmatch("[0-9A]{2}", answer.iso39)
    assert 200 <= answer.http < 600
    assert answer.title


def test_only_done_looks_like_success() -> None:
    for reason, answer in ANSWERS.items():
        assert (answer.iso39 == "00") == (answer.http == 200) == (reason is Reason.DONE)


def test_what_may_have_happened_is_never_tried_anew() -> None:
    assert ANSWERS[Reason.NO_ANSWER].retry is Retry.ASK
    assert ANSWERS[Reason.IN_PROGRESS].retry is Retry.ASK
