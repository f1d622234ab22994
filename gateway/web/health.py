"""Health: whether this process lives, and whether it is ready to serve, with what is not ready and why."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

Check = Callable[[], Awaitable[str | None]]

_PATIENCE_S = 2.0
_CHECKS = web.AppKey("health_checks", Mapping[str, Check])


def add_health(app: web.Application, checks: Mapping[str, Check]) -> None:
    """Serve `/health/live` and `/health/ready`.

    Each check returns None where its part is ready, else why not, in words without secrets; one that takes longer than
    two seconds, or fails, is not ready.
    """
    app[_CHECKS] = dict(checks)
    app.router.add_get("/health/live", _live)
    app.router.add_get("/health/ready", _ready)


async def _live(_request: web.Request) -> web.Response:
    return web.json_response({"live": True})


async def _ready(request: web.Request) -> web.Response:
    checks = request.app[_CHECKS]
    found = await asyncio.gather(*(_outcome(check) for check in checks.values()))
    missing = {name: why for name, why in zip(checks, found, strict=True) if why is not None}
    return web.json_response({"ready": not missing, "not_ready": missing}, status=503 if missing else 200)


async def _outcome(check: Check) -> str | None:
    try:
        return await asyncio.wait_for(check(), _PATIENCE_S)
    except TimeoutError:
        return f"no answer within {_PATIENCE_S:g} s"
    except Exception as error:  # noqa: BLE001 - whatever a check runs into, its part is not ready
        return f"the check failed: {type(error).__name__}"
