from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.kernel.randomness import SeededRandomness
from gateway.keys import pinblocks
from gateway.keys.ciphers import ClearKey
from gateway.keys.port import KeyCipher, KeyStoreError, PinFormat

RANDOMNESS = SeededRandomness(7)
KEYS = {
    PinFormat.ISO_0: ClearKey(KeyCipher.TRIPLE_DES, bytes(range(1, 17))),
    PinFormat.ISO_3: ClearKey(KeyCipher.TRIPLE_DES, bytes(range(1, 25))),
    PinFormat.ISO_4: ClearKey(KeyCipher.AES, bytes(range(1, 17))),
}
DIGITS = "0123456789"
PINS = st.text(DIGITS, min_size=4, max_size=12)
NUMBERS = st.text(DIGITS, min_size=12, max_size=19)
FORMATS = st.sampled_from(list(PinFormat))


def clear(block: bytes) -> bytes:
    return block


def test_a_block_of_format_0_is_pin_field_and_card_number():
    """ISO 9564-1 section 9.3.1: 041234FFFFFFFFFF xor 0000987654321098."""
    block = pinblocks.sealed(PinFormat.ISO_0, "1234", "43219876543210987", clear, RANDOMNESS)
    assert block.hex().upper() == "0412AC89ABCDEF67"


@pytest.mark.parametrize(
    ("key", "block"),
    [
        # ANSI X9.24-3:2017 supplement: PIN 1234, card 4111111111111111, random 2F69ADDE2E9E7ACE
        ("AF8CB133A78F8DC2D1359F18527593FB", "A912150391AB65A67E52883D81CE2D15"),
        ("D30BDC73EC9714B000BEC66BDB7B6D09", "52A00503BD34BA1383F6A7EE9FE2547F"),
    ],
)
def test_a_block_of_format_4_of_the_published_vector(key: str, block: str):
    class Filling:
        def octets(self, count: int) -> bytes:
            assert count == 8
            return bytes.fromhex("2F69ADDE2E9E7ACE")

    aes = ClearKey(KeyCipher.AES, bytes.fromhex(key))
    made = pinblocks.sealed(PinFormat.ISO_4, "1234", "4111111111111111", aes.encipher, Filling())
    assert made.hex().upper() == block
    assert pinblocks.opened(PinFormat.ISO_4, made, "4111111111111111", aes.decipher) == "1234"


@given(FORMATS, PINS, NUMBERS)
def test_a_pin_comes_back_out_of_its_block(form: PinFormat, pin: str, pan: str):
    key = KEYS[form]
    block = pinblocks.sealed(form, pin, pan, key.encipher, RANDOMNESS)
    assert len(block) == pinblocks.size_of(form)
    assert pinblocks.opened(form, block, pan, key.decipher) == pin


@given(FORMATS, st.binary(max_size=20), NUMBERS)
def test_any_bytes_are_a_block_or_one_error(form: PinFormat, block: bytes, pan: str):
    try:
        pin = pinblocks.opened(form, block, pan, KEYS[form].decipher)
    except KeyStoreError:
        return
    assert 4 <= len(pin) <= 12


@given(PINS, NUMBERS)
def test_format_3_never_fills_up_the_same_way(pin: str, pan: str):
    blocks = {pinblocks.sealed(PinFormat.ISO_3, pin, pan, clear, RANDOMNESS) for _ in range(8)}
    assert len(blocks) > 1 or len(pin) > 10


@pytest.mark.parametrize("pin", ["", "123", "1234567890123", "12a4", "１２３４"])
def test_what_is_no_pin_gets_no_block(pin: str):
    with pytest.raises(KeyStoreError):
        pinblocks.sealed(PinFormat.ISO_0, pin, "43219876543210987", clear, RANDOMNESS)


@pytest.mark.parametrize("pan", ["", "43219876543", "4" * 20, "4321987654321098x"])
def test_what_is_no_card_number_gets_no_block(pan: str):
    for use in (
        lambda: pinblocks.sealed(PinFormat.ISO_0, "1234", pan, clear, RANDOMNESS),
        lambda: pinblocks.opened(PinFormat.ISO_0, bytes(8), pan, clear),
    ):
        with pytest.raises(KeyStoreError):
            use()
