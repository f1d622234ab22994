from __future__ import annotations

import base64
from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from channels.signatures import RsaSha256Verifier
from channels.xmlbank import XmlBank


@dataclass
class Party:
    """A holder of an RSA key: the bank, or us."""

    key_id: str
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    async def sign(self, data: bytes) -> bytes:
        return self.signature(data)

    def signature(self, data: bytes) -> bytes:
        return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())

    def headers(self, body: bytes) -> dict[str, str]:
        return {"X-Bank-Key": self.key_id, "X-Bank-Signature": base64.b64encode(self.signature(body)).decode()}

    @property
    def public(self) -> str:
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture(scope="session")
def house() -> Party:
    return Party("tillgate-1")


@pytest.fixture(scope="session")
def bank() -> Party:
    return Party("bank-1")


@pytest.fixture
def channel(house: Party, bank: Party) -> XmlBank:
    return XmlBank({"customer": "TILLGATE01"}, house, RsaSha256Verifier({bank.key_id: bank.public}))
