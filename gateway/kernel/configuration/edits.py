"""Edits of values and entries as lines for the edit shell; pure."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from gateway.kernel.configuration import store
from gateway.kernel.configuration.parameters import Value
from gateway.kernel.configuration.store import StoredValue
from gateway.kernel.postgres.edit import Add, Alter


def set_value(
    stored: StoredValue | None, *, id_: UUID, code: str, party: UUID | None, value: Value | None
) -> Add | Alter:
    """Set a parameter; None gives it back to what holds without it. `id_` is a new row's."""
    if stored is None:
        return Add(store.PARAMETER_VALUE, {"id": id_, "code": code, "party_id": party, "value": value})
    return Alter(store.PARAMETER_VALUE, stored.id, stored.version, {"value": value})


def new_error_text(id_: UUID, facts: Mapping[str, object]) -> Add:
    """Add an entry of the error dictionary: channel, code, reason, text_zh, text_en."""
    return Add(store.ERROR_TEXT, {"id": id_, **facts})


def new_word(id_: UUID, facts: Mapping[str, object]) -> Add:
    """Add a word: dictionary, code, text_zh, text_en, place."""
    return Add(store.DICTIONARY_WORD, {"id": id_, **facts})
