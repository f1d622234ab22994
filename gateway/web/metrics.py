"""`GET /metrics`: what Prometheus scrapes."""

from __future__ import annotations

from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

_REGISTRY = web.AppKey("metrics_registry", CollectorRegistry)


def add_metrics(app: web.Application, registry: CollectorRegistry) -> None:
    """Serve `/metrics` in the format that the scraper asks for."""
    app[_REGISTRY] = registry
    app.router.add_get("/metrics", _metrics)


async def _metrics(request: web.Request) -> web.Response:
    encode, content_type = choose_encoder(request.headers.get(hdrs.ACCEPT, ""))
    return web.Response(body=encode(request.app[_REGISTRY]), headers={hdrs.CONTENT_TYPE: content_type})
