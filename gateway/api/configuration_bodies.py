"""Parameters and dictionaries over the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import Meta

from gateway.api.approval_bodies import ProposalShown, Why, show_proposal
from gateway.api.bodies import Id, Shown, StepShown, Strict
from gateway.api.configuration_port import Changed, Setting
from gateway.api.ports import Step
from gateway.api.shown import PARTY, show_steps
from gateway.kernel.configuration import ErrorText, Word
from gateway.kernel.ids import show
from gateway.kernel.reasons import Reason

ERROR_TEXT: Final = "ert"
WORD: Final = "wrd"

Text = Annotated[str, Meta(min_length=1, max_length=200)]
ChannelCode = Annotated[
    str, Meta(pattern="^([A-Za-z0-9._-]{1,64}|\\*)$", description="A channel's code, * for every one")
]
Code = Annotated[str, Meta(pattern="^[A-Za-z0-9._-]{1,32}$")]
Dictionary = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,39}$")]


class ParametersQuery(Strict, frozen=True, kw_only=True):
    """Whose; what holds for everybody where it is left out."""

    party: Id | None = None


class ParameterShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A parameter as it stands; `source` says whose value it is: default, system or party."""

    code: str
    type: str
    value: int | bool | str
    default: int | bool | str
    source: str
    title_zh: str
    title_en: str
    unit: str = ""
    smallest: int | None = None
    largest: int | None = None
    choices: tuple[str, ...] = ()
    by_party: bool = False
    sensitive: bool = False
    party: str | None = None


class ParametersShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """All parameters."""

    parameters: list[ParameterShown]


class ParameterChange(Strict, frozen=True, kw_only=True):
    """Set a parameter; null gives it back to what holds without it."""

    value: int | bool | str | None
    why: Why
    party: Id | None = None


class ParameterChanged(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A parameter after a command; `proposal` where a second person has to approve the change first."""

    parameter: ParameterShown
    proposal: ProposalShown | None = None


class HistoryShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """Who changed it, when, why, and from what to what."""

    history: list[StepShown]


class ErrorTextsQuery(Strict, frozen=True, kw_only=True):
    """Of which channel; of all where it is left out."""

    channel: ChannelCode | None = None


class NewErrorText(Strict, frozen=True, kw_only=True):
    """What people are told for a channel's code. What the code means for money is the channel's own table."""

    channel: ChannelCode
    code: Code
    reason: Reason
    text_zh: Text
    text_en: Text
    why: Why


class ErrorTextChange(Strict, frozen=True, kw_only=True):
    """New words for an entry."""

    reason: Reason
    text_zh: Text
    text_en: Text
    why: Why


class ErrorTextShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """An entry of the error dictionary."""

    id: str
    channel: str
    code: str
    reason: str
    text_zh: str
    text_en: str
    history: tuple[StepShown, ...] = ()


class ErrorTextsShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """The error dictionary."""

    entries: list[ErrorTextShown]


class Deletion(Strict, frozen=True, kw_only=True):
    """Why it is deleted."""

    why: Why


class Deleted(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """What was deleted; `retired` where others use it, so that it is kept and only cannot be chosen any more."""

    id: str
    retired: bool = False


class WordsQuery(Strict, frozen=True, kw_only=True):
    """Of which dictionary; of all where it is left out."""

    dictionary: Dictionary | None = None


class NewWord(Strict, frozen=True, kw_only=True):
    """A new word of a business dictionary."""

    dictionary: Dictionary
    code: Code
    text_zh: Text
    text_en: Text
    why: Why
    place: Annotated[int, Meta(ge=0, le=100_000)] = 0


class WordChange(Strict, frozen=True, kw_only=True):
    """New facts of a word; a retired one is taken into use again."""

    text_zh: Text
    text_en: Text
    why: Why
    place: Annotated[int, Meta(ge=0, le=100_000)] = 0


class WordShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A word of a business dictionary."""

    id: str
    dictionary: str
    code: str
    text_zh: str
    text_en: str
    place: int
    state: str
    history: tuple[StepShown, ...] = ()


class WordsShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """Words in their order."""

    words: list[WordShown]


def show_setting(setting: Setting) -> ParameterShown:
    """Show a parameter as it stands."""
    parameter = setting.parameter
    return ParameterShown(
        code=parameter.code,
        type=parameter.kind,
        value=setting.value,
        default=parameter.default,
        source=setting.source,
        title_zh=parameter.title_zh,
        title_en=parameter.title_en,
        unit=parameter.unit,
        smallest=parameter.smallest,
        largest=parameter.largest,
        choices=parameter.choices,
        by_party=parameter.by_party,
        sensitive=parameter.sensitive,
        party=None if setting.party is None else show(PARTY, setting.party),
    )


def show_changed(changed: Changed) -> ParameterChanged:
    """Show what became of a change."""
    proposal = None if changed.proposal is None else show_proposal(changed.proposal)
    return ParameterChanged(parameter=show_setting(changed.setting), proposal=proposal)


def show_error_text(entry: ErrorText, history: Sequence[Step] = ()) -> ErrorTextShown:
    """Show an entry of the error dictionary."""
    return ErrorTextShown(
        id=show(ERROR_TEXT, entry.id),
        channel=entry.channel,
        code=entry.code,
        reason=entry.reason,
        text_zh=entry.text_zh,
        text_en=entry.text_en,
        history=tuple(show_steps(history)),
    )


def show_word(word: Word, history: Sequence[Step] = ()) -> WordShown:
    """Show a word."""
    return WordShown(
        id=show(WORD, word.id),
        dictionary=word.dictionary,
        code=word.code,
        text_zh=word.text_zh,
        text_en=word.text_en,
        place=word.place,
        state="active" if word.is_active else "retired",
        history=tuple(show_steps(history)),
    )
