"""HTTPS to one address: TLS on, certificate checked, bounded in time, size and number (rows C6, C7).

What the caller learns is exact: `Unsent` only where no byte of the request can have reached the peer.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping

import aiohttp

from connectors.policy import Circuit, Policy, persist, result_name
from connectors.ports import Answered, Exchange, NoAnswer, Observer, Silent, Unsent

_CONNECT_FAULTS = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


class HttpConnector:
    """One peer reached by HTTPS.

    `address` is its base URL; `authorities` PEM certificates to trust instead of the system's; plain HTTP is refused.
    """

    def __init__(
        self,
        *,
        name: str,
        address: str,
        monotonic: Callable[[], float],
        authorities: str | None = None,
        policy: Policy | None = None,
        observer: Observer | None = None,
    ) -> None:
        if not address.startswith("https://"):
            message = f"connector {name}: the address must begin with https://"
            raise ValueError(message)
        self._name = name
        self._address = address.rstrip("/")
        self._policy = policy or Policy()
        self._observer = observer or Silent()
        self._monotonic = monotonic
        self._circuit = Circuit(self._policy, name=name, monotonic=monotonic, observer=self._observer)
        self._tls = ssl.create_default_context(cadata=authorities)
        self._session: aiohttp.ClientSession | None = None
        self._under_way = 0
        self._closed = False

    @property
    def circuit_is_open(self) -> bool:
        """Tell whether the peer is being spared."""
        return self._circuit.is_open

    async def exchange(
        self, path: str, *, headers: Mapping[str, str], body: bytes, may_repeat: bool, within_s: float | None = None
    ) -> Exchange:
        """POST `body`; `may_repeat` = asking twice does no harm (a query); `within_s` shortens the total time-out."""
        total = min(self._policy.total_s, within_s) if within_s is not None else self._policy.total_s
        ends = self._monotonic() + total

        async def once() -> Exchange:
            return await self._observed(path, headers, body, ends - self._monotonic())

        return await persist(self._policy, once, may_repeat=may_repeat)

    async def close(self) -> None:
        """Close the connections; from now on nothing leaves."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _observed(self, path: str, headers: Mapping[str, str], body: bytes, total: float) -> Exchange:
        began = self._monotonic()
        result = await self._guarded(path, headers, body, total)
        self._observer.exchanged(self._name, "post", self._monotonic() - began, result_name(result))
        return result

    async def _guarded(self, path: str, headers: Mapping[str, str], body: bytes, total: float) -> Exchange:
        if total <= 0 or self._closed:
            return Unsent("the connector is closed" if self._closed else "no time is left")
        if self._under_way >= self._policy.at_once:
            return Unsent(f"{self._policy.at_once} requests are under way already")
        if not self._circuit.admit():
            return Unsent("the circuit is open: the peer could not be reached before")
        self._under_way += 1
        try:
            result = await self._post(path, headers, body, total)
        except BaseException:
            self._circuit.cancelled()
            raise
        finally:
            self._under_way -= 1
        self._circuit.report(is_reached=isinstance(result, Answered))
        return result

    async def _post(self, path: str, headers: Mapping[str, str], body: bytes, total: float) -> Exchange:
        timeout = aiohttp.ClientTimeout(total=total, connect=min(self._policy.connect_s, total))
        url = self._address + path
        try:
            async with self._opened().post(
                url, data=body, headers=dict(headers), timeout=timeout, allow_redirects=False
            ) as response:
                return await self._read(response)
        except _CONNECT_FAULTS as fault:
            return Unsent(f"the connection could not be made: {type(fault).__name__}")
        except (aiohttp.ClientError, TimeoutError, OSError) as fault:
            return NoAnswer(f"no whole answer came: {type(fault).__name__}")

    async def _read(self, response: aiohttp.ClientResponse) -> Exchange:
        body = bytearray()
        async for piece in response.content.iter_chunked(1 << 16):
            body += piece
            if len(body) > self._policy.largest_answer:
                return NoAnswer(f"the answer is longer than {self._policy.largest_answer} bytes")
        return Answered(status=response.status, headers=dict(response.headers), body=bytes(body))

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(ssl=self._tls, limit=self._policy.at_once)
            self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        return self._session
