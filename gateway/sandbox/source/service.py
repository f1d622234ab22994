"""The source as a service: checks who asks by the text of RFC 9421, tells pages, and fails as its plan says."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from aiohttp import web

from gateway.kernel.clock import Clock
from gateway.sandbox.source.plan import SourcePlan
from gateway.sandbox.source.transactions import identifier, transaction

PATH = "/transactions"
_WINDOW = timedelta(seconds=300)
_INPUT = re.compile(
    r'sig1=(\("@method" "@target-uri"\);created=(\d{1,12});keyid="([^"]*)";alg="hmac-sha256";nonce="([^"]{1,64})")'
)
_SIGNATURE = re.compile(r"sig1=:([A-Za-z0-9+/=]+):")
_NONCES_MOST = 100_000


class SourceService:
    """Serves `GET /transactions?cursor=&limit=` to the holder of one key, at the public address `address`."""

    def __init__(self, plan: SourcePlan, *, keyid: str, secret: bytes, clock: Clock) -> None:
        self._plan = plan
        self._keyid = keyid
        self._secret = secret
        self._clock = clock
        self._asked: Counter[str] = Counter()
        self._nonces: dict[str, None] = {}
        self.address = ""

    @property
    def plan(self) -> SourcePlan:
        """What it tells now."""
        return self._plan

    def follow(self, plan: SourcePlan) -> None:
        """Tell what another plan says from now on."""
        self._plan = plan
        self._asked.clear()

    def application(self) -> web.Application:
        """Return the application to be served over TLS."""
        application = web.Application()
        application.router.add_get(PATH, self._page)
        return application

    async def _page(self, request: web.Request) -> web.StreamResponse:
        why = self._refusal(request)
        if why:
            return _said(401, why)
        cursor, limit = request.query.get("cursor", ""), request.query.get("limit", "")
        if not re.fullmatch(r"(c\d{1,8})?", cursor) or not re.fullmatch(r"[1-9]\d{0,5}", limit):
            return _said(400, "cursor and limit")
        return await self._told(request, cursor, min(int(limit), self._plan.page_most))

    async def _told(self, request: web.Request, cursor: str, limit: int) -> web.StreamResponse:
        body = json.dumps(self._content(int(cursor[1:] or "0"), limit)).encode()
        fault = self._fault(cursor)
        if fault == "refuse":
            return _said(503, "busy")
        if fault == "garble":
            return web.Response(body=body[: len(body) // 2], content_type="application/json")
        if fault == "cut":
            response = web.StreamResponse(headers={"Content-Length": str(len(body))})
            await response.prepare(request)
            await response.write(body[: len(body) // 2])
            if request.transport is not None:
                request.transport.abort()
            return response
        return web.Response(body=body, content_type="application/json")

    def _fault(self, cursor: str) -> str:
        self._asked[cursor] += 1
        if self._asked[cursor] > self._plan.patience:
            return ""
        return next((name for name in ("refuse", "cut", "garble") if self._plan.strikes(name, cursor)), "")

    def _content(self, start: int, limit: int) -> dict[str, Any]:
        places = self._places()
        part = places[start : start + limit]
        following = start + len(part)
        told: dict[str, Any] = {
            "items": [transaction(self._plan, number) for number in part],
            "next": f"c{following}" if following < len(places) else None,
        }
        return told | ({"total": len(places)} if self._plan.tells_total else {})

    def _places(self) -> list[int] | range:
        """The numbers it tells, in order; some of them come again."""
        plan, numbers = self._plan, range(self._plan.count)
        if not plan.again:
            return numbers
        twice = {number for number in numbers if plan.strikes("again", identifier(plan, number))}
        return [one for number in numbers for one in (number,) * (2 if number in twice else 1)]

    def _refusal(self, request: web.Request) -> str:
        """Why the request is not from the holder of the key; empty where it is."""
        read = _INPUT.fullmatch(request.headers.get("Signature-Input", ""))
        signed = _SIGNATURE.fullmatch(request.headers.get("Signature", ""))
        if read is None or signed is None or read[3] != self._keyid:
            return "a signature by RFC 9421 is needed"
        lines = f'"@method": GET\n"@target-uri": {self.address}{request.raw_path}\n"@signature-params": {read[1]}'
        wanted = hmac.digest(self._secret, lines.encode(), sha256)
        if not hmac.compare_digest(_decoded(signed[1]), wanted):
            return "the signature is wrong"
        age = self._clock.now() - datetime.fromtimestamp(int(read[2]), UTC)
        if abs(age) > _WINDOW or read[4] in self._nonces:
            return "the signature is too old, or was used before"
        self._nonces[read[4]] = None
        if len(self._nonces) > _NONCES_MOST:
            del self._nonces[next(iter(self._nonces))]
        return ""


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""


def _said(status: int, why: str) -> web.Response:
    return web.json_response({"error": why}, status=status)
