from __future__ import annotations

import pytest

from tests.tidy.lengths import Exemption, Ratchet, lengths, slips
from tests.tidy.source import CHECKOUT, Source

STRICT = Ratchet(half=2, nine_in_ten=3, longest=4, exemptions_at_most=0)


def of(*sizes: int) -> dict[str, int]:
    text = "\n".join(f"def f{number}():\n" + "    x = 1\n" * (size - 1) for number, size in enumerate(sizes))
    return lengths([Source.of("gateway/fees/quote.py", text)])


def test_functions_stay_short(sources: tuple[Source, ...]) -> None:
    ratchet = Ratchet.read(CHECKOUT / "tests/tidy/lengths.toml")
    assert list(slips(lengths(sources), ratchet)) == []


def test_a_docstring_does_not_count() -> None:
    text = 'class A:\n    def f(self):\n        """Say.\n\n        More.\n        """\n        return 1\n'
    assert lengths([Source.of("gateway/fees/quote.py", text)]) == {"gateway/fees/quote.py::A.f": 2}


def test_inner_functions_count_by_themselves() -> None:
    text = "def f():\n    def g():\n        return 1\n    return g\n"
    assert lengths([Source.of("a.py", text)]) == {"a.py::f": 4, "a.py::f.g": 2}


@pytest.mark.parametrize(
    ("sizes", "why"),
    [
        ((2, 2, 5), "f2 has 5 lines, more than 4"),
        ((2, 4, 4), "90% of the functions should fit in 3 lines"),
        ((3, 3, 3), "50% of the functions should fit in 2 lines"),
    ],
)
def test_a_slip_is_caught(sizes: tuple[int, ...], why: str) -> None:
    assert why in "\n".join(slips(of(*sizes), STRICT))


def test_short_functions_are_left_alone() -> None:
    assert list(slips(of(2, 2, 2, 2, 2), STRICT)) == []
    assert list(slips({}, STRICT)) == []


def test_an_exemption_holds_up_to_its_own_figure() -> None:
    exempt = (Exemption("gateway/fees/quote.py::f0", 6, "a list"),)
    ratchet = Ratchet(half=9, nine_in_ten=9, longest=4, exemptions_at_most=1, exempt=exempt)
    assert list(slips(of(6), ratchet)) == []
    assert "has 7 lines, more than 6" in "".join(slips(of(7), ratchet))


@pytest.mark.parametrize(
    ("size", "most", "why", "slip"),
    [
        (4, 1, "a list", "not needed any more"),
        (6, 0, "a list", "1 exemptions, more than 0"),
        (6, 1, " ", "an exemption says why"),
    ],
)
def test_exemptions_do_not_grow_or_outlive_their_reason(size: int, most: int, why: str, slip: str) -> None:
    exempt = (Exemption("gateway/fees/quote.py::f0", 6, why),)
    ratchet = Ratchet(half=9, nine_in_ten=9, longest=4, exemptions_at_most=most, exempt=exempt)
    assert slip in "".join(slips(of(size), ratchet))


def test_the_committed_figures_never_pass_the_house_limits() -> None:
    ratchet = Ratchet.read(CHECKOUT / "tests/tidy/lengths.toml")
    assert ratchet.half <= 10
    assert ratchet.nine_in_ten <= 35
    assert ratchet.longest <= 60
