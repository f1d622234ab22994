"""What a parameter may be set to, and what a catalogue takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.kernel.configuration import BadValueError, Catalogue, Parameter

TRIES = Parameter(code="door.tries", default=5, title_zh="次数", title_en="Tries", smallest=1, largest=20)
OPEN = Parameter(code="door.open", default=True, title_zh="开", title_en="Open")
COLOUR = Parameter(code="door.colour", default="red", title_zh="色", title_en="Colour", choices=("red", "blue"))
SIGN = Parameter(code="door.sign", default="", title_zh="牌", title_en="Sign")


@pytest.mark.parametrize(
    ("parameter", "kind"), [(TRIES, "integer"), (OPEN, "boolean"), (COLOUR, "choice"), (SIGN, "text")]
)
def test_its_type_is_that_of_its_default(parameter, kind):
    assert parameter.kind == kind


@pytest.mark.parametrize(
    ("parameter", "value"),
    [(TRIES, 1), (TRIES, 20), (OPEN, False), (COLOUR, "blue"), (SIGN, "欢迎"), (SIGN, "")],
)
def test_what_it_may_be(parameter, value):
    assert parameter.checked(value) == value


@pytest.mark.parametrize(
    ("parameter", "value", "why"),
    [
        (TRIES, 0, "between 1 and 20"),
        (TRIES, 21, "between 1 and 20"),
        (TRIES, True, "of type integer"),
        (TRIES, "5", "of type integer"),
        (TRIES, None, "of type integer"),
        (TRIES, 5.0, "of type integer"),
        (OPEN, 1, "of type boolean"),
        (COLOUR, "green", "one of red, blue"),
        (SIGN, "a\nb", "printable"),
        (SIGN, "x" * 201, "200"),
    ],
)
def test_what_it_may_not_be(parameter, value, why):
    with pytest.raises(BadValueError, match=why):
        parameter.checked(value)


@given(st.integers())
def test_a_number_is_taken_exactly_inside_its_bounds(value):
    if 1 <= value <= 20:
        assert TRIES.checked(value) == value
    else:
        with pytest.raises(BadValueError):
            TRIES.checked(value)


def test_a_catalogue_finds_by_code_and_lists_in_order():
    catalogue = Catalogue((TRIES, SIGN), (OPEN,))
    assert catalogue.find("door.tries") is TRIES
    assert catalogue.find("door.gone") is None
    assert [one.code for one in catalogue] == ["door.open", "door.sign", "door.tries"]


@pytest.mark.parametrize(
    "strange",
    [
        (TRIES, TRIES),
        (Parameter(code="tries", default=1, title_zh="-", title_en="-"),),
        (Parameter(code="door.wide", default=9, title_zh="-", title_en="-", largest=5),),
    ],
)
def test_a_catalogue_refuses_what_cannot_stand(strange):
    with pytest.raises(ValueError, match=r"door|tries"):
        Catalogue(strange)
