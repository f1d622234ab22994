"""Checking a signature by its algorithm (RFC 9421 section 3.3)."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.serialization import load_der_public_key

from gateway.access import Algorithm

_P256_HALF: Final = 32
_PSS_SALT: Final = 64


def hmac_is_good(secret: bytes, data: bytes, signature: bytes) -> bool:
    """Check an `hmac-sha256` signature in constant time."""
    return hmac.compare_digest(hmac.digest(secret, data, sha256), signature)


def signature_is_good(algorithm: Algorithm, public_key: bytes, data: bytes, signature: bytes) -> bool:
    """Check a signature by a public key (SubjectPublicKeyInfo in DER) that was enrolled for `algorithm`."""
    try:
        _CHECKS[algorithm](_loaded(public_key), data, signature)
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=4096)
def _loaded(public_key: bytes) -> Any:
    return load_der_public_key(public_key)


def _check_ed25519(key: ed25519.Ed25519PublicKey, data: bytes, signature: bytes) -> None:
    key.verify(signature, data)


def _check_rsa_pss(key: rsa.RSAPublicKey, data: bytes, signature: bytes) -> None:
    key.verify(signature, data, padding.PSS(padding.MGF1(SHA512()), _PSS_SALT), SHA512())


def _check_p256(key: ec.EllipticCurvePublicKey, data: bytes, signature: bytes) -> None:
    if len(signature) != 2 * _P256_HALF:
        raise InvalidSignature
    r, s = int.from_bytes(signature[:_P256_HALF]), int.from_bytes(signature[_P256_HALF:])
    key.verify(encode_dss_signature(r, s), data, ec.ECDSA(SHA256()))


_CHECKS: Final[dict[Algorithm, Callable[[Any, bytes, bytes], None]]] = {
    Algorithm.ED25519: _check_ed25519,
    Algorithm.RSA_PSS_SHA512: _check_rsa_pss,
    Algorithm.ECDSA_P256_SHA256: _check_p256,
}
