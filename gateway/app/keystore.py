"""The key store as settings describe it."""

from __future__ import annotations

import os
from pathlib import Path

from gateway.kernel.randomness import Randomness
from gateway.kernel.settings import Settings
from gateway.keys import KeyStoreSettings, SoftwareKeyStore, open_software_store


def open_keystore(settings: Settings, randomness: Randomness) -> SoftwareKeyStore:
    """Open the software key store. Raises KeyStoreError or SettingsError, saying what to do."""
    section = settings.keys
    return open_software_store(
        KeyStoreSettings(
            directory=Path(section.directory),
            master_keys=section.master.read(os.environ),
            sandbox=section.sandbox,
        ),
        randomness,
    )
