"""Parameters, the error dictionary and the business dictionaries (rows P59-P61, A90, P7)."""

from __future__ import annotations

from uuid import UUID

import msgspec

from gateway.access import Permission
from gateway.api.configuration_bodies import (
    ERROR_TEXT,
    WORD,
    Deleted,
    Deletion,
    ErrorTextChange,
    ErrorTextShown,
    ErrorTextsQuery,
    ErrorTextsShown,
    HistoryShown,
    NewErrorText,
    NewWord,
    ParameterChange,
    ParameterChanged,
    ParametersQuery,
    ParametersShown,
    WordChange,
    WordShown,
    WordsQuery,
    WordsShown,
    show_changed,
    show_error_text,
    show_setting,
    show_word,
)
from gateway.api.decoding import JsonBody, read_id
from gateway.api.route import Call, Given, Nothing, Route
from gateway.api.shown import PARTIES, show_steps
from gateway.journal.model import Refused
from gateway.kernel.ids import show
from gateway.kernel.reasons import Reason

_STRANGER = Refused(Reason.NOT_FOUND, "no such party")
_UNKNOWN = Refused(Reason.NOT_FOUND, "no such parameter")


async def list_parameters(call: Call[Nothing, ParametersQuery]) -> Given | Refused:
    """Show all parameters as they stand."""
    found = await call.desks.configuration.settings(call.caller.sees, party=_party(call.query.party))
    if found is None:
        return _STRANGER
    return Given(ParametersShown(parameters=[show_setting(one) for one in found]))


async def read_history(call: Call[Nothing, ParametersQuery]) -> Given | Refused:
    """Show who set a parameter."""
    found = await call.desks.configuration.history(
        call.caller.sees, code=call.words["parameter"], party=_party(call.query.party)
    )
    return _UNKNOWN if found is None else Given(HistoryShown(history=show_steps(found)))


async def set_parameter(call: Call[ParameterChange, Nothing]) -> Given | Refused:
    """Set a parameter."""
    asked = call.body
    taken = await call.desks.configuration.set(
        call.order, code=call.words["parameter"], party=_party(asked.party), value=asked.value, why=asked.why
    )
    return taken if isinstance(taken, Refused) else Given(show_changed(taken.value), taken.replayed)


async def list_error_texts(call: Call[Nothing, ErrorTextsQuery]) -> Given:
    """Show the error dictionary."""
    found = await call.desks.configuration.error_texts(channel=call.query.channel)
    return Given(ErrorTextsShown(entries=[show_error_text(entry) for entry in found]))


async def read_error_text(call: Call[Nothing, Nothing]) -> Given | Refused:
    """Show an entry with its history."""
    found = await call.desks.configuration.error_text(call.ids["entry"])
    return Refused(Reason.NOT_FOUND, "no such entry") if found is None else Given(show_error_text(*found))


async def add_error_text(call: Call[NewErrorText, Nothing]) -> Given | Refused:
    """Add an entry."""
    taken = await call.desks.configuration.add_error_text(call.order, _facts(call.body), why=call.body.why)
    return taken if isinstance(taken, Refused) else Given(show_error_text(taken.value), taken.replayed)


async def edit_error_text(call: Call[ErrorTextChange, Nothing]) -> Given | Refused:
    """Edit an entry."""
    taken = await call.desks.configuration.edit_error_text(
        call.order, call.ids["entry"], _facts(call.body), why=call.body.why
    )
    return taken if isinstance(taken, Refused) else Given(show_error_text(taken.value), taken.replayed)


async def delete_error_text(call: Call[Deletion, Nothing]) -> Given | Refused:
    """Delete an entry."""
    taken = await call.desks.configuration.delete_error_text(call.order, call.ids["entry"], why=call.body.why)
    return taken if isinstance(taken, Refused) else Given(Deleted(id=show(ERROR_TEXT, taken.value)), taken.replayed)


