"""Giving out API keys and taking them back, through the edit shell."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from gateway.access import store
from gateway.access.authority import refusal_beyond
from gateway.access.model import SECRET_PURPOSE, Algorithm, ApiKey
from gateway.access.order import Order
from gateway.access.roles import known_items
from gateway.access.writing import Decision, Pen, Written
from gateway.journal.model import Refused
from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.edit import Add, Alter, Edit, EditRefused, Line, apply_edit
from gateway.kernel.postgres.pool import Database
from gateway.kernel.randomness import Randomness
from gateway.kernel.reasons import Reason
from gateway.keys.port import KeyStore
from gateway.parties import Kind, Scope
from gateway.parties import store as parties

SECRET_LENGTH = 32
_KEYID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_SMALLEST_RSA = 2048
_OPERATORS = frozenset({Kind.PLATFORM, Kind.INSTITUTION})


class BadApiKeyError(Exception):
    """The key cannot be given out or taken back; the text says why, never a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiKey:
    """A key to be given out: `public_key` in PEM, or `secret` (32 bytes or more) for HMAC."""

    keyid: str
    algorithm: Algorithm
    party_id: UUID
    permissions: frozenset[str]
    public_key: bytes | None = None
    secret: bytes | None = field(default=None, repr=False)


class Enrolment:
    """Gives out keys and takes them back, for `who` or by a caller's order."""

    def __init__(
        self, *, pool: Database, keystore: KeyStore, clock: Clock, ids: Ids, who: str, reads: Database | None = None
    ) -> None:
        self._pool = pool
        self._reads = reads or pool
        self._keystore = keystore
        self._clock = clock
        self._ids = ids
        self._who = who
        self._pen = Pen(pool=pool, ids=ids)

    async def enrol(self, new: NewApiKey) -> ApiKey:
        """Give out a key; the same key again gives the record that is there.

        Raises:
            BadApiKeyError: the name, the key or its permissions are not allowed, or the name is taken by another key.
        """
        lines = await self._lines(new)
        await self._edit(f"api_key/{new.keyid}", _said(new, _public_form(new)), "API key given out", *lines)
        return await self._read(new.keyid)

    async def give_out(self, order: Order, new: NewApiKey) -> Written | Refused:
        """Give out a key by order: for a party the caller sees, with permissions they have."""

        async def decide() -> Decision:
            if await parties.party_in(self._reads, order.caller.sees, new.party_id) is None:
                return Refused(Reason.NOT_FOUND, "no such party")
            try:
                lines = await self._lines(new)
            except BadApiKeyError as error:
                return Refused(Reason.FORMAT, str(error))
            return refusal_beyond(order.caller, new.permissions) or lines

        return await self._pen.write(order, f"API key {new.keyid} given out", decide)

    async def take_back(self, order: Order, id_: UUID) -> Written | Refused:
        """Take a key back by order; the caller must have what the key has."""

        async def decide() -> Decision:
            found = await store.api_key_in(self._reads, order.caller.sees, id_)
            if found is None:
                return Refused(Reason.NOT_FOUND, "no such API key")
            line = Alter(store.API_KEY, found.id, found.version, {"state": "revoked"})
            return refusal_beyond(order.caller, found.permissions) or (line,)

        return await self._pen.write(order, "API key taken back", decide)

    async def list(self, sees: Scope) -> Sequence[ApiKey]:
        """List the keys of the parties that a caller sees."""
        return await store.api_keys(self._reads, sees)

    async def find(self, sees: Scope, id_: UUID) -> ApiKey | None:
        """Read a key of a party that a caller sees."""
        return await store.api_key_in(self._reads, sees, id_)

    async def revoke(self, keyid: str, *, why: str) -> ApiKey:
        """Take a key back; one that was taken back already stays so. Raises BadApiKeyError where there is none."""
        found = await self._read(keyid)
        if found.active:
            line = Alter(store.API_KEY, found.id, found.version, {"state": "revoked"})
            await self._edit(f"api_key/{keyid}/revoke/{found.version}", {"why": why}, why, line)
        return await self._read(keyid)

    async def _read(self, keyid: str) -> ApiKey:
        found = await store.api_key(self._pool, keyid)
        if found is None:
            raise BadApiKeyError(f"there is no API key {keyid}")
        return found

    async def _lines(self, new: NewApiKey) -> tuple[Add, ...]:
        items = await self._items(new)
        id_ = self._ids.new()
        row = {
            "id": id_,
            "keyid": new.keyid,
            "algorithm": new.algorithm,
            "public_key": _public_form(new),
            "secret": await self._sealed(new),
            "party_id": new.party_id,
            "created_at": self._clock.now(),
        }
        links = ({"id": self._ids.new(), "key_id": id_, "permission_id": item} for item in items)
        return (Add(store.API_KEY, row), *(Add(store.API_KEY_PERMISSION, link) for link in links))

    async def _items(self, new: NewApiKey) -> Iterable[UUID]:
        """Return the ids of the permission items; refuses those that are none, or not for this key's party."""
        party = await parties.party(self._pool, new.party_id)
        if party is None:
            raise BadApiKeyError(f"the API key {new.keyid} names a party that is not there")
        if not new.permissions:
            raise BadApiKeyError(f"the API key {new.keyid} has no permission")
        items = await store.items(self._pool)
        found = known_items({item.code: item.id for item in items}, new.permissions)
        if isinstance(found, Refused):
            raise BadApiKeyError(found.detail)
        reserved = sorted(new.permissions & {item.code for item in items if item.for_operators})
        if reserved and party.kind not in _OPERATORS:
            raise BadApiKeyError(f"only keys of the platform or of an institution have {', '.join(reserved)}")
        return found.values()

    async def _sealed(self, new: NewApiKey) -> bytes | None:
        return None if new.secret is None else await self._keystore.seal(SECRET_PURPOSE, new.secret)

    async def _edit(self, key: str, said: dict[str, object], why: str, *lines: Line) -> None:
        edit = Edit(id=self._ids.new(), key=key, who=self._who, why=why, at=self._clock.now(), said=said, lines=lines)
        result = await apply_edit(self._pool, edit)
        if isinstance(result, EditRefused):
            raise BadApiKeyError(f"{key}: {result.detail}")


