"""The whole bank: store, listeners, batch worker, started and stopped together."""

from __future__ import annotations

import asyncio
import errno
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiohttp import web

from gateway.kernel.clock import Clock
from gateway.kernel.faults import Faults
from gateway.kernel.randomness import Randomness
from gateway.sandbox.bank.batch import Batch
from gateway.sandbox.bank.control import Control
from gateway.sandbox.bank.desk import Desk
from gateway.sandbox.bank.faults import OneAtATime
from gateway.sandbox.bank.identity import (
    BANK_KEY_ID,
    HOST,
    Identity,
    Ports,
    load_identity,
    public_openssh,
    public_pem,
    write_whole,
)
from gateway.sandbox.bank.orders import Orders
from gateway.sandbox.bank.realtime import Realtime
from gateway.sandbox.bank.sftp import SftpListener, Uploads
from gateway.sandbox.bank.signatures import Seal
from gateway.sandbox.bank.store import Store
from gateway.sandbox.source import SourcePlan, SourceService
from gateway.sandbox.source.service import PATH

_BIND_TRIES = 50
_BIND_PAUSE_SECONDS = 0.2
# what the source tells has happened since the sandbox's rules were in force
_RULES_WITHIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseSettings:
    """Where the bank lives, whom it serves, and the seed of what goes wrong."""

    directory: Path
    customer: str = "TILLGATE01"
    seed: int = 1


class House:
    """The bank's process, taken apart for the command and for tests."""

    def __init__(self, settings: HouseSettings, *, clock: Clock, randomness: Randomness, faults: Faults) -> None:
        self._settings = settings
        self._folder = settings.directory
        self._identity = load_identity(self._folder, customer=settings.customer, clock=clock, randomness=randomness)
        self._ports = Ports(self._folder, randomness)
        points = OneAtATime(faults)
        self._store = Store(self._folder / "books.sqlite")
        self._uploads = Uploads(self._wake_batch)
        self._sftp = self._listener()
        self._desk = Desk(store=self._store, clock=clock, faults=points, customer=settings.customer, seed=settings.seed)
        self._batch = Batch(
            store=self._store,
            desk=self._desk,
            clock=clock,
            faults=points,
            folder=self._folder,
            customer=settings.customer,
            is_being_written=self._uploads.is_being_written,
        )
        self._realtime = Realtime(desk=self._desk, seal=_seal(self._identity), clock=clock)
        self._source = SourceService(
            SourcePlan(seed=settings.seed, since=clock.now() + _RULES_WITHIN),
            keyid=settings.customer,
            secret=self._identity.token.encode(),
            clock=clock,
        )
        orders = Orders(clock=clock, customer=settings.customer)
        self._control = Control(
            store=self._store,
            desk=self._desk,
            batch=self._batch,
            orders=orders,
            source=self._source,
            clock=clock,
            token=self._identity.token,
        )
        self._runners: list[web.AppRunner] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._worker: asyncio.Task[None] | None = None

    async def start(self) -> dict[str, Any]:
        """Start everything and return the ready file's content."""
        self._loop = asyncio.get_running_loop()
        await self._store.open()
        await self._desk.start()
        sftp = await self._bind("sftp", self._bind_sftp)
        self._sftp.start()
        https = await self._serve("https", self._realtime.application(), _tls(self._identity))
        control = await self._serve("control", self._control.application(), None)
        source = await self._serve("source", self._source.application(), _tls(self._identity))
        self._source.address = f"https://{HOST}:{source}"
        await self._control.start()
        self._worker = asyncio.create_task(self._batch.run())
        return self._ready(https=https, control=control, sftp=sftp)

    async def stop(self) -> None:
        """Stop cleanly: what was begun is finished, what is held is let go."""
        self._realtime.close()
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
        for runner in self._runners:
            await runner.cleanup()
        await self._realtime.finish()
        await asyncio.to_thread(self._sftp.stop)
        await self._store.close()

    def _listener(self) -> SftpListener:
        return SftpListener(
            host_key=self._identity.sftp_host_key,
            customer=self._settings.customer,
            customer_key=self._identity.sftp_customer_key,
            folder=self._folder / "sftp" / self._settings.customer,
            uploads=self._uploads,
        )

    def _wake_batch(self) -> None:
        """Wake the worker from one of the SFTP threads; a bank that is stopping needs no waking."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._batch.wake)

    async def _serve(self, name: str, application: web.Application, tls: ssl.SSLContext | None) -> int:
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=5)
        self._runners.append(runner)
        await runner.setup()

        async def bind(port: int) -> None:
            site = web.TCPSite(runner, HOST, port, ssl_context=tls, reuse_address=True)
            try:
                await site.start()
            except OSError:
                await site.stop()
                raise

        return await self._bind(name, bind)

    async def _bind_sftp(self, port: int) -> None:
        try:
            self._sftp.bind(HOST, port)
        except OSError:
            self._sftp.stop()
            self._sftp = self._listener()
            raise

    async def _bind(self, name: str, bind: Callable[[int], Awaitable[None]]) -> int:
        """Bind a listener to the port it had before, else to a free one; wait a little for one that is still taken."""
        kept = self._ports.kept(name)
        for _ in range(_BIND_TRIES):
            port = kept or self._ports.candidate()
            try:
                await bind(port)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                await asyncio.sleep(_BIND_PAUSE_SECONDS if kept else 0)
                continue
            self._ports.keep(name, port)
            return port
        raise RuntimeError(f"the {name} listener found no free port (it had {kept})")

    def _ready(self, *, https: int, control: int, sftp: int) -> dict[str, Any]:
        identity = self._identity
        address = f"http://{HOST}:{control}"
        return {
            "https": {"url": f"https://{HOST}:{https}", "ca": identity.authority},
            "customer": self._settings.customer,
            "signing": {"key_id": identity.customer_key_id, "private_key": identity.customer_key},
            "bank_key": {"key_id": BANK_KEY_ID, "public_key": public_pem(identity.bank_key)},
            "sftp": {
                "host": HOST,
                "port": sftp,
                "user": self._settings.customer,
                "private_key": identity.sftp_customer_key,
                "host_key": public_openssh(identity.sftp_host_key),
            },
            "control": {"url": address, "token": identity.token},
            "source": {
                "url": f"{self._source.address}{PATH}",
                "ca": identity.authority,
                "keyid": self._settings.customer,
                "secret": identity.token,
            },
            "books": f"{address}/books?token={identity.token}",
        }


def write_ready(path: Path, ready: dict[str, Any]) -> None:
    """Write the ready file, whole; it holds private keys, so only its owner reads it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(ready, indent=2).encode())


def _seal(identity: Identity) -> Seal:
    return Seal(
        bank_key=identity.bank_key,
        customer_key_id=identity.customer_key_id,
        customer_key=identity.customer_key,
    )


def _tls(identity: Identity) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(identity.certificate, identity.certificate_key)
    return context
