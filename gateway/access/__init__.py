"""Access: who may call, how they prove it, what they may do, and what they may see.

Systems call with API keys, people with sessions; either way the door gets a `Caller` with permissions (from roles,
grants and denials: a denial beats both) and the subtree of parties they see. Which permission an endpoint needs is code
(`permissions.py`); who has it is data, read at every request. Nobody gives what they do not hold. Secrets of HMAC keys
and of one-time codes are sealed by the key store, passwords and tokens are kept as digests.
"""

from gateway.access.enrolment import BadApiKeyError, Enrolment, NewApiKey, new_secret
from gateway.access.interception import Interception
from gateway.access.keyring import Keyring
from gateway.access.model import Algorithm, ApiKey, Caller, CallerKind, RequestFacts
from gateway.access.office import Access, AccessParts, build_access, house_order
from gateway.access.order import Order
from gateway.access.permissions import OPERATOR_PERMISSIONS, PARTY_PERMISSIONS, Open, Permission
from gateway.access.seeds import AccessSeeds
from gateway.access.users.model import UserRules

__all__ = [
    "OPERATOR_PERMISSIONS",
    "PARTY_PERMISSIONS",
    "Access",
    "AccessParts",
    "AccessSeeds",
    "Algorithm",
    "ApiKey",
    "BadApiKeyError",
    "Caller",
    "CallerKind",
    "Enrolment",
    "Interception",
    "Keyring",
    "NewApiKey",
    "Open",
    "Order",
    "Permission",
    "RequestFacts",
    "UserRules",
    "build_access",
    "house_order",
    "new_secret",
]