def new_secret(randomness: Randomness) -> bytes:
    """Make a secret for an HMAC key."""
    return randomness.octets(SECRET_LENGTH)


def _said(new: NewApiKey, public: bytes | None) -> dict[str, object]:
    # a secret of 256 random bits is not found from its hash
    material = public if new.secret is None else new.secret
    return {
        "algorithm": new.algorithm,
        "key": hashlib.sha256(material or b"").hexdigest(),
        "party": str(new.party_id),
        "permissions": sorted(new.permissions),
    }


def _public_form(new: NewApiKey) -> bytes | None:
    """Return the public key as it is stored (DER). Raises BadApiKeyError where name, key and algorithm do not agree."""
    if not _KEYID.fullmatch(new.keyid):
        raise BadApiKeyError("the name of an API key has 1 to 64 of the characters A-Z a-z 0-9 . _ : -")
    if new.algorithm is Algorithm.HMAC_SHA256:
        if new.public_key is not None or new.secret is None or len(new.secret) < SECRET_LENGTH:
            raise BadApiKeyError(f"an HMAC key has a secret of {SECRET_LENGTH} bytes or more and no public key")
        return None
    if new.secret is not None or new.public_key is None:
        raise BadApiKeyError(f"a key for {new.algorithm} has a public key and no secret")
    return _public_key(new.algorithm, new.public_key)


def _public_key(algorithm: Algorithm, pem: bytes) -> bytes:
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise BadApiKeyError("a public key is given as SubjectPublicKeyInfo in PEM") from None
    fits = {
        Algorithm.ED25519: isinstance(key, ed25519.Ed25519PublicKey),
        Algorithm.RSA_PSS_SHA512: isinstance(key, rsa.RSAPublicKey) and key.key_size >= _SMALLEST_RSA,
        Algorithm.ECDSA_P256_SHA256: isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1),
    }
    if not fits[algorithm]:
        raise BadApiKeyError(f"this public key is not for {algorithm} (RSA: {_SMALLEST_RSA} bits or more)")
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
