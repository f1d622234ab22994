from __future__ import annotations

import pytest

from tests.tidy.scope import Scoped
from tests.tidy.source import CHECKOUT, Source, caught, findings, functions

RULE = Scoped(frozenset({"payment"}), {"gateway/payments/store.py::recover": "recovery has no caller"})


def test_every_query_of_a_scoped_table_binds_the_scope(sources: tuple[Source, ...]) -> None:
    assert findings(Scoped.read(CHECKOUT / "tests/tidy/scoped.toml").unbound, sources) == []


def test_every_exemption_has_a_reason_and_a_function(sources: tuple[Source, ...]) -> None:
    exempt = Scoped.read(CHECKOUT / "tests/tidy/scoped.toml").exempt
    there = {f"{source.path}::{name}" for source in sources for name, _ in functions(source)}
    assert [entry for entry, why in exempt.items() if entry not in there or not why.strip()] == []


@pytest.mark.parametrize(
    "text",
    [
        'async def one(pool, id):\n    return await pool.fetchrow("SELECT * FROM payment WHERE id = $1", id)',
        'async def one(pool, scope):\n    return await pool.fetch("SELECT * FROM payment")',
        'ONE = "SELECT * FROM shop JOIN payment p ON true"\nasync def one(pool):\n    return await pool.fetch(ONE)',
        'class S:\n    def one(self):\n        return f"update PAYMENT set state = {self.x}"',
    ],
)
def test_an_unbound_query_is_caught(text: str) -> None:
    assert len(caught(RULE.unbound, "gateway/payments/store.py", text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        'async def one(pool, *, scope):\n    return await pool.fetch("SELECT * FROM payment WHERE p = $1", scope.path)',
        'async def recover(pool):\n    return await pool.fetch("SELECT * FROM payment")',
        'async def one(pool):\n    return await pool.fetch("SELECT * FROM payment_kind")',
        'async def put(pool):\n    return await pool.fetch("INSERT INTO payment (id) VALUES ($1)")',
    ],
)
def test_a_bound_or_exempt_query_is_left_alone(text: str) -> None:
    assert caught(RULE.unbound, "gateway/payments/store.py", text) == []
