"""The collector of cycles is told to leave alone what stands."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from gateway.kernel import collector


@pytest.fixture
def restored() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_what_stands_is_left_alone_and_the_new_is_looked_at_seldom(restored: None) -> None:
    before = gc.get_threshold()
    collector.settle()
    assert gc.get_freeze_count() > 0
    assert gc.get_threshold() > before
    assert gc.isenabled()
