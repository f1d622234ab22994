"""RSA PKCS#1 v1.5 with SHA-256, as many banks sign their messages (rows C92, C93)."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key


class RsaSha256Verifier:
    """Checks signatures of one bank, whose keys are known by name.

    `keys` maps the bank's key id to a public key in PEM. Raises ValueError for keys other than RSA of 2048 bits up.
    """

    def __init__(self, keys: dict[str, str]) -> None:
        self._keys = {name: _rsa(name, pem) for name, pem in keys.items()}

    def is_good(self, key_id: str, data: bytes, signature: bytes) -> bool:
        """Tell whether `signature` is the bank's over `data`; an unknown key is a wrong one."""
        key = self._keys.get(key_id)
        if key is None:
            return False
        try:
            key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True


def _rsa(name: str, pem: str) -> rsa.RSAPublicKey:
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < 2048:
        message = f"the bank's key {name} must be an RSA public key of at least 2048 bits"
        raise ValueError(message)
    return key
