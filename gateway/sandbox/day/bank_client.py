"""A client of the bank's control interface; orders carry a key, so that a repeated one is carried out once."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp

from gateway.kernel.clock import Clock

_PAUSE_SECONDS = 0.2
_ONE_TRY = aiohttp.ClientTimeout(total=30)


class BankRefusedError(Exception):
    """The bank's control interface did not do what was asked."""


class BankClient:
    """Reads the bank's books and gives it orders; asks again while the bank is away."""

    def __init__(
        self, *, session: aiohttp.ClientSession, address: str, token: str, clock: Clock, patience_seconds: float
    ) -> None:
        self._session = session
        self._address = address
        self._headers = {"Authorization": f"Bearer {token}"}
        self._clock = clock
        self._patience_seconds = patience_seconds

    async def books(self) -> list[dict[str, Any]]:
        """Return what the bank did."""
        found: list[dict[str, Any]] = await self._call("GET", "/books", body=None, key="")
        return found

    async def order(self, path: str, body: dict[str, Any], *, key: str) -> dict[str, Any]:
        """Order something of `/control/…`."""
        answer: dict[str, Any] = await self._call("POST", f"/control/{path}", body=body, key=key)
        return answer

    async def _call(self, method: str, path: str, *, body: dict[str, Any] | None, key: str) -> Any:
        until = self._clock.monotonic() + self._patience_seconds
        headers = self._headers | ({"Idempotency-Key": key} if key else {})
        while True:
            try:
                async with self._session.request(
                    method, self._address + path, json=body, headers=headers, timeout=_ONE_TRY
                ) as response:
                    if response.status == 200:
                        return await response.json()
                    if response.status < 500:
                        raise BankRefusedError(f"{path}: {response.status} {await response.text()}")
            except (aiohttp.ClientError, TimeoutError, OSError):
                if self._clock.monotonic() >= until:
                    raise
            await asyncio.sleep(_PAUSE_SECONDS)
