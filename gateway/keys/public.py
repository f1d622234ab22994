"""Public keys: checking what a SIGNING key of the store has signed needs no store.

Source: Ed25519 (RFC 8032), SubjectPublicKeyInfo in PEM (RFC 8410).
"""

from __future__ import annotations

from hashlib import sha256

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

_SHOWN = 16
_ED25519 = 32


class BadPublicKeyError(ValueError):
    """A text is not the public half of an Ed25519 key."""


def raw_public_key(pem: bytes) -> bytes:
    """Return the 32 bytes of an Ed25519 public key in PEM. Raises BadPublicKeyError."""
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise BadPublicKeyError("a public key is SubjectPublicKeyInfo in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise BadPublicKeyError("the public key is not an Ed25519 key")
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def signing_length(pem: bytes) -> int:
    """Return the length in bytes by which a key like this one is made: 32 for Ed25519, the modulus for RSA."""
    key = load_pem_public_key(pem)
    return key.key_size // 8 if isinstance(key, RSAPublicKey) else _ED25519


def pem_public_key(raw: bytes) -> str:
    """Write the 32 bytes of an Ed25519 public key as PEM."""
    key = Ed25519PublicKey.from_public_bytes(raw)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def fingerprint(raw: bytes) -> str:
    """Return the first 16 hexadecimal letters of the key's SHA-256, for people to compare."""
    return sha256(raw).hexdigest()[:_SHOWN]


def is_signed(raw: bytes, data: bytes, signature: bytes) -> bool:
    """Tell whether `signature` is the Ed25519 signature of `data` by the key of these 32 bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True
