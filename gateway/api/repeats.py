"""Recognising repeats: the journal keys of a command's Idempotency-Key and of its signature's nonce.

The keys are written with the change they belong to, never before: what was not done leaves no key behind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from gateway.api.route import BadRequestError
from gateway.journal.model import Key
from gateway.kernel.reasons import Reason
from gateway.keys.port import Digest, KeyStore
from gateway.web import Proof

_LONGEST: Final = 255
_INPUT, _NONCE = "api.input", "api.nonce"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    scope: str
    name: str
    digest: Digest
    expires_at: datetime
    refusal: Reason


class Repeats:
    """Makes journal keys; the digests are keyed by the key store."""

    def __init__(self, *, keystore: KeyStore, keys_kept: timedelta, window: timedelta) -> None:
        self._keystore = keystore
        self._keys_kept = keys_kept
        # a signature of the future's edge is good until twice the window from now
        self._nonces_kept = 2 * window

    async def keys(self, proof: Proof, *, name: str, content: bytes, at: datetime) -> Callable[[UUID], tuple[Key, ...]]:
        """Return what makes the keys of a command, once its subject is known.

        `name` is the Idempotency-Key, known among the keys of the caller's party; `content` is what a repeat must have
        in common with the first request. The nonce is known among those of its key: with other bytes it is refused.
        """
        caller = proof.caller
        kept = (
            _Kept(
                scope=f"nonce:{caller.keyid}",
                name=proof.nonce or "",
                digest=await self._keystore.digest(_NONCE, proof.signed),
                expires_at=at + self._nonces_kept,
                refusal=Reason.BAD_SIGNATURE,
            ),
            _Kept(
                scope=f"api:{caller.party}",
                name=name,
                digest=await self._keystore.digest(_INPUT, content),
                expires_at=at + self._keys_kept,
                refusal=Reason.KEY_REUSED,
            ),
        )
        return lambda subject: tuple(_key(one, subject) for one in kept)


def idempotency_key(header: str | None) -> str:
    """Return the Idempotency-Key of a command. Raises BadRequestError where it is missing or not allowed."""
    if header is None:
        raise BadRequestError(Reason.MISSING_KEY, "every POST carries an Idempotency-Key of the caller's choice")
    if not 0 < len(header) <= _LONGEST or not header.isascii() or not header.isprintable():
        raise BadRequestError(Reason.FORMAT, f"an Idempotency-Key has 1 to {_LONGEST} visible ASCII characters")
    return header


def _key(kept: _Kept, subject: UUID) -> Key:
    return Key(
        scope=kept.scope,
        name=kept.name,
        digest=kept.digest.value,
        digest_version=kept.digest.version,
        subject=subject,
        expires_at=kept.expires_at,
        refusal=kept.refusal,
    )