async def list_words(call: Call[Nothing, WordsQuery]) -> Given:
    """Show words."""
    found = await call.desks.configuration.words(dictionary=call.query.dictionary)
    return Given(WordsShown(words=[show_word(word) for word in found]))


async def read_word(call: Call[Nothing, Nothing]) -> Given | Refused:
    """Show a word with its history."""
    found = await call.desks.configuration.word(call.ids["word"])
    return Refused(Reason.NOT_FOUND, "no such word") if found is None else Given(show_word(*found))


async def add_word(call: Call[NewWord, Nothing]) -> Given | Refused:
    """Add a word."""
    taken = await call.desks.configuration.add_word(call.order, _facts(call.body), why=call.body.why)
    return taken if isinstance(taken, Refused) else Given(show_word(taken.value), taken.replayed)


async def edit_word(call: Call[WordChange, Nothing]) -> Given | Refused:
    """Edit a word."""
    taken = await call.desks.configuration.edit_word(call.order, call.ids["word"], _facts(call.body), why=call.body.why)
    return taken if isinstance(taken, Refused) else Given(show_word(taken.value), taken.replayed)


async def delete_word(call: Call[Deletion, Nothing]) -> Given | Refused:
    """Delete a word, or retire it where it is used."""
    taken = await call.desks.configuration.delete_word(call.order, call.ids["word"], why=call.body.why)
    if isinstance(taken, Refused):
        return taken
    return Given(Deleted(id=show(WORD, call.ids["word"]), retired=taken.value is not None), taken.replayed)


def _party(named: str | None) -> UUID | None:
    return None if named is None else read_id(named, *PARTIES)


def _facts(body: msgspec.Struct) -> dict[str, object]:
    return {name: value for name, value in msgspec.to_builtins(body).items() if name != "why"}


_READ, _SET, _WORDS = Permission.CONFIGURATION_READ, Permission.CONFIGURATION_WRITE, Permission.DICTIONARIES_WRITE
_CODE = "[a-z_]+(?:\\.[a-z_]+)+"
_TEXTS = {"text_zh": "余额不足", "text_en": "Not sufficient funds", "why": "words agreed with the bank"}
_WHY = {"why": "not used any more"}

