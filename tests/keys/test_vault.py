from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.kernel.randomness import SystemRandomness
from gateway.keys import KeyStoreError, SoftwareKeyStore, Vault, mask, masters_from_text

PAN = "6222020000000000"


def vault(*masters: str) -> Vault:
    text = ",".join(f"{number}:{master * 32}" for number, master in enumerate(masters, start=1))
    return Vault(SoftwareKeyStore(masters=masters_from_text(text), randomness=SystemRandomness()))


async def test_a_kept_card_is_found_by_fingerprint_and_revealed_on_purpose():
    kept = vault("11")
    token, again = await kept.keep(PAN), await kept.keep(PAN)
    assert await kept.reveal(token.sealed) == PAN
    assert token.mask == "622202******0000"
    assert token.fingerprint == again.fingerprint
    assert token.sealed != again.sealed
    assert PAN.encode() not in token.sealed
    assert PAN not in repr(token)


async def test_a_fingerprint_is_keyed():
    assert (await vault("11").keep(PAN)).fingerprint != (await vault("22").keep(PAN)).fingerprint


async def test_fingerprints_are_given_under_every_live_version():
    old = await vault("11").keep(PAN)
    prints = await vault("11", "22").fingerprints(PAN)
    assert [(digest.version, digest.value == old.fingerprint) for digest in prints] == [(2, False), (1, True)]
    assert (await vault("11", "22").keep(PAN)).fingerprint_version == 2


async def test_bytes_sealed_for_something_else_are_no_card():
    store = SoftwareKeyStore(masters=masters_from_text(f"1:{'11' * 32}"), randomness=SystemRandomness())
    with pytest.raises(KeyStoreError):
        await Vault(store).reveal(await store.seal("file", PAN.encode()))


@pytest.mark.parametrize(
    "text", ["", "12345", "6222 0200 0000 0000", "6222-0200", "６２２２０２００００００", "1" * 35]
)
async def test_what_is_no_number_is_refused_without_being_shown(text):
    for ask in (vault("11").keep, vault("11").fingerprints):
        with pytest.raises(ValueError) as refused:
            await ask(text)
        assert not text or text not in str(refused.value)


@pytest.mark.parametrize(
    ("pan", "shown"),
    [
        ("6222020000000000123", "622202*********0123"),
        ("6222020000000", "622202***0000"),
        ("622202000000", "********0000"),
        ("12345678", "****5678"),
        ("1234567", "*******"),
    ],
)
def test_a_mask_always_hides_enough(pan, shown):
    assert mask(pan) == shown


@given(st.text("0123456789", min_size=6, max_size=34))
def test_a_mask_shows_ten_at_most_and_keeps_the_length(pan: str):
    shown = mask(pan)
    assert len(shown) == len(pan)
    assert sum(letter != "*" for letter in shown) <= 10
    assert "***" in shown
