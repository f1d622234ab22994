from __future__ import annotations

import itertools

import pytest

from gateway.clearing.files import FileState
from gateway.clearing.files.model import Direction, FileEvent
from gateway.clearing.files.states import OUTGOING, RETURNED, NotAllowedError, advance

S, E = FileState, FileEvent

OUT = {
    (S.COLLECTING, E.GENERATE): S.GENERATED,
    (S.COLLECTING, E.ABANDON): S.ABANDONED,
    (S.GENERATED, E.ARCHIVE): S.ARCHIVED,
    (S.ARCHIVED, E.BEGIN): S.UPLOADING,
    (S.UPLOADING, E.ARRIVE): S.UPLOADED,
    (S.UPLOADING, E.NOT_ARRIVE): S.ARCHIVED,
    (S.UPLOADING, E.LOSE_SIGHT): S.UPLOAD_UNKNOWN,
    (S.UPLOADING, E.ANSWER): S.ANSWERED,
    (S.UPLOAD_UNKNOWN, E.ARRIVE): S.UPLOADED,
    (S.UPLOAD_UNKNOWN, E.NOT_ARRIVE): S.ARCHIVED,
    (S.UPLOAD_UNKNOWN, E.ANSWER): S.ANSWERED,
    (S.UPLOADED, E.SUBMIT): S.SUBMITTED,
    (S.UPLOADED, E.ANSWER): S.ANSWERED,
    (S.SUBMITTED, E.ANSWER): S.ANSWERED,
    (S.ANSWERED, E.CHECK): S.CHECKED,
}
IN = {
    (S.EXPECTED, E.FETCH): S.FETCHING,
    (S.FETCHING, E.ARCHIVE): S.ARCHIVED,
    (S.FETCHING, E.QUARANTINE): S.QUARANTINED,
    (S.FETCHING, E.RECOGNISE_AGAIN): S.DUPLICATE,
    (S.ARCHIVED, E.PARSE): S.PARSED,
    (S.ARCHIVED, E.QUARANTINE): S.QUARANTINED,
    (S.ARCHIVED, E.SUPERSEDE): S.SUPERSEDED,
    (S.PARSED, E.IMPORT): S.IMPORTED,
    (S.IMPORTED, E.FINISH): S.DONE,
    (S.QUARANTINED, E.RELEASE): S.ARCHIVED,
    (S.QUARANTINED, E.SUPERSEDE): S.SUPERSEDED,
}


@pytest.mark.parametrize(("direction", "cells"), [(Direction.OUT, OUT), (Direction.IN, IN)])
def test_every_cell_of_both_machines(direction: Direction, cells: dict[tuple[FileState, FileEvent], FileState]) -> None:
    for state, event in itertools.product(S, E):
        if (state, event) in cells:
            assert advance(direction, state, event) is cells[state, event]
        else:
            with pytest.raises(NotAllowedError):
                advance(direction, state, event)


def test_every_state_belongs_to_a_machine() -> None:
    assert set(OUTGOING) | set(RETURNED) == set(S)
    assert set(OUTGOING) & set(RETURNED) == {S.ARCHIVED}
