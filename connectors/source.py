"""HTTPS to a remote source whose address somebody entered: GET only, guarded, bounded in time and size (A16, P33).

The same time-outs, retries and circuit as a bank's line; every try is signed anew, since a nonce is good once.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from connectors.addresses import AddressGuard, GuardedResolver, RefusedAddressError
from connectors.policy import Circuit, Policy, persist, result_name
from connectors.ports import Answered, Exchange, NoAnswer, Observer, Silent, Unsent

_CONNECT_FAULTS = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
_BUSY = frozenset({429, 500, 502, 503, 504})


class SourceConnector:
    """One source reached by HTTPS; `authorities` are PEM certificates to trust instead of the system's."""

    def __init__(
        self,
        *,
        name: str,
        guard: AddressGuard,
        monotonic: Callable[[], float],
        authorities: str | None = None,
        policy: Policy | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._name = name
        self._guard = guard
        self._policy = policy or Policy(largest_answer=8 << 20)
        self._observer = observer or Silent()
        self._monotonic = monotonic
        self._circuit = Circuit(self._policy, name=name, monotonic=monotonic, observer=self._observer)
        self._tls = ssl.create_default_context(cadata=authorities or None)
        self._session: aiohttp.ClientSession | None = None

    async def get(self, uri: str, headers: Callable[[], Mapping[str, str]]) -> Exchange:
        """GET `uri` with headers made for each try; asking again does no harm, and a busy source is asked again."""
        if urlsplit(uri).scheme != "https":
            return Unsent("the address must begin with https://")

        async def once() -> Exchange:
            return await self._observed(uri, headers())

        return await persist(self._policy, once, may_repeat=True)

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _observed(self, uri: str, headers: Mapping[str, str]) -> Exchange:
        if not self._circuit.admit():
            return Unsent("the circuit is open: the source could not be reached before")
        began = self._monotonic()
        try:
            result = await self._fetch(uri, headers)
        except BaseException:
            self._circuit.cancelled()
            raise
        self._circuit.report(is_reached=isinstance(result, Answered))
        self._observer.exchanged(self._name, "get", self._monotonic() - began, result_name(result))
        return result

    async def _fetch(self, uri: str, headers: Mapping[str, str]) -> Exchange:
        timeout = aiohttp.ClientTimeout(total=self._policy.total_s, connect=self._policy.connect_s)
        try:
            self._guard.refuse_literal(urlsplit(uri).hostname or "")
            async with self._opened().get(
                URL(uri, encoded=True), headers=dict(headers), timeout=timeout, allow_redirects=False
            ) as response:
                return await self._read(response)
        except RefusedAddressError as fault:
            return Unsent(str(fault))
        except _CONNECT_FAULTS as fault:
            refused = fault.__cause__ if isinstance(fault.__cause__, RefusedAddressError) else None
            return Unsent(str(refused) if refused else f"the connection could not be made: {type(fault).__name__}")
        except (aiohttp.ClientError, TimeoutError, OSError) as fault:
            return NoAnswer(f"no whole answer came: {type(fault).__name__}")

    async def _read(self, response: aiohttp.ClientResponse) -> Exchange:
        if response.status in _BUSY:
            return NoAnswer(f"the source answered {response.status}")
        body = bytearray()
        async for piece in response.content.iter_chunked(1 << 16):
            body += piece
            if len(body) > self._policy.largest_answer:
                return NoAnswer(f"the answer is longer than {self._policy.largest_answer} bytes")
        return Answered(status=response.status, headers=dict(response.headers), body=bytes(body))

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                ssl=self._tls,
                limit=self._policy.at_once,
                resolver=GuardedResolver(self._guard),
                use_dns_cache=False,
                socket_factory=self._guard.open_socket,
            )
            self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False, trust_env=False)
        return self._session
