"""Keys in parts: components that people enter, and shares by which a key is handed out; both are combined by XOR.

Source: ISO 11568 (key components under split knowledge and dual control), `docs/terminal-protocol.md` section 4.
"""

from __future__ import annotations

from itertools import pairwise

from gateway.keys.ciphers import ClearKey
from gateway.keys.macs import xored
from gateway.keys.port import KeyCipher, KeyKind, KeyStoreError
from gateway.keys.uses import ENTERED, MASTERS, secret_algorithm

_BLOCK = 8


def combined(first: bytes | None, second: bytes) -> bytes:
    """Combine a component with those before it. Raises KeyStoreError where their lengths differ."""
    if first is None:
        return second
    if len(first) != len(second):
        raise KeyStoreError(f"the components before have {len(first)} bytes, this one has {len(second)}")
    return xored(first, second)


def refuse_weak(key: bytes, cipher: KeyCipher) -> None:
    """Raise KeyStoreError where components give a key that protects nothing: equal bytes, or equal DES parts."""
    parts = [key[at : at + _BLOCK] for at in range(0, len(key), _BLOCK)]
    equal = cipher is KeyCipher.TRIPLE_DES and len(parts) > 1 and _parts_equal(parts)
    if len(set(key)) == 1 or equal:
        raise KeyStoreError("the components give a weak key: one was entered twice, or they are not of one key")


def _parts_equal(parts: list[bytes]) -> bool:
    """Tell whether neighbours are the same but for parity, so that triple DES is single DES."""
    bare = [bytes(byte & 0xFE for byte in part) for part in parts]
    return any(left == right for left, right in pairwise(bare))


def entered(before: ClearKey | None, component: ClearKey) -> ClearKey:
    """Take a component onto those before it. Raises KeyStoreError where they are not of one cipher and length."""
    secret_algorithm(component.cipher, len(component.value))
    if before is not None and before.cipher is not component.cipher:
        raise KeyStoreError(f"the components before are of a {before.cipher} key")
    return ClearKey(component.cipher, combined(before.value if before else None, component.value))


def completed(parts: ClearKey, kind: KeyKind) -> ClearKey:
    """Return the key that components give. Raises KeyStoreError where it is of no kind that is entered, or weak."""
    if kind not in ENTERED:
        raise KeyStoreError(f"a {kind} key is not entered in components")
    refuse_weak(parts.value, parts.cipher)
    return parts


def other_share(whole: ClearKey, share: ClearKey, kind: KeyKind) -> ClearKey:
    """Return what is missing from one share to the whole key. Raises KeyStoreError for keys that get no slips."""
    if kind not in MASTERS:
        raise KeyStoreError(f"a {kind} key is not handed out on slips")
    return ClearKey(whole.cipher, combined(share.value, whole.value))
