from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.keys.des import has_odd_parity, random_key, with_odd_parity
from gateway.keys.port import KeyStoreError


@given(st.binary(max_size=24))
def test_parity_changes_only_parity_bits(key: bytes):
    right = with_odd_parity(key)
    assert all(byte.bit_count() % 2 == 1 for byte in right)
    assert [byte & 0xFE for byte in right] == [byte & 0xFE for byte in key]
    assert has_odd_parity(right)
    assert has_odd_parity(key) == (key == right)


class Listed:
    """Gives the listed bytes one after another."""

    def __init__(self, *values: str) -> None:
        self._values = [bytes.fromhex(value) for value in values]

    def octets(self, count: int) -> bytes:
        value = self._values.pop(0)
        assert len(value) == count
        return value


@pytest.mark.parametrize(
    ("drawn", "made"),
    [
        (["0000000000000000", "0123456789ABCDEF"], "0123456789ABCDEF"),  # weak once its parity is set
        (["01FE01FE01FE01FE", "0123456789ABCDEF"], "0123456789ABCDEF"),
        (["0123456789ABCDEF" * 2, "0123456789ABCDEFFEDCBA9876543210"], "0123456789ABCDEFFEDCBA9876543210"),
        (["0022446688AACCEE0123456789ABCDEF", "FEDCBA98765432100123456789ABCDEF"], "FEDCBA98765432100123456789ABCDEF"),
    ],
)
def test_weak_keys_and_equal_halves_are_drawn_again(drawn: list[str], made: str):
    assert random_key(len(made) // 2, Listed(*drawn)) == with_odd_parity(bytes.fromhex(made))


def test_other_lengths_are_refused():
    with pytest.raises(KeyStoreError):
        random_key(32, Listed())
