"""Signatures of the real-time interface: RSA PKCS#1 v1.5 with SHA-256 over the raw body, in base64."""

from __future__ import annotations

import base64
import binascii

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


class Seal:
    """Signs with the bank's key and checks with the customer's."""

    def __init__(self, *, bank_key: str, customer_key_id: str, customer_key: str) -> None:
        self._own = _private(bank_key)
        self._customer_key_id = customer_key_id
        self._theirs = _private(customer_key).public_key()

    def sign(self, body: bytes) -> str:
        """Return the value of `X-Bank-Signature` for `body`."""
        return base64.b64encode(self._own.sign(body, padding.PKCS1v15(), hashes.SHA256())).decode()

    def is_good(self, *, key_id: str, body: bytes, signature: str) -> bool:
        """Tell whether `signature` is the customer's over `body`."""
        if key_id != self._customer_key_id:
            return False
        try:
            raw = base64.b64decode(signature, validate=True)
            self._theirs.verify(raw, body, padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


def _private(pem: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("the signing keys of the real-time interface are RSA keys")
    return key
