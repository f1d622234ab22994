"""API keys: given out and taken back."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from gateway.access import Algorithm, ApiKey, NewApiKey, Permission
from gateway.access.writing import Written
from gateway.api.bodies import Id, Shown, Strict, Time
from gateway.api.decoding import JsonBody, read_id
from gateway.api.route import Call, Given, Nothing, Route
from gateway.api.routes.roles import Codes
from gateway.api.shown import API_KEY, PARTIES, PARTY
from gateway.journal.model import Refused
from gateway.kernel.ids import show
from gateway.kernel.reasons import Reason


class ApiKeyToGive(Strict, frozen=True, kw_only=True):
    """A key whose private half stays with its owner; `public_key` is PEM (SubjectPublicKeyInfo)."""

    keyid: Annotated[str, Meta(pattern="^[A-Za-z0-9._:-]{1,64}$")]
    algorithm: Literal["ed25519", "rsa-pss-sha512", "ecdsa-p256-sha256"]
    public_key: Annotated[str, Meta(max_length=8192)]
    party: Id
    permissions: Codes


class ApiKeyShown(Shown, frozen=True, kw_only=True):
    """An API key."""

    id: str
    keyid: str
    algorithm: str
    party: str
    permissions: list[str]
    is_active: bool
    created_at: Time


class ApiKeysShown(Shown, frozen=True, kw_only=True):
    """The keys of the parties one sees, by name."""

    api_keys: list[ApiKeyShown]


async def list_api_keys(call: Call[Nothing, Nothing]) -> Given:
    """Show the keys."""
    return Given(ApiKeysShown(api_keys=[_key(key) for key in await call.desks.access.keys.list(call.caller.sees)]))


async def give_out(call: Call[ApiKeyToGive, Nothing]) -> Given | Refused:
    """Give out a key."""
    asked = call.body
    new = NewApiKey(
        keyid=asked.keyid,
        algorithm=Algorithm(asked.algorithm),
        party_id=read_id(asked.party, *PARTIES),
        permissions=frozenset(asked.permissions),
        public_key=asked.public_key.encode(),
    )
    return await _written(call, await call.desks.access.keys.give_out(call.order, new))


async def take_back(call: Call[Nothing, Nothing]) -> Given | Refused:
    """Take a key back."""
    return await _written(call, await call.desks.access.keys.take_back(call.order, call.ids["key"]))


async def _written(call: Call[Any, Any], written: Written | Refused) -> Given | Refused:
    if isinstance(written, Refused):
        return written
    found = await call.desks.access.keys.find(call.caller.sees, written.subject)
    return Refused(Reason.NOT_FOUND, "no such API key") if found is None else Given(_key(found), written.replayed)


def _key(key: ApiKey) -> ApiKeyShown:
    return ApiKeyShown(
        id=show(API_KEY, key.id),
        keyid=key.keyid,
        algorithm=key.algorithm,
        party=show(PARTY, key.party_id),
        permissions=sorted(key.permissions),
        is_active=key.active,
        created_at=key.created_at,
    )


ROUTES = (
    Route(
        method="GET",
        path="/v1/api-keys",
        operation="listApiKeys",
        tag="API keys",
        summary="The API keys of the parties one sees",
        permission=Permission.API_KEYS_READ,
        handle=list_api_keys,
        answer=ApiKeysShown,
    ),
    Route(
        method="POST",
        path="/v1/api-keys",
        operation="giveOutApiKey",
        tag="API keys",
        summary="Give out a key by its public half; nobody gives permissions they do not have",
        permission=Permission.API_KEYS_WRITE,
        handle=give_out,
        decoder=JsonBody(ApiKeyToGive),
        answer=ApiKeyShown,
        refusals=(Reason.NOT_FOUND, Reason.TAKEN),
        example={
            "keyid": "shop-1",
            "algorithm": "ed25519",
            "public_key": "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
            "-----END PUBLIC KEY-----\n",
            "party": "mch_01kanbz1s0e008000000000001",
            "permissions": ["accounts:read"],
        },
    ),
    Route(
        method="POST",
        path="/v1/api-keys/{key}/revoke",
        operation="takeBackApiKey",
        tag="API keys",
        summary="Take a key back; it is refused within a second, everywhere",
        permission=Permission.API_KEYS_WRITE,
        handle=take_back,
        decoder=JsonBody(Nothing),
        answer=ApiKeyShown,
        ids={"key": (API_KEY,)},
        refusals=(Reason.NOT_FOUND, Reason.MOVED),
        example={},
    ),
)
