from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.web.structured import (
    InnerList,
    Item,
    StructuredFieldError,
    Token,
    read_dictionary,
    show_inner_list,
    show_item,
)

KEYS = st.from_regex(r"[a-z*][a-z0-9_\-.*]{0,8}", fullmatch=True)
BARE = st.one_of(
    st.integers(-(10**15) + 1, 10**15 - 1),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20),
    st.binary(max_size=40),
    st.booleans(),
    st.from_regex(r"[A-Za-z*][A-Za-z0-9:/.!]{0,8}", fullmatch=True).map(Token),
)
ITEMS = st.builds(Item, BARE, st.dictionaries(KEYS, BARE, max_size=3))
LISTS = st.builds(InnerList, st.lists(ITEMS, max_size=4).map(tuple), st.dictionaries(KEYS, BARE, max_size=3))


@given(st.dictionaries(KEYS, st.one_of(ITEMS, LISTS), max_size=4))
def test_what_is_written_is_read_back(members):
    shown = ", ".join(
        f"{key}={show_inner_list(member) if isinstance(member, InnerList) else show_item(member)}"
        for key, member in members.items()
    )
    read = read_dictionary(shown)
    assert read == members
    assert list(read) == list(members)


@given(st.text(max_size=80))
def test_any_text_is_a_dictionary_or_one_error(text):
    with contextlib.suppress(StructuredFieldError):
        assert isinstance(read_dictionary(text), dict)


@given(st.text('abs=();,"\\: ?01:-*\t', max_size=60))
def test_text_of_the_languages_own_letters_too(text):
    with contextlib.suppress(StructuredFieldError):
        assert isinstance(read_dictionary(text), dict)


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("", {}),
        ("a", {"a": Item(value=True)}),
        ("a;x", {"a": Item(True, {"x": True})}),
        ('a="q\\"\\\\"', {"a": Item('q"\\')}),
        ("a=:aGk=:", {"a": Item(b"hi")}),
        ("a=:aGk:", {"a": Item(b"hi")}),
        ("a=-12;b=?0", {"a": Item(-12, {"b": False})}),
        ("a=tok/en", {"a": Item(Token("tok/en"))}),
        ("a=1,\t b=2", {"a": Item(1), "b": Item(2)}),
        ("a=1, a=2", {"a": Item(2)}),
        ('a=("x";req  "y" )', {"a": InnerList((Item("x", {"req": True}), Item("y")))}),
        ("a=()", {"a": InnerList(())}),
    ],
)
def test_forms_of_the_standard(text, members):
    assert read_dictionary(text) == members


@pytest.mark.parametrize(
    "text",
    [
        "a=1,", "a=1 b=2", "a=", "A=1", "=1", "a=(", 'a=("x"', 'a=("x""y")', 'a="x', "a=:aGk", "a=:a!:", "a=:a:",
        "a=?2", "a=1.5", "a=1234567890123456", "a=@1", 'a="\\x"', 'a="é"', "a=1;", "a=1;B", "a=- 1", ",a=1",
    ],
)  # fmt: skip
def test_forms_that_are_none(text):
    with pytest.raises(StructuredFieldError, match="at character"):
        read_dictionary(text)


def test_a_token_is_no_string():
    assert show_item(Item(Token("a"))) == "a"
    assert show_item(Item("a")) == '"a"'
