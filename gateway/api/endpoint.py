"""One route as aiohttp serves it: read, prove, count, decode, ask, encode."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from aiohttp import web

from gateway.api.decoding import read_id, read_query
from gateway.api.ports import Desks, Submission
from gateway.api.repeats import Repeats, idempotency_key
from gateway.api.route import BadRequestError, Call, Given, Nothing, Route
from gateway.journal.model import Refused
from gateway.kernel.clock import Clock
from gateway.kernel.metrics import Metrics
from gateway.kernel.reasons import Reason
from gateway.web import AnswerSigner, Proof, ProofError, Prover, Rates, WebSettings, refuse_other_body
from gateway.web.signature_base import RequestParts

PARTS = web.RequestKey("parts", RequestParts)
REPLAYED = "Idempotency-Replayed"
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
        proof = None if self._route.scope is None else await self._prove(parts, has_body=request.body_exists)
        body = await self._body(request, parts)
        try:
            given = await self._route.handle(await self._call(request, parts, body, proof))
        except BadRequestError as error:
            raise RefusedError(error.reason, str(error), status=error.status) from error
        if isinstance(given, Refused):
            raise RefusedError(given.reason, given.detail)
        return _answer(given)

    async def _prove(self, parts: RequestParts, *, has_body: bool) -> Proof:
        try:
            proof = await self._kit.prover.prove(parts, has_body=has_body)
        except ProofError as error:
            raise self._unproven(error) from error
        wait = self._kit.rates.take(proof.caller.keyid)
        if wait is not None:
            self._kit.metrics.door_rejects.labels("api").inc()
            retry = {"Retry-After": str(math.ceil(wait))}
            raise RefusedError(Reason.TOO_MANY_REQUESTS, "this key calls too often", headers=retry)
        if self._route.scope not in proof.caller.scopes:
            raise RefusedError(Reason.NOT_PERMITTED, f"the key has no scope {self._route.scope}")
        return proof

    async def _body(self, request: web.Request, parts: RequestParts) -> bytes:
        body = await _read(request, self._most)
        try:
            refuse_other_body(parts, body)
        except ProofError as error:
            raise self._unproven(error) from error
        return body

    def _unproven(self, error: ProofError) -> RefusedError:
        self._kit.metrics.signatures_refused.labels("api", error.kind).inc()
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
            proven=None if proof is None else proof.caller,
            submitted=submitted,
        )

    async def _submission(self, parts: RequestParts, proof: Proof, content: bytes) -> Submission:
        name, at = idempotency_key(parts.headers.get("idempotency-key")), self._kit.clock.now()
        address = parts.target_uri.removeprefix(self._kit.settings.public_address)
        said = b"\n".join((parts.method.encode(), address.encode("utf-8", errors="surrogateescape"), content))
        keys = await self._kit.repeats.keys(proof, name=name, content=said, at=at)
        return Submission(caller=proof.caller, at=at, keys=keys)

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
