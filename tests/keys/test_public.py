"""Public keys check what the store signed, and nothing else."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.keys.public import BadPublicKeyError, fingerprint, is_signed, pem_public_key, raw_public_key

# RFC 8032, section 7.1, test 2
PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def test_the_standards_own_example() -> None:
    assert is_signed(PUBLIC, b"\x72", SIGNATURE)
    assert not is_signed(PUBLIC, b"\x73", SIGNATURE)
    assert not is_signed(PUBLIC, b"\x72", SIGNATURE[:-1])
    assert not is_signed(PUBLIC[:-1], b"\x72", SIGNATURE)


def test_a_key_is_written_and_read() -> None:
    assert raw_public_key(pem_public_key(PUBLIC).encode()) == PUBLIC
    assert len(fingerprint(PUBLIC)) == 16


def test_other_keys_are_refused() -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    pem = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    private = ed25519.Ed25519PrivateKey.generate().private_bytes_raw()
    for text in (pem, b"", private, pem_public_key(PUBLIC).encode()[:40]):
        with pytest.raises(BadPublicKeyError):
            raw_public_key(text)
