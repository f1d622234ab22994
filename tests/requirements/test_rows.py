from __future__ import annotations

from pathlib import Path

import pytest

from tests.requirements.rows import Pair, Rows, missing_rows, refusal, slips

CHECKOUT = Path(__file__).resolve().parents[2]
TESTS = """
def test_sale(terminal, api): ...
async def test_list(*, api): ...
class TestPage:
    async def test_menu(self, page): ...
def sale(terminal): ...
"""


@pytest.fixture(scope="module")
def rows() -> Rows:
    return Rows.read(CHECKOUT / "tests/requirements/rows.toml")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "test_day.py").write_text(TESTS)
    return tmp_path


def table(*pairs: Pair, finished: tuple[str, ...] = ()) -> Rows:
    return Rows(parts=("1", "console"), finished=finished, pairs=pairs)


def test_every_finished_part_is_shown_by_tests(rows: Rows) -> None:
    assert list(slips(rows, CHECKOUT)) == []


def test_every_row_of_the_requirements_is_there(rows: Rows) -> None:
    assert missing_rows(rows) == []


def test_what_needs_the_console_waits_for_it(rows: Rows) -> None:
    assert {pair.part for pair in rows.pairs if pair.surface == "Console"} == {"console"}


@pytest.mark.parametrize(
    ("test", "surface"),
    [
        ("test_day.py::test_sale", "Terminal"),
        ("test_day.py::test_sale", "MIS"),
        ("test_day.py::test_list", "API"),
        ("test_day.py::TestPage::test_menu", "Console"),
    ],
)
def test_a_test_that_goes_through_its_surface_counts(tree: Path, test: str, surface: str) -> None:
    assert refusal(test, surface, tree) == ""


@pytest.mark.parametrize(
    ("test", "surface", "why"),
    [
        ("test_night.py::test_sale", "Terminal", "no such file"),
        ("test_day.py::test_gone", "Terminal", "no such test"),
        ("test_day.py::sale", "Terminal", "no such test"),
        ("test_day.py::test_menu", "Console", "no such test"),
        ("test_day.py::test_sale", "File", "takes none of cli, sftp"),
        ("test_day.py::TestPage::test_menu", "API", "takes none of api, cli"),
    ],
)
def test_another_test_does_not(tree: Path, test: str, surface: str, why: str) -> None:
    assert why in refusal(test, surface, tree)


def test_a_due_row_without_a_test_is_caught(tree: Path) -> None:
    due, waiting = Pair("A1", "API", "1", ()), Pair("A1", "Console", "console", ())
    assert list(slips(table(due, waiting), tree)) == []
    assert list(slips(table(due, waiting, finished=("1",)), tree)) == [
        "A1 at API is due in part 1, which is finished, and no test shows it",
    ]


def test_a_due_row_with_a_test_is_met(tree: Path) -> None:
    met = Pair("A1", "API", "1", ("test_day.py::test_list",))
    assert list(slips(table(met, finished=("1",)), tree)) == []


@pytest.mark.parametrize(
    "broken",
    [
        table(Pair("A1", "API", "9", ())),
        table(Pair("A1", "Phone", "1", ())),
        table(Pair("A1", "API", "1", ()), Pair("A1", "API", "1", ())),
        table(Pair("A1", "API", "1", ("test_day.py::test_gone",))),
        table(finished=("9",)),
    ],
)
def test_a_broken_table_is_caught(tree: Path, broken: Rows) -> None:
    assert len(list(slips(broken, tree))) == 1


def test_a_row_left_out_or_made_up_is_caught(rows: Rows) -> None:
    kept = tuple(pair for pair in rows.pairs if pair.id != "X6")
    changed = Rows(rows.parts, rows.finished, (*kept, Pair("X7", "API", "1", ())))
    assert missing_rows(changed) == ["X6", "X7"]
