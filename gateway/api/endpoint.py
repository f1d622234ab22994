"""One route as aiohttp serves it: read, prove, count, decode, ask, encode."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from aiohttp import web

from gateway.access import Caller, CallerKind, Interception, Open, Permission, RequestFacts
from gateway.api.decoding import read_id, read_query
from gateway.api.ports import Desks, Submission
from gateway.api.repeats import Repeats, idempotency_key
from gateway.api.route import BadRequestError, Call, Given, Nothing, Route
from gateway.journal.model import Refused
from gateway.kernel.clock import Clock
from gateway.kernel.metrics import Metrics
from gateway.kernel.postgres.doors import seen_within
from gateway.kernel.reasons import Reason
from gateway.web import AnswerSigner, Proof, ProofError, Prover, Rates, WebSettings, origin, refuse_other_body
from gateway.web.signature_base import RequestParts

PARTS = web.RequestKey("parts", RequestParts)
REPLAYED = "Idempotency-Replayed"
_RULES = frozenset({Permission.INTERCEPTION_READ, Permission.INTERCEPTION_WRITE})
_ASKS = '("@method" "@target-uri" "content-digest" "idempotency-key");created;keyid;alg;nonce'


class RefusedError(Exception):
    """A request ends here with a problem; raised and answered inside the door only."""

    def __init__(
        self,
        reason: Reason,
        detail: str,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.status = status
        self.headers = headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """What every endpoint works with."""

    desks: Desks
    prover: Prover
    interception: Interception
    signer: AnswerSigner
    repeats: Repeats
    rates: Rates
    clock: Clock
    metrics: Metrics
    settings: WebSettings


class Endpoint:
    """Serves one route."""

    def __init__(self, route: Route, kit: Kit) -> None:
        self._route = route
        self._kit = kit
        most = {"body": kit.settings.body_most, "upload": kit.settings.upload_most}
        self._most = most[route.most]

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Answer one request. Raises RefusedError with the reason it was not done for."""
        parts = request[PARTS]
        is_public = self._route.permission is Open.PUBLIC
        proof = None if is_public else await self._prove(parts, has_body=request.body_exists)
        await self._refuse_intercepted(request, None if proof is None else proof.caller)
        if proof is not None:
            self._refuse_unpermitted(proof.caller)
        body = await self._body(request, parts, is_signed=proof is not None and bool(proof.signed))
        try:
            call = await self._call(request, parts, body, proof)
            with nullcontext() if proof is None else seen_within(proof.caller.sees.path):
                given = await self._route.handle(call)
        except BadRequestError as error:
            raise RefusedError(error.reason, str(error), status=error.status) from error
        if isinstance(given, Refused):
            headers = {"WWW-Authenticate": "Bearer"} if given.reason is Reason.LOGIN_REFUSED else None
            raise RefusedError(given.reason, given.detail, headers=headers)
        return _answer(given)

    async def _prove(self, parts: RequestParts, *, has_body: bool) -> Proof:
        try:
            proof = await self._kit.prover.prove(parts, has_body=has_body)
        except ProofError as error:
            raise self._unproven(error) from error
        wait = self._kit.rates.take(proof.caller.who)
        if wait is not None:
            self._kit.metrics.door_rejects.labels("api").inc()
            retry = {"Retry-After": str(math.ceil(wait))}
            raise RefusedError(Reason.TOO_MANY_REQUESTS, "this caller calls too often", headers=retry)
        return proof

    async def _refuse_intercepted(self, request: web.Request, caller: Caller | None) -> None:
        """A rule never stands in the way of those who may change rules, nor of what changes them."""
        if self._route.permission in _RULES:
            return
        facts = RequestFacts(
            method=request.method,
            path=request.path,
            source=self._origin(request),
            caller=CallerKind.ANONYMOUS if caller is None else caller.kind,
            at=self._kit.clock.now(),
        )
        rule = await self._kit.interception.match(facts)
        if rule is not None:
            raise RefusedError(Reason.INTERCEPTED, f"{rule.code}: {rule.why}")

    def _refuse_unpermitted(self, caller: Caller) -> None:
        needed = self._route.permission
        if needed is Open.SIGNED_IN:
            if caller.session is None:
                raise RefusedError(Reason.NOT_PERMITTED, "this is for users with a session")
            return
        if needed not in caller.permissions:
            raise RefusedError(Reason.NOT_PERMITTED, f"this caller has no permission {needed}")
        if caller.must:
            raise RefusedError(Reason.NOT_PERMITTED, f"first of all: {', '.join(caller.must)}")

    async def _body(self, request: web.Request, parts: RequestParts, *, is_signed: bool) -> bytes:
        body = await _read(request, self._most)
        try:
            refuse_other_body(parts, body, is_signed=is_signed)
        except ProofError as error:
            raise self._unproven(error) from error
        return body

    def _unproven(self, error: ProofError) -> RefusedError:
        self._kit.metrics.signatures_refused.labels("api", error.kind).inc()
        if error.kind == "session":
            return RefusedError(Reason.SESSION_ENDED, str(error), headers={"WWW-Authenticate": "Bearer"})
        headers = {"WWW-Authenticate": 'Signature realm="tillgate"', "Accept-Signature": f"sig1={_ASKS}"}
        return RefusedError(Reason.BAD_SIGNATURE, str(error), headers=headers)

    async def _call(
        self, request: web.Request, parts: RequestParts, body: bytes, proof: Proof | None
    ) -> Call[Any, Any]:
        route, decoder = self._route, self._route.decoder
        query = read_query(route.query, request.query.items())
        decoded = Nothing() if decoder is None else decoder.read(body, parts.headers)
        content = b"" if decoder is None else decoder.digested(decoded)
        submitted = await self._submission(parts, proof, content) if proof is not None and route.changes else None
        return Call(
            desks=self._kit.desks,
            answer_keys=self._kit.signer.listed,
            body=decoded,
            query=query,
            ids=self._ids(request),
            words={name: request.match_info[name] for name in route.words},
            source=self._origin(request),
            proven=None if proof is None else proof.caller,
            submitted=submitted,
        )

    def _origin(self, request: web.Request) -> str:
        told = ",".join(request.headers.getall("X-Forwarded-For", ()))
        return origin(request.remote or "", told, self._kit.settings.proxies)

    async def _submission(self, parts: RequestParts, proof: Proof, content: bytes) -> Submission:
        header, at = parts.headers.get("idempotency-key"), self._kit.clock.now()
        name = None if header is None and self._route.key_is_optional else idempotency_key(header)
        address = parts.target_uri.removeprefix(self._kit.settings.public_address)
        said = b"\n".join((parts.method.encode(), address.encode("utf-8", errors="surrogateescape"), content))
        return await self._kit.repeats.submission(proof, name=name, content=said, at=at)

    def _ids(self, request: web.Request) -> dict[str, UUID]:
        return {name: read_id(request.match_info[name], *kinds) for name, kinds in self._route.ids.items()}


def request_parts(request: web.Request, public_address: str) -> RequestParts:
    """Return what of a request can be signed; its target is the public address and what the request line says."""
    names = {name.lower() for name in request.headers}
    headers = {name: ", ".join(value.strip() for value in request.headers.getall(name)) for name in names}
    return RequestParts(method=request.method, target_uri=public_address + request.raw_path, headers=headers)


async def _read(request: web.Request, most: int) -> bytes:
    """Read the whole body, at most `most` bytes of it."""
    body = bytearray()
    if (request.content_length or 0) <= most:
        async for piece in request.content.iter_any():
            body += piece
            if len(body) > most:
                break
        else:
            return bytes(body)
    raise RefusedError(Reason.FORMAT, f"the body has more than {most} bytes", status=413)


def _answer(given: Given) -> web.Response:
    headers = {REPLAYED: "true"} if given.replayed else None
    return web.Response(body=msgspec.json.encode(given.body), content_type="application/json", headers=headers)
