"""The tree under the house rules, read once."""

from __future__ import annotations

import pytest

from tests.tidy.source import CHECKOUT, PACKAGES, Source, read_sources


@pytest.fixture(scope="session")
def sources() -> tuple[Source, ...]:
    """Every Python file of the product."""
    return read_sources(CHECKOUT, PACKAGES)


@pytest.fixture(scope="session")
def test_sources() -> tuple[Source, ...]:
    """Every Python file of the tests."""
    return read_sources(CHECKOUT, ["tests"])
