"""The error dictionary changes what people read of a decline, and nothing else of it (row P60)."""

from __future__ import annotations

from typing import Any

import pytest

from channels.instruction import Approved, Declined, NotFound, Outcome, Unknown
from gateway.app.wording import WordedChannel

WORDS = {("boc", "51"): "余额不足"}


class Language:
    """Reads whatever the test says the bank said."""

    capabilities = object()

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome

    async def ask(self, instruction: Any) -> Any:
        return ("ask", instruction)

    async def query(self, **about: Any) -> Any:
        return ("query", about)

    def read(self, **answer: Any) -> Outcome:
        return self.outcome

    def read_query(self, **answer: Any) -> Outcome:
        return self.outcome


def told(outcome: Outcome) -> list[Outcome]:
    channel = WordedChannel(Language(outcome), code="boc", words=lambda *key: WORDS.get(key, ""))  # type: ignore[arg-type]
    answer: dict[str, Any] = {"number": "1", "status": 200, "headers": {}, "body": b""}
    return [channel.read(**answer), channel.read_query(about="2", **answer)]


def test_a_known_code_is_told_in_the_dictionary_s_words_and_stays_what_it_was() -> None:
    said = Declined(code="51", reason="insufficient_funds", text="NSF", bank_reference="R1")
    worded = Declined(code="51", reason="insufficient_funds", text="余额不足", bank_reference="R1")
    assert told(said) == [worded, worded]


@pytest.mark.parametrize(
    "outcome",
    [
        Declined(code="99", reason="bank_declined", text="NO"),
        Unknown(why="time-out", code="51"),
        NotFound(),
        Approved(bank_reference="R", approval_code="A"),
    ],
)
def test_everything_else_is_left_as_the_channel_read_it(outcome: Outcome) -> None:
    assert told(outcome) == [outcome, outcome]


async def test_what_is_sent_is_the_channel_s_own() -> None:
    language = Language(Unknown(why="x"))
    channel = WordedChannel(language, code="boc", words=lambda *_: "")  # type: ignore[arg-type]
    assert await channel.ask("order") == ("ask", "order")  # type: ignore[arg-type, comparison-overlap]
    assert channel.capabilities is language.capabilities
