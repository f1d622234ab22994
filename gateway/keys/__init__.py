"""Keys: everything that needs a secret key happens behind the `KeyStore` port, by key block, never with a clear key.

The software adapter keeps its master keys in files of its own and its keys as TR-31 version D blocks; a hardware module
is a second adapter that passes the same contract tests. The card vault seals card numbers and gives their keyed
fingerprint and mask. Nothing here is logged, and no `repr` shows a key.
"""

from gateway.keys.masters import MasterKey, Masters, masters_from_text, read_or_make_masters
from gateway.keys.named import NamedKey
from gateway.keys.port import (
    Checked,
    DataMode,
    Digest,
    DukptKey,
    KeyBlock,
    KeyCipher,
    KeyKind,
    KeyStore,
    KeyStoreError,
    MacKey,
    MacScheme,
    PinFormat,
    PinMove,
    StoreUnavailableError,
    WrappedKey,
)
from gateway.keys.register import KeyRegister
from gateway.keys.software import KeyStoreSettings, SoftwareKeyStore, open_software_store
from gateway.keys.vault import CardToken, Vault, mask

__all__ = [
    "CardToken",
    "Checked",
    "DataMode",
    "Digest",
    "DukptKey",
    "KeyBlock",
    "KeyCipher",
    "KeyKind",
    "KeyRegister",
    "KeyStore",
    "KeyStoreError",
    "KeyStoreSettings",
    "MacKey",
    "MacScheme",
    "MasterKey",
    "Masters",
    "NamedKey",
    "PinFormat",
    "PinMove",
    "SoftwareKeyStore",
    "StoreUnavailableError",
    "Vault",
    "WrappedKey",
    "mask",
    "masters_from_text",
    "open_software_store",
    "read_or_make_masters",
]
