"""API keys and their callers as records."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from gateway.parties import Scope


class Algorithm(StrEnum):
    """How a caller signs: names of the registry of RFC 9421."""

    ED25519 = "ed25519"
    RSA_PSS_SHA512 = "rsa-pss-sha512"
    ECDSA_P256_SHA256 = "ecdsa-p256-sha256"
    HMAC_SHA256 = "hmac-sha256"


class ApiScope(StrEnum):
    """What an API key may be used for, always within what its party sees."""

    ACCOUNTS_READ = "accounts:read"
    PAYMENTS_READ = "payments:read"
    WITHDRAWALS_READ = "withdrawals:read"
    WITHDRAWALS_WRITE = "withdrawals:write"
    EVENTS_READ = "events:read"
    OPERATOR = "operator"


READING = frozenset({ApiScope.ACCOUNTS_READ, ApiScope.PAYMENTS_READ, ApiScope.WITHDRAWALS_READ, ApiScope.EVENTS_READ})
# what a merchant's or an agent's own system is given, and what an operator's is
PARTY_SCOPES = READING | {ApiScope.WITHDRAWALS_WRITE}
OPERATOR_SCOPES = READING | {ApiScope.OPERATOR}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key that requests are signed with. `sees` is the subtree of its party, as it stands now.

    `public_key` is SubjectPublicKeyInfo in DER; an HMAC key has `secret` instead, sealed under `SECRET_PURPOSE`.
    """

    id: UUID
    keyid: str
    algorithm: Algorithm
    public_key: bytes | None
    secret: bytes | None = field(repr=False)
    party_id: UUID
    scopes: frozenset[ApiScope]
    active: bool
    sees: Scope
    created_at: datetime
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who a proven request comes from."""

    party: UUID
    scopes: frozenset[ApiScope]
    keyid: str
    sees: Scope

    @property
    def who(self) -> str:
        """How histories name this caller."""
        return f"api:{self.keyid}"


SECRET_PURPOSE = "api_key.secret"  # noqa: S105 - the purpose's name, not a secret
