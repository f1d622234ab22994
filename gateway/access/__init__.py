"""Access: who may call, with which key, for what, and what they may see.

Today: API keys. A key belongs to a party; its caller sees that party's subtree and may do what the key's scopes say.
Public keys are kept as they are, secrets of HMAC keys only sealed by the key store.
"""

from gateway.access.enrolment import BadApiKeyError, Enrolment, NewApiKey, new_secret
from gateway.access.keyring import Keyring
from gateway.access.model import OPERATOR_SCOPES, PARTY_SCOPES, Algorithm, ApiKey, ApiScope, Caller

__all__ = [
    "OPERATOR_SCOPES",
    "PARTY_SCOPES",
    "Algorithm",
    "ApiKey",
    "ApiScope",
    "BadApiKeyError",
    "Caller",
    "Enrolment",
    "Keyring",
    "NewApiKey",
    "new_secret",
]
