"""A client of the signed API: HTTP Message Signatures (RFC 9421) with ed25519, digests by RFC 9530."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import ssl
from dataclasses import dataclass
from typing import Any

import aiohttp
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from yarl import URL

from gateway.kernel.clock import Clock
from gateway.kernel.randomness import Randomness
from gateway.sandbox.day.world import ApiKey

_PAUSE_SECONDS = 0.2
_ONE_TRY = aiohttp.ClientTimeout(total=30)


class ApiRefusedError(Exception):
    """The API answered with a problem; `code` is its stable name."""

    def __init__(self, what: str, *, status: int, code: str, detail: str) -> None:
        super().__init__(f"{what}: {status} {code} {detail}")
        self.status = status
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """What a signature is made with."""

    key: ApiKey
    clock: Clock
    randomness: Randomness

    def headers(self, method: str, uri: str, *, body: bytes, key: str) -> dict[str, str]:
        """Return the headers that sign one request; `key` is its Idempotency-Key, empty for none."""
        values = {"@method": method, "@target-uri": uri}
        headers: dict[str, str] = {}
        if body:
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
            headers |= {"Content-Digest": f"sha-256=:{digest}:", "Content-Type": "application/json"}
            values["content-digest"] = headers["Content-Digest"]
        if key:
            headers["Idempotency-Key"] = values["idempotency-key"] = key
        names = " ".join(f'"{name}"' for name in values)
        created = int(self.clock.now().timestamp())
        nonce = self.randomness.octets(16).hex()
        parameters = f'({names});created={created};keyid="{self.key.keyid}";alg="ed25519";nonce="{nonce}"'
        lines = [f'"{name}": {value}' for name, value in values.items()]
        base = "\n".join([*lines, f'"@signature-params": {parameters}']).encode()
        signature = base64.b64encode(_private(self.key.private_key).sign(base)).decode()
        return headers | {"Signature-Input": f"sig1={parameters}", "Signature": f"sig1=:{signature}:"}


class ApiClient:
    """Calls the API as one key; what could not be answered is asked again, under the same Idempotency-Key."""

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession,
        address: str,
        signing: Signing,
        tls: ssl.SSLContext,
        patience_seconds: float,
    ) -> None:
        self._session = session
        self._address = address.rstrip("/")
        self._signing = signing
        self._tls = tls
        self._patience_seconds = patience_seconds

    @property
    def party(self) -> str:
        """The party whose key this is."""
        return self._signing.key.party

    async def get(self, path: str) -> Any:
        """Read. Raises ApiRefusedError."""
        return await self._call("GET", path, body=b"", key="")

    async def post(self, path: str, body: dict[str, Any], *, key: str) -> Any:
        """Command, once for `key` however often it has to be sent. Raises ApiRefusedError."""
        return await self._call("POST", path, body=json.dumps(body).encode(), key=key)

    async def _call(self, method: str, path: str, *, body: bytes, key: str) -> Any:
        clock = self._signing.clock
        until = clock.monotonic() + self._patience_seconds
        while True:
            try:
                return await self._once(method, path, body=body, key=key)
            except (aiohttp.ClientError, TimeoutError, OSError):
                if clock.monotonic() >= until:
                    raise
            except ApiRefusedError as refused:
                is_passing = refused.status in {429, 500, 502, 503}
                if not is_passing or clock.monotonic() >= until:
                    raise
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _once(self, method: str, path: str, *, body: bytes, key: str) -> Any:
        uri = self._address + path
        headers = self._signing.headers(method, uri, body=body, key=key)
        url, tls = URL(uri, encoded=True), self._tls if uri.startswith("https:") else False
        async with self._session.request(
            method, url, data=body or None, headers=headers, ssl=tls, timeout=_ONE_TRY
        ) as response:
            answer = await response.read()
            if response.status < 300:
                return json.loads(answer)
            problem = _problem(answer)
            raise ApiRefusedError(
                f"{method} {path}",
                status=response.status,
                code=str(problem.get("code", "")),
                detail=str(problem.get("detail", "")),
            )


def _private(pem: str) -> ed25519.Ed25519PrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise TypeError("the day signs with ed25519 keys")
    return key


def _problem(answer: bytes) -> dict[str, Any]:
    try:
        found = json.loads(answer)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
