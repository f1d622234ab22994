"""Proving who a request comes from: a signature (RFC 9421) or a session's token (RFC 6750), never both."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Protocol

from gateway.access import Algorithm, ApiKey, Caller
from gateway.kernel.clock import Clock
from gateway.keys.port import KeyStoreError
from gateway.web.algorithms import hmac_is_good, signature_is_good
from gateway.web.content_digest import digest_fault
from gateway.web.signature_base import RequestParts, UncoveredError, signature_base
from gateway.web.structured import InnerList, Item, StructuredFieldError, Token, read_dictionary

_NONCE_MOST: Final = 128
_SAFE: Final = frozenset({"GET", "HEAD"})


class ProofError(Exception):
    """The request is not proven. `kind` counts it (a closed set), the text tells the caller what to mend."""

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(why)
        self.kind = kind


class Keys(Protocol):
    """Finds the keys that requests are signed with (`gateway.access.Keyring`)."""

    async def find(self, keyid: str) -> ApiKey | None:
        """Return the key of that name, active or not."""
        ...

    async def secret(self, key: ApiKey) -> bytes:
        """Return the clear secret of an HMAC key."""
        ...


class Sessions(Protocol):
    """Finds the users behind tokens (`gateway.access.Sessions`)."""

    async def find(self, token: str) -> Caller | None:
        """Return whose session it is, with the rights they have now; None where it is unknown or has ended."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A proven request: who it comes from, and where they signed it, the nonce they gave and the bytes they signed."""

    caller: Caller
    nonce: str | None = None
    signed: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """What a request says of its own signature, not proven yet."""

    covered: InnerList
    signature: bytes
    keyid: str
    algorithm: str
    nonce: str | None


class Prover:
    """Checks signatures against the keyring and tokens against the sessions.

    It keeps nothing: a nonce is written with the change it belongs to.
    """

    def __init__(self, *, keys: Keys, sessions: Sessions, clock: Clock, window: timedelta) -> None:
        self._keys = keys
        self._sessions = sessions
        self._clock = clock
        self._window_s = int(window.total_seconds())

    async def prove(self, request: RequestParts, *, has_body: bool) -> Proof:
        """Return who sent `request`. Raises ProofError where nobody we know did, or not signed as it should be.

        The body need not have arrived: it is proven by `refuse_other_body` afterwards, so that nobody unknown can make
        us read a large one.
        """
        if "authorization" in request.headers:
            return await self._of_session(request)
        claim = self._claim(request)
        _refuse_uncovered(request, claim.covered, has_body=has_body)
        key = await self._keys.find(claim.keyid)
        if key is None or not key.active:
            raise ProofError("key", f"the keyid {claim.keyid!r} is not known or was taken back")
        if claim.algorithm != key.algorithm:
            raise ProofError("algorithm", f"the parameter alg must be {key.algorithm.value!r}, as the key was enrolled")
        signed = _base(request, claim.covered)
        if not await self._is_good(key, signed, claim.signature):
            raise ProofError("signature", f"the signature does not fit; we expect it over {request.target_uri}")
        caller = Caller(party=key.party_id, permissions=key.permissions, name=key.keyid, sees=key.sees)
        return Proof(caller=caller, nonce=claim.nonce, signed=signed)

    async def _of_session(self, request: RequestParts) -> Proof:
        scheme, _, token = request.headers["authorization"].partition(" ")
        if scheme.lower() != "bearer" or "signature-input" in request.headers:
            raise ProofError("session", "Authorization is `Bearer` and a session's token, without a signature beside")
        caller = await self._sessions.find(token.strip())
        if caller is None:
            raise ProofError("session", "the session is unknown or has ended; log in again")
        return Proof(caller=caller)

    def _claim(self, request: RequestParts) -> _Claim:
        covered, signature = _members(request)
        self._refuse_time(covered)
        keyid, algorithm = _text(covered, "keyid"), _text(covered, "alg")
        nonce = _text(covered, "nonce") if "nonce" in covered.parameters else None
        if nonce is not None and not 0 < len(nonce) <= _NONCE_MOST:
            raise ProofError("nonce", f"the parameter nonce has 1 to {_NONCE_MOST} characters")
        if nonce is None and request.method not in _SAFE:
            raise ProofError("nonce", "the parameter nonce is missing; every request that changes something has one")
        return _Claim(covered=covered, signature=signature, keyid=keyid, algorithm=algorithm, nonce=nonce)

    def _refuse_time(self, covered: InnerList) -> None:
        created, expires = covered.parameters.get("created"), covered.parameters.get("expires")
        now = int(self._clock.now().timestamp())
        if type(created) is not int:
            raise ProofError("time", "the parameter created is missing or not a whole number of seconds")
        if abs(now - created) > self._window_s:
            off = f"{abs(now - created)} s {'ago' if created < now else 'ahead'}"
            raise ProofError("time", f"the signature was made {off} by our clock; {self._window_s} s are allowed")
        if expires is not None and (type(expires) is not int or expires < now):
            raise ProofError("time", "the signature has expired")

    async def _is_good(self, key: ApiKey, signed: bytes, signature: bytes) -> bool:
        if key.algorithm is not Algorithm.HMAC_SHA256:
            return signature_is_good(key.algorithm, key.public_key or b"", signed, signature)
        try:
            return hmac_is_good(await self._keys.secret(key), signed, signature)
        except KeyStoreError as error:
            raise ProofError("key", "this key cannot be used here; ask the operator") from error


