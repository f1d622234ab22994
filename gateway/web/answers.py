"""Signing answers (RFC 9421): status and body, bound to the method and address of the request they answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from gateway.kernel.clock import Clock
from gateway.keys.named import NamedKey
from gateway.keys.port import KeyStore
from gateway.web.content_digest import content_digest
from gateway.web.signature_base import AnswerParts, RequestParts, components, signature_base
from gateway.web.structured import InnerList, Item, show_inner_list, show_item

LABEL: Final = "sig1"
_COVERED: Final = components("@status", "content-digest", of_request=("@method", "@target-uri"))


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerKey:
    """A public key that answers are checked with, as `GET /v1/keys` shows it; `public_key` is PEM."""

    keyid: str
    algorithm: str
    public_key: str


class AnswerSigner:
    """Signs answers with the newest of the named keys; the others only stay listed."""

    def __init__(self, *, keystore: KeyStore, clock: Clock, newest: NamedKey, listed: list[AnswerKey]) -> None:
        self._keystore = keystore
        self._clock = clock
        self._newest = newest
        self.listed = listed

    @classmethod
    async def of(cls, *, keystore: KeyStore, clock: Clock, keys: list[NamedKey]) -> AnswerSigner:
        """Make a signer of the named SIGNING keys, newest first."""
        listed = [await _listed(keystore, key) for key in keys]
        return cls(keystore=keystore, clock=clock, newest=keys[0], listed=listed)

    async def headers(self, *, status: int, body: bytes, request: RequestParts) -> dict[str, str]:
        """Return the headers that make an answer a signed one."""
        key = self.listed[0]
        created = int(self._clock.now().timestamp())
        covered = InnerList(_COVERED, {"created": created, "keyid": key.keyid, "alg": key.algorithm})
        digest = content_digest(body)
        parts = AnswerParts(status=status, headers={"content-digest": digest}, request=request)
        signature = await self._keystore.sign(self._newest.block, signature_base(parts, covered))
        return {
            "Content-Digest": digest,
            "Signature-Input": f"{LABEL}={show_inner_list(covered)}",
            "Signature": f"{LABEL}={show_item(Item(signature))}",
        }


async def _listed(keystore: KeyStore, key: NamedKey) -> AnswerKey:
    pem = await keystore.public_key(key.block)
    is_short = isinstance(load_pem_public_key(pem), Ed25519PublicKey)
    algorithm = "ed25519" if is_short else "rsa-v1_5-sha256"
    return AnswerKey(keyid=f"{key.name}-{key.number}", algorithm=algorithm, public_key=pem.decode("ascii"))
