"""Recognising repeats: what a command's Idempotency-Key and its signature's nonce leave in the books.

A command that becomes a change leaves journal keys, one that becomes an edit leaves the edit's key and nonce.

The keys are written with the change they belong to, never before: what was not done leaves no key behind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from gateway.api.ports import Submission
from gateway.api.route import BadRequestError
from gateway.journal.model import Key
from gateway.kernel.postgres.edit import Nonce
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
    """Makes submissions; the digests are keyed by the key store."""

    def __init__(self, *, keystore: KeyStore, keys_kept: timedelta, window: timedelta) -> None:
        self._keystore = keystore
        self._keys_kept = keys_kept
        # a signature of the future's edge is good until twice the window from now
        self._nonces_kept = 2 * window

    async def submission(self, proof: Proof, *, name: str | None, content: bytes, at: datetime) -> Submission:
        """Return the submission of a command.

        `name` is the Idempotency-Key, known among the keys of the systems of the caller's party, or of the one user who
        calls; `content` is what a repeat must have in common with the first request. The nonce is known among those of
        its key: with other bytes it is refused. A request of a session has none. `name` is None where the command is
        known by a reference of its own.
        """
        input_ = _Kept(
            scope=_scope(proof),
            name=name or "",
            digest=await self._keystore.digest(_INPUT, content),
            expires_at=at + self._keys_kept,
            refusal=Reason.KEY_REUSED,
        )
        nonce = await self._nonce(proof, at)
        kept = tuple(one for one in (nonce, input_ if name else None) if one is not None)
        return Submission(
            caller=proof.caller,
            at=at,
            key=f"{input_.scope}/{name}",
            said={"request": input_.digest.value.hex()},
            nonce=None if nonce is None else _edit_nonce(nonce),
            keys=_keys_of(kept),
        )

    async def _nonce(self, proof: Proof, at: datetime) -> _Kept | None:
        if proof.nonce is None:
            return None
        return _Kept(
            scope=f"nonce:{proof.caller.name}",
            name=proof.nonce,
            digest=await self._keystore.digest(_NONCE, proof.signed),
            expires_at=at + self._nonces_kept,
            refusal=Reason.BAD_SIGNATURE,
        )


def idempotency_key(header: str | None) -> str:
    """Return the Idempotency-Key of a command. Raises BadRequestError where it is missing or not allowed."""
    if header is None:
        raise BadRequestError(Reason.MISSING_KEY, "every POST carries an Idempotency-Key of the caller's choice")
    if not 0 < len(header) <= _LONGEST or not header.isascii() or not header.isprintable():
        raise BadRequestError(Reason.FORMAT, f"an Idempotency-Key has 1 to {_LONGEST} visible ASCII characters")
    return header


def _scope(proof: Proof) -> str:
    # secrets take no part in comparing repeats, so what one user did must never answer another
    caller = proof.caller
    return f"api:{caller.party}" if caller.user is None else f"user:{caller.user}"


def _keys_of(kept: tuple[_Kept, ...]) -> Callable[[UUID], tuple[Key, ...]]:
    return lambda subject: tuple(_key(one, subject) for one in kept)


def _edit_nonce(kept: _Kept) -> Nonce:
    return Nonce(scope=kept.scope, name=kept.name, digest=kept.digest.value, expires_at=kept.expires_at)


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
