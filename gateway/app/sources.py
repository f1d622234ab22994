"""Opens remote sources: their secret, the signature of each request (RFC 9421) and a guarded connector (row A16)."""

from __future__ import annotations

import base64
import hmac
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from hashlib import sha256
from typing import Final
from urllib.parse import urlencode

from connectors.addresses import AddressGuard
from connectors.ports import Answered
from connectors.source import SourceConnector
from gateway.app.meters import ConnectorMeter
from gateway.kernel.clock import Clock
from gateway.kernel.randomness import Randomness
from gateway.keys import KeyStore
from gateway.tasks.batch import SourceError
from gateway.tasks.sources import SECRET_PURPOSE, Pages, RemoteSource
from gateway.web.signature_base import RequestParts, components, signature_base
from gateway.web.structured import Bare, InnerList, show_inner_list

_OK: Final = 200
_REFUSED: Final = range(400, 500)
_NONCE: Final = 16


class SignedSource:
    """A source that is open: every request is signed under its `keyid` by HMAC-SHA256."""

    def __init__(
        self, source: RemoteSource, connector: SourceConnector, *, secret: bytes, clock: Clock, randomness: Randomness
    ) -> None:
        self._source = source
        self._connector = connector
        self._secret = secret
        self._clock = clock
        self._randomness = randomness

    async def fetch(self, cursor: str, limit: int) -> bytes:
        """Ask for one page. Raises SourceError; final where the source refuses us, since asking again cannot help."""
        query = urlencode({"cursor": cursor, "limit": limit})
        uri = f"{self._source.address}{'&' if '?' in self._source.address else '?'}{query}"
        answer = await self._connector.get(uri, lambda: self._signed(uri))
        if not isinstance(answer, Answered):
            raise SourceError(f"source {self._source.code}: {answer.why}")
        if answer.status != _OK:
            raise SourceError(
                f"source {self._source.code} answered {answer.status}", is_final=answer.status in _REFUSED
            )
        return answer.body

    def _signed(self, uri: str) -> Mapping[str, str]:
        parameters: dict[str, Bare] = {
            "created": int(self._clock.now().timestamp()),
            "keyid": self._source.keyid,
            "alg": "hmac-sha256",
            "nonce": self._randomness.octets(_NONCE).hex(),
        }
        covered = InnerList(components("@method", "@target-uri"), parameters)
        parts = RequestParts(method="GET", target_uri=uri, headers={})
        signature = hmac.digest(self._secret, signature_base(parts, covered), sha256)
        return {
            "Accept": "application/json",
            "Signature-Input": f"sig1={show_inner_list(covered)}",
            "Signature": f"sig1=:{base64.b64encode(signature).decode()}:",
        }


class Sources:
    """Opens sources; addresses in `allowed` networks may be connected to although they are not public."""

    def __init__(
        self,
        *,
        keystore: KeyStore,
        meter: ConnectorMeter,
        clock: Clock,
        randomness: Randomness,
        allowed: Sequence[str],
    ) -> None:
        self._keystore = keystore
        self._meter = meter
        self._clock = clock
        self._randomness = randomness
        self._guard = AddressGuard(allowed)

    def open(self, source: RemoteSource) -> AbstractAsyncContextManager[Pages]:
        """Open a source."""
        return self._opened(source)

    @asynccontextmanager
    async def _opened(self, source: RemoteSource) -> AsyncIterator[Pages]:
        secret = await self._keystore.unseal(SECRET_PURPOSE, source.secret)
        connector = SourceConnector(
            name=source.code,
            guard=self._guard,
            monotonic=self._clock.monotonic,
            authorities=source.authorities or None,
            observer=self._meter,
        )
        try:
            yield SignedSource(source, connector, secret=secret, clock=self._clock, randomness=self._randomness)
        finally:
            await connector.close()
