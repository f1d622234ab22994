from __future__ import annotations

import pytest

from tests.tidy.names import banned_names, words
from tests.tidy.source import Source, caught, findings


def test_every_name_says_something(sources: tuple[Source, ...], test_sources: tuple[Source, ...]) -> None:
    assert findings(banned_names, [*sources, *test_sources]) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("gateway/fees/quote.py", "class FeeManager: ..."),
        ("gateway/fees/quote.py", "class _HTTPHelper: ..."),
        ("gateway/fees/quote.py", "class BaseChannel: ..."),
        ("gateway/fees/quote.py", "def f():\n    class CommonFee: ..."),
        ("gateway/fees/utils.py", ""),
        ("gateway/fees/fee_helpers.py", ""),
        ("gateway/common/money.py", ""),
    ],
)
def test_an_empty_name_is_caught(path: str, text: str) -> None:
    assert len(caught(banned_names, path, text)) == 1


@pytest.mark.parametrize("text", ["class Baseline: ...", "class Database: ...", "class Stop(BaseException): ..."])
def test_a_longer_word_is_left_alone(text: str) -> None:
    assert caught(banned_names, "gateway/fees/quote.py", text) == []


def test_a_standards_own_term_is_left_alone() -> None:
    assert caught(banned_names, "gateway/web/signature_base.py", "class SignatureBase: ...") == []


def test_words_of_a_name() -> None:
    assert words("HTTPSignature") == ["http", "signature"]
    assert words("_fee_book2") == ["fee", "book", "2"]
