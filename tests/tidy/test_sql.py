from __future__ import annotations

import pytest

from tests.tidy.source import Source, caught, findings
from tests.tidy.sql import sql_home


def test_sql_stands_in_its_homes(sources: tuple[Source, ...]) -> None:
    assert findings(sql_home, sources) == []


@pytest.mark.parametrize(
    "text",
    [
        'await pool.fetch("SELECT id FROM payment WHERE id = $1")',
        'QUERY = """\n    SELECT 1\n"""',
        "QUERY = 'select id, state from payment'",
        'QUERY = f"UPDATE {table} SET state = $1"',
        'QUERY = "INSERT INTO payment (id) VALUES ($1)"',
        'QUERY = "DELETE FROM payment"',
        'QUERY = "WITH fence AS (SELECT 1) SELECT * FROM fence"',
        'QUERY = "CREATE UNIQUE INDEX payment_id ON payment (id)"',
        'QUERY = "LISTEN payment"',
    ],
)
def test_a_statement_elsewhere_is_caught(text: str) -> None:
    assert len(caught(sql_home, "gateway/payments/decide.py", text)) == 1


@pytest.mark.parametrize(
    "home", ["gateway/payments/store.py", "gateway/journal/write.py", "gateway/kernel/postgres/x.py"]
)
def test_a_statement_at_home_is_left_alone(home: str) -> None:
    assert caught(sql_home, home, 'QUERY = "SELECT id FROM payment"') == []


@pytest.mark.parametrize(
    "text",
    [
        'help = "Select a file from the list"',
        'help = "select one"',
        'why = "with care as ever"',
        'help = "Update the terminal and set its key"',
        'def f():\n    """SELECT is what this explains."""',
    ],
)
def test_prose_is_left_alone(text: str) -> None:
    assert caught(sql_home, "gateway/cli.py", text) == []
