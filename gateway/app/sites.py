"""HTTP sites of a process: a socket that is bound before the application is made, so that its address is known."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping

from aiohttp import web

from gateway.kernel.metrics import Metrics as Registered
from gateway.kernel.settings import Http, Metrics, SettingsError
from gateway.web.health import Check, add_health
from gateway.web.metrics import add_metrics

DRAIN_S = 30.0
EVERYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - to recognise it, not to listen on it
_WAITING = 512


def bound(host: str, port: int) -> socket.socket:
    """Bind a listening socket. Raises OSError, naming the address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_WAITING)
    except OSError as fault:
        raise OSError(fault.errno, f"cannot listen on {host}:{port}: {fault.strerror}") from fault


def public_address(section: Http, listening: socket.socket) -> str:
    """Return what clients call and sign: the setting, else where `listening` listens.

    Raises SettingsError where it listens on every address of the machine: none of them is then the public one.
    """
    if section.public_address:
        return section.public_address.rstrip("/")
    if section.host in EVERYWHERE:
        raise SettingsError(
            f"http.public_address is needed, because http.host is {section.host}: give what clients call"
        )
    return address(section.host, listening, has_tls=bool(section.tls_certificate))


def address(host: str, listening: socket.socket, *, has_tls: bool) -> str:
    """Return the origin of a listening socket."""
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if has_tls else 'http'}://{shown}:{listening.getsockname()[1]}"


def tls_context(section: Http) -> ssl.SSLContext | None:
    """Return the context of the HTTP doors; None without a certificate."""
    if not section.tls_certificate:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(section.tls_certificate, section.tls_key or None)
    except (OSError, ssl.SSLError) as fault:
        raise SettingsError(f"http.tls_certificate and http.tls_key cannot be used: {fault}") from fault
    return context


async def serve(app: web.Application, listening: socket.socket, *, tls: ssl.SSLContext | None = None) -> web.AppRunner:
    """Serve `app` on `listening` until the runner is cleaned up; handlers under way are not cancelled."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=DRAIN_S)
    await runner.setup()
    await web.SockSite(runner, listening, ssl_context=tls).start()
    return runner


async def serve_metrics(
    section: Metrics, *, checks: Mapping[str, Check], metrics: Registered
) -> tuple[web.AppRunner, str]:
    """Serve metrics and health on an address of their own, and return that address."""
    app = web.Application()
    add_health(app, checks)
    add_metrics(app, metrics.registry)
    listening = bound(section.host, section.port)
    return await serve(app, listening), address(section.host, listening, has_tls=False)
