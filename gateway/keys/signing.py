"""Signing keys: RSA and Ed25519 private keys as the key store holds them.

Source: PKCS#1 v1.5 with SHA-256 (RFC 8017) for banks, Ed25519 (RFC 8032) for HTTP answers.
"""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from gateway.kernel.randomness import Randomness
from gateway.keys.port import KeyStoreError
from gateway.keys.uses import ELLIPTIC, RSA

PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

ED25519_LENGTH = 32
_RSA_LENGTHS = (256, 384, 512)


def refuse_other_length(length: int) -> None:
    """Raise KeyStoreError for a length that no signing key has."""
    if length != ED25519_LENGTH and length not in _RSA_LENGTHS:
        raise KeyStoreError(f"a signing key has 32 (Ed25519), 256, 384 or 512 bytes (RSA), not {length}")


def make_private_key(length: int, randomness: Randomness) -> PrivateKey:
    """Make an Ed25519 key (32 bytes) or an RSA key with a modulus of 256, 384 or 512 bytes."""
    refuse_other_length(length)
    if length == ED25519_LENGTH:
        return ed25519.Ed25519PrivateKey.from_private_bytes(randomness.octets(length))
    return rsa.generate_private_key(public_exponent=65537, key_size=length * 8)


def read_private_key(text: bytes) -> PrivateKey:
    """Read a key that came from outside, in PEM without a passphrase."""
    try:
        return _known(serialization.load_pem_private_key(text, password=None))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyStoreError("a signing key is entered as PKCS#8 in PEM, without a passphrase") from None


def read_stored_key(data: bytes) -> PrivateKey:
    """Read a key as its block holds it (PKCS#8 in DER)."""
    return _known(serialization.load_der_private_key(data, password=None))


def stored_form(key: PrivateKey) -> bytes:
    """Return the bytes that a block holds (PKCS#8 in DER)."""
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def clear_form(key: PrivateKey) -> bytes:
    """Return the key as it is entered: PKCS#8 in PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def algorithm_letter(key: PrivateKey) -> str:
    """Return the key block's algorithm letter."""
    return RSA if isinstance(key, rsa.RSAPrivateKey) else ELLIPTIC


def signature(key: PrivateKey, data: bytes) -> bytes:
    """Sign `data` as the key's kind does."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, PKCS1v15(), SHA256())
    return key.sign(data)


def public_form(key: PrivateKey) -> bytes:
    """Return the public half as SubjectPublicKeyInfo in PEM."""
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def public_der(pkcs1: bytes) -> bytes:
    """Return an RSA public key (PKCS#1 in DER) as SubjectPublicKeyInfo in DER."""
    key = serialization.load_der_public_key(pkcs1)
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def public_pem(der: bytes) -> bytes:
    """Return SubjectPublicKeyInfo in DER as PEM."""
    key = serialization.load_der_public_key(der)
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _known(key: object) -> PrivateKey:
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _RSA_LENGTHS[0] * 8:
        return key
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    raise KeyStoreError("a signing key is RSA of 2048 bits or more, or Ed25519")
