"""The key store as settings describe it."""

from __future__ import annotations

import os
from pathlib import Path

from gateway.app.meters import KeyMeter
from gateway.kernel.clock import Clock, SystemClock
from gateway.kernel.metrics import Metrics
from gateway.kernel.randomness import Randomness
from gateway.kernel.settings import Settings, SettingsError
from gateway.keys import KeyStore, KeyStoreSettings, open_software_store
from gateway.keys.hardening import forbid_dumps
from gateway.keys.modulesettings import ModuleSettings

_NO_LIBRARY = "keys.store is module, and python-pkcs11 is not installed: pip install 'tillgate[hsm]'"


def open_keystore(settings: Settings, randomness: Randomness, *, metrics: Metrics | None = None) -> KeyStore:
    """Open the key store; this process leaves no core dump from now on.

    Raises KeyStoreError or SettingsError, saying what to do.
    """
    forbid_dumps()
    if settings.keys.store == "module":
        return open_module(settings, randomness, metrics=metrics)
    section = settings.keys
    return open_software_store(
        KeyStoreSettings(
            directory=Path(section.directory),
            master_keys=section.master.read(os.environ),
            sandbox=section.sandbox,
            pin_work=section.pin_work,
        ),
        randomness,
    )


def open_module(settings: Settings, randomness: Randomness, *, metrics: Metrics | None) -> KeyStore:
    """Open the store over a module; it logs in with the first call."""
    try:
        from gateway.keys.module import open_module_store  # noqa: PLC0415 - an extra that not everybody installs
    except ImportError as fault:
        raise SettingsError(_NO_LIBRARY) from fault
    return open_module_store(
        module_settings(settings),
        randomness=randomness,
        clock=SystemClock(),
        meter=KeyMeter(metrics) if metrics else None,
    )


async def make_module_master(settings: Settings, *, clock: Clock) -> int:
    """Make the next master key in the module; returns its number."""
    try:
        from gateway.keys.module import make_masters  # noqa: PLC0415 - an extra that not everybody installs
    except ImportError as fault:
        raise SettingsError(_NO_LIBRARY) from fault
    return await make_masters(module_settings(settings), clock=clock)


def module_settings(settings: Settings) -> ModuleSettings:
    """Return what a module needs. Raises SettingsError where its library or PIN is not named."""
    section = settings.keys
    pin = section.pin.read(os.environ)
    if not section.library or pin is None:
        raise SettingsError("keys.store is module: set keys.library, keys.token, and keys.pin (env or file)")
    return ModuleSettings(
        library=section.library,
        token=section.token,
        pin=pin,
        sessions=section.sessions,
        within_ms=section.within_ms,
        sandbox=section.sandbox,
        pin_work=section.pin_work,
    )