ROUTES = (
    Route(
        method="GET",
        path="/v1/parameters",
        operation="listParameters",
        tag="Parameters",
        summary="Parameters as they stand, for everybody or for one party",
        permission=_READ,
        handle=list_parameters,
        query=ParametersQuery,
        answer=ParametersShown,
        refusals=(Reason.NOT_FOUND,),
    ),
    Route(
        method="GET",
        path="/v1/parameters/{parameter}/history",
        operation="readParameterHistory",
        tag="Parameters",
        summary="Who set a parameter, when, why, and from what to what",
        permission=_READ,
        handle=read_history,
        query=ParametersQuery,
        answer=HistoryShown,
        words={"parameter": _CODE},
        refusals=(Reason.NOT_FOUND,),
    ),
    Route(
        method="POST",
        path="/v1/parameters/{parameter}",
        operation="setParameter",
        tag="Parameters",
        summary="Set a parameter; a sensitive one is proposed to a second person",
        permission=_SET,
        handle=set_parameter,
        decoder=JsonBody(ParameterChange),
        answer=ParameterChanged,
        words={"parameter": _CODE},
        refusals=(Reason.NOT_FOUND, Reason.WRONG_STATE, Reason.NOT_PERMITTED),
        example={"value": 20, "why": "season of returns"},
    ),
    Route(
        method="GET",
        path="/v1/error-texts",
        operation="listErrorTexts",
        tag="Dictionaries",
        summary="The error dictionary: what people are told for channels' codes",
        permission=_READ,
        handle=list_error_texts,
        query=ErrorTextsQuery,
        answer=ErrorTextsShown,
    ),
    Route(
        method="GET",
        path="/v1/error-texts/{entry}",
        operation="readErrorText",
        tag="Dictionaries",
        summary="An entry of the error dictionary with its history",
        permission=_READ,
        handle=read_error_text,
        answer=ErrorTextShown,
        ids={"entry": (ERROR_TEXT,)},
        refusals=(Reason.NOT_FOUND,),
    ),
    Route(
        method="POST",
        path="/v1/error-texts",
        operation="addErrorText",
        tag="Dictionaries",
        summary="Add an entry to the error dictionary",
        permission=_WORDS,
        handle=add_error_text,
        decoder=JsonBody(NewErrorText),
        answer=ErrorTextShown,
        refusals=(Reason.TAKEN, Reason.NOT_FOUND),
        example={"channel": "sandbox-realtime", "code": "51", "reason": "insufficient_funds", **_TEXTS},
    ),
    Route(
        method="POST",
        path="/v1/error-texts/{entry}",
        operation="editErrorText",
        tag="Dictionaries",
        summary="Edit an entry of the error dictionary",
        permission=_WORDS,
        handle=edit_error_text,
        decoder=JsonBody(ErrorTextChange),
        answer=ErrorTextShown,
        ids={"entry": (ERROR_TEXT,)},
        refusals=(Reason.NOT_FOUND, Reason.WRONG_STATE),
        example={"reason": "insufficient_funds", **_TEXTS},
    ),
    Route(
        method="POST",
        path="/v1/error-texts/{entry}/delete",
        operation="deleteErrorText",
        tag="Dictionaries",
        summary="Delete an entry of the error dictionary",
        permission=_WORDS,
        handle=delete_error_text,
        decoder=JsonBody(Deletion),
        answer=Deleted,
        ids={"entry": (ERROR_TEXT,)},
        refusals=(Reason.NOT_FOUND, Reason.WRONG_STATE),
        example=_WHY,
    ),
    Route(
        method="GET",
        path="/v1/words",
        operation="listWords",
        tag="Dictionaries",
        summary="The words of the business dictionaries, in their order",
        permission=_READ,
        handle=list_words,
        query=WordsQuery,
        answer=WordsShown,
    ),
    Route(
        method="GET",
        path="/v1/words/{word}",
        operation="readWord",
        tag="Dictionaries",
        summary="A word with its history",
        permission=_READ,
        handle=read_word,
        answer=WordShown,
        ids={"word": (WORD,)},
        refusals=(Reason.NOT_FOUND,),
    ),
    Route(
        method="POST",
        path="/v1/words",
        operation="addWord",
        tag="Dictionaries",
        summary="Add a word to a business dictionary",
        permission=_WORDS,
        handle=add_word,
        decoder=JsonBody(NewWord),
        answer=WordShown,
        refusals=(Reason.TAKEN,),
        example={
            "dictionary": "mcc",
            "code": "5462",
            "text_zh": "面包店",
            "text_en": "Bakeries",
            "place": 20,
            "why": "first baker",
        },
    ),
    Route(
        method="POST",
        path="/v1/words/{word}",
        operation="editWord",
        tag="Dictionaries",
        summary="Edit a word; a retired one is taken into use again",
        permission=_WORDS,
        handle=edit_word,
        decoder=JsonBody(WordChange),
        answer=WordShown,
        ids={"word": (WORD,)},
        refusals=(Reason.NOT_FOUND, Reason.WRONG_STATE),
        example={"text_zh": "面包店", "text_en": "Bakeries", "place": 20, "why": "better words"},
    ),
    Route(
        method="POST",
        path="/v1/words/{word}/delete",
        operation="deleteWord",
        tag="Dictionaries",
        summary="Delete a word; one that is used is retired",
        permission=_WORDS,
        handle=delete_word,
        decoder=JsonBody(Deletion),
        answer=Deleted,
        ids={"word": (WORD,)},
        refusals=(Reason.NOT_FOUND, Reason.WRONG_STATE),
        example=_WHY,
    ),
)
