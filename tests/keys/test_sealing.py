from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.keys.port import KeyStoreError
from gateway.keys.sealing import SealingKey

NONCE = b"ABCDEFGHIJKLMNOPQRSTUVWX"


@pytest.mark.parametrize(
    ("key", "bound", "sealed"),
    [  # C2SP XAES-256-GCM, test vectors
        (b"\1" * 32, b"", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"),
        (b"\3" * 32, b"c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"),
    ],
)
def test_published_vectors(key: bytes, bound: bytes, sealed: str):
    assert SealingKey(key).seal(NONCE, b"XAES-256-GCM", bound).hex() == sealed
    assert SealingKey(key).unseal(NONCE, bytes.fromhex(sealed), bound) == b"XAES-256-GCM"


@given(key=st.binary(min_size=32, max_size=32), nonce=st.binary(min_size=24, max_size=24), clear=st.binary())
def test_only_the_same_three_open_it(key: bytes, nonce: bytes, clear: bytes):
    sealing = SealingKey(key)
    sealed = sealing.seal(nonce, clear, b"card")
    assert sealing.unseal(nonce, sealed, b"card") == clear
    other = bytes([nonce[0] ^ 1]) + nonce[1:]
    for given_nonce, bound in ((nonce, b"file"), (other, b"card")):
        with pytest.raises(KeyStoreError):
            sealing.unseal(given_nonce, sealed, bound)
