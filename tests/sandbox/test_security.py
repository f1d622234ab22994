import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sandbox.security import (
    BadKeysError,
    check_value,
    des_decipher,
    des_encipher,
    encipher_track,
    message_code,
    open_keys,
    pin_block,
)

TMK = bytes.fromhex("CA5D92598DCA48CE8A4C76361A9269E9")
MAC_PART = bytes.fromhex("B651F9E9BACE9AE1 0000000000000000 AB7153CA")


def wrapped(clear: bytes) -> bytes:
    return des_encipher(TMK, clear) + check_value(clear)


def test_the_mac_vector_of_the_protocol() -> None:
    key, data = bytes.fromhex("2222222222222222"), bytes.fromhex("1234567890ABCDEFABCDEF1234567890")
    assert message_code(key, data) == b"E267B6E2"


def test_a_last_block_that_is_short_is_padded_with_zeros() -> None:
    key = bytes.fromhex("2222222222222222")
    assert message_code(key, b"\x12\x34\x56") == message_code(key, b"\x12\x34\x56" + bytes(5))


def test_the_key_vector_of_the_protocol() -> None:
    pin = bytes(range(16))
    keys = open_keys(TMK, "003", wrapped(pin) + MAC_PART)
    assert keys.mac == bytes.fromhex("5BB5C72CD00B7338")
    assert keys.pin == pin


def test_single_length_keys() -> None:
    pin, mac = bytes(range(8)), bytes(range(8, 16))
    keys = open_keys(TMK, "001", wrapped(pin) + wrapped(mac))
    assert (keys.pin, keys.mac, keys.data) == (pin, mac, None)


def test_a_data_key_comes_with_004() -> None:
    keys = open_keys(TMK, "004", wrapped(bytes(range(16))) + MAC_PART + wrapped(bytes(range(16, 32))))
    assert keys.data == bytes(range(16, 32))


@pytest.mark.parametrize("place", [0, 17, 20, 29, 38])
def test_keys_that_were_changed_on_the_way_are_refused(place: int) -> None:
    field = bytearray(wrapped(bytes(range(16))) + MAC_PART)
    field[place] ^= 1
    with pytest.raises(BadKeysError):
        open_keys(TMK, "003", bytes(field))


def test_keys_of_another_length_are_refused() -> None:
    with pytest.raises(BadKeysError):
        open_keys(TMK, "003", wrapped(bytes(range(16))))


def test_a_published_pin_block() -> None:
    key = bytes(range(16))
    block = pin_block("1234", "43219876543210987", key)
    assert des_decipher(key, block).hex().upper() == "0412AC89ABCDEF67"


def test_des_and_triple_des_agree_where_the_keys_do() -> None:
    assert des_encipher(bytes.fromhex("0123456789ABCDEF"), b"Now is t").hex() == "3fa40e8a984d4815"  # FIPS 81
    assert des_encipher(bytes(range(8)) * 2, bytes(8)) == des_encipher(bytes(range(8)), bytes(8))


@given(st.text("0123456789", min_size=18, max_size=37))
def test_tracks_keep_all_but_sixteen_digits(track: str) -> None:
    key = bytes(range(16))
    hidden = encipher_track(track, key)
    end = len(track) - (1 if len(track) % 2 else 2)
    assert (hidden[: end - 16], hidden[end:]) == (track[: end - 16], track[end:])
    assert des_decipher(key, bytes.fromhex(hidden[end - 16 : end])).hex() == track[end - 16 : end]