def refuse_other_body(request: RequestParts, body: bytes, *, is_signed: bool) -> None:
    """Raise ProofError where `body` is not the one whose digest the headers carry; a signed body needs one."""
    header = request.headers.get("content-digest")
    if header is None:
        if body and is_signed:
            raise ProofError("digest", "Content-Digest is missing; a body needs one")
        return
    fault = digest_fault(header, body)
    if fault is not None:
        raise ProofError("digest", fault)


def _members(request: RequestParts) -> tuple[InnerList, bytes]:
    """Return the first signature that the request carries: what it covers, and its bytes."""
    if "signature-input" not in request.headers or "signature" not in request.headers:
        raise ProofError("missing", "Signature-Input and Signature are missing; requests are signed by RFC 9421")
    try:
        inputs = read_dictionary(request.headers["signature-input"])
        signatures = read_dictionary(request.headers["signature"])
    except StructuredFieldError as error:
        raise ProofError("format", f"Signature-Input or Signature cannot be read: {error}") from error
    label = next((label for label in inputs if label in signatures), None)
    covered, signature = (inputs[label], signatures[label]) if label is not None else (None, None)
    if not isinstance(covered, InnerList) or not isinstance(signature, Item) or not isinstance(signature.value, bytes):
        raise ProofError("format", "Signature-Input needs a list and Signature a byte sequence under one label")
    return covered, signature.value


def _refuse_uncovered(request: RequestParts, covered: InnerList, *, has_body: bool) -> None:
    needed = ["@method", "@target-uri"]
    needed += ["content-digest"] if has_body else []
    needed += ["idempotency-key"] if "idempotency-key" in request.headers else []
    given = {item.value for item in covered.items if not item.parameters}
    missing = [name for name in needed if name not in given]
    if missing:
        raise ProofError("coverage", f"the signature must also cover {' '.join(missing)}")


def _base(request: RequestParts, covered: InnerList) -> bytes:
    try:
        return signature_base(request, covered)
    except UncoveredError as error:
        raise ProofError("coverage", str(error)) from error


def _text(covered: InnerList, name: str) -> str:
    value = covered.parameters.get(name)
    if not isinstance(value, str) or isinstance(value, Token):
        raise ProofError("format", f"the parameter {name} is missing or not a string")
    return value
