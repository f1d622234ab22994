from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.kernel.randomness import SeededRandomness
from gateway.keys.keyblock import Header, check_value_of, read_header, unwrap, wrap
from gateway.keys.port import KeyStoreError

# TR-31:2018 appendix A.7.4, an AES key for PIN encryption under a 256-bit block protection key.
PUBLISHED_KBPK = bytes.fromhex("88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01058FA79F44657DE6")
PUBLISHED_KEY = "3F419E1CB7079442AA37474C2EFBF8B8"
PUBLISHED_BLOCK = (
    "D0112P0AE00E0000B82679114F470F540165EDFBF7E250FCEA43F810D215F8D207E2E417C07156A27E8E31DA05F7425509593D03A457DC34"
)
KBPK = bytes(range(32))
RANDOMNESS = SeededRandomness(7)


def test_the_published_block_opens():
    header, key = unwrap(PUBLISHED_KBPK, PUBLISHED_BLOCK)
    assert header == Header(usage="P0", algorithm="A", mode="E", version="00", exportability="E")
    assert key.hex().upper() == PUBLISHED_KEY


def test_the_published_block_is_made_from_its_padding():
    class Padding:
        def octets(self, count: int) -> bytes:
            return bytes.fromhex("1C2965473CE206BB855B01533782")[:count]

    header = Header(usage="P0", algorithm="A", mode="E", exportability="E")
    assert wrap(PUBLISHED_KBPK, header, bytes.fromhex(PUBLISHED_KEY), Padding()) == PUBLISHED_BLOCK


@pytest.mark.parametrize(
    ("kbpk", "key", "block", "usage"),
    [
        # TR-31:2018 annex A.7.2.2 and A.7.3.2, the second with an optional block
        (
            "DD7515F2BFC17F85CE48F3CA25CB21F6",
            "3F419E1CB7079442AA37474C2EFBF8B8",
            "B0080P0TE00E000094B420079CC80BA3461F86FE26EFC4A3B8E4FA4C5F5341176EED7B727B8A248E",
            "P0",
        ),
        (
            "1D22BF32387C600AD97F9B97A51311AC",
            "E8BC63E5479455E26577F715D587FE68",
            "B0104B0TX12S0100KS1800604B120F9292800000BB68BE8680A400D9191AD4ECE45B6E6C0D21C4738A52190E248719E24B433627",
            "B0",
        ),
    ],
)
def test_published_blocks_of_version_b_open(kbpk: str, key: str, block: str, usage: str):
    header, opened = unwrap(bytes.fromhex(kbpk), block)
    assert (header.form, header.usage, header.algorithm, opened.hex().upper()) == ("B", usage, "T", key)


def test_a_published_block_of_version_b_is_made_from_its_padding():
    class Padding:
        def octets(self, count: int) -> bytes:
            return bytes.fromhex("1C2965473CE2")[:count]

    header = Header(usage="P0", algorithm="T", mode="E", exportability="E", form="B")
    made = wrap(bytes.fromhex("DD7515F2BFC17F85CE48F3CA25CB21F6"), header, bytes.fromhex(PUBLISHED_KEY), Padding())
    assert made == "B0080P0TE00E000094B420079CC80BA3461F86FE26EFC4A3B8E4FA4C5F5341176EED7B727B8A248E"


@given(length=st.sampled_from((16, 24)), key=st.binary(min_size=1, max_size=600), serial=st.booleans())
def test_version_b_brings_back_what_goes_in(length: int, key: bytes, *, serial: bool):
    header = Header(
        usage="B0", algorithm="T", mode="X", optional=(("KS", "00604B120F9292800000"),) if serial else (), form="B"
    )
    block = wrap(bytes(range(length)), header, key, RANDOMNESS)
    assert unwrap(bytes(range(length)), block) == (header, key)
    with pytest.raises(KeyStoreError):
        unwrap(bytes(range(1, length + 1)), block)


@given(
    kbpk=st.sampled_from([bytes(range(length)) for length in (16, 24, 32)]),
    key=st.binary(min_size=1, max_size=600),
    named=st.booleans(),
)
def test_what_goes_in_comes_out(kbpk: bytes, key: bytes, *, named: bool):
    optional = (("KP", "01" + check_value_of(kbpk)),) if named else ()
    header = Header(usage="M3", algorithm="T", mode="C", optional=optional)
    block = wrap(kbpk, header, key, RANDOMNESS)
    assert unwrap(kbpk, block) == (header, key)
    assert int(block[1:5]) == len(block)
    assert header.protected_by == (check_value_of(kbpk) if named else None)


@given(st.text(max_size=200))
def test_any_text_is_a_block_or_one_error(text: str):
    with pytest.raises(KeyStoreError):
        unwrap(KBPK, text)


@given(st.data())
def test_any_damage_is_an_error(data: st.DataObject):
    block = wrap(KBPK, Header(usage="M3", algorithm="T", mode="C"), bytes(16), SeededRandomness(1))
    place = data.draw(st.integers(0, len(block) - 1))
    letter = data.draw(st.characters().filter(lambda drawn: drawn.upper() != block[place]))
    with pytest.raises(KeyStoreError):
        unwrap(KBPK, block[:place] + letter + block[place + 1 :])


def test_another_protection_key_does_not_open_it():
    block = wrap(KBPK, Header(usage="M3", algorithm="T", mode="C"), bytes(16), RANDOMNESS)
    with pytest.raises(KeyStoreError, match="another master key"):
        unwrap(bytes(32), block)


@pytest.mark.parametrize(
    "text",
    [
        "B0112P0AE00E0000" + "0" * 96,
        "D0112P0AE00E0100" + "0" * 96,
        "D0112P0AE00E0100KP02" + "0" * 92,
        "D0112P0AE00E0100KPFF" + "0" * 92,
        "D0112P0AE00E0100KP06" + "0" * 92,
        "D0112P0AE00E9900KP10" + "0" * 92,
        "D0048P0AE00E0000" + "0" * 32,
    ],
)
def test_blocks_of_impossible_shape(text: str):
    with pytest.raises(KeyStoreError):
        unwrap(KBPK, text)


def test_the_header_is_read_without_the_key():
    header, length = read_header(PUBLISHED_BLOCK)
    assert (header.usage, header.algorithm, length) == ("P0", "A", 16)


def test_a_key_too_long_for_a_block_is_refused():
    with pytest.raises(KeyStoreError, match="fit"):
        wrap(KBPK, Header(usage="S0", algorithm="R", mode="S"), bytes(6000), RANDOMNESS)
