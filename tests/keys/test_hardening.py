"""Nothing secret in a core dump, a repr or an error, whatever goes wrong."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import traceback
from collections.abc import Awaitable, Callable

import pytest

from gateway.kernel.randomness import SystemRandomness
from gateway.keys import (
    DataMode,
    DukptKey,
    KeyBlock,
    KeyCipher,
    KeyKind,
    KeyStoreError,
    MacScheme,
    PinFormat,
    PinMove,
    SoftwareKeyStore,
    WrappedKey,
    masters_from_text,
)
from gateway.keys.ceremonies import Ceremony
from gateway.keys.ceremony import Slip
from gateway.keys.ciphers import ClearKey
from gateway.keys.modulesettings import ModuleSettings
from gateway.keys.openkey import OpenKey
from gateway.keys.port import Checked

SECRET = bytes.fromhex("C0FFEE5EC2E7DA7A0123456789ABCDEF")
PAN, PIN_BLOCK = "6222021234567890123", bytes.fromhex("DEADBEEF01020304")
SAID = (SECRET.hex(), PAN, PIN_BLOCK.hex(), repr(SECRET), "918273")

_CHILD = """
import resource
from gateway.keys.hardening import forbid_dumps, is_dumpable
assert forbid_dumps()
assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
print("dumpable" if is_dumpable() else "closed")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PR_SET_DUMPABLE is of Linux")
def test_a_process_with_keys_leaves_no_core_dump() -> None:
    child = subprocess.run([sys.executable, "-c", _CHILD], capture_output=True, text=True, check=True)
    assert child.stdout.strip() == "closed"


def test_no_record_shows_what_it_holds() -> None:
    block = KeyBlock(KeyKind.PIN, "D0000")
    shown = [
        ClearKey(KeyCipher.AES, SECRET),
        OpenKey(KeyKind.MAC, KeyCipher.TRIPLE_DES, SECRET),
        PinMove(
            block=PIN_BLOCK,
            pan=PAN,
            source=block,
            source_format=PinFormat.ISO_0,
            target=block,
            target_format=PinFormat.ISO_0,
        ),
        Checked(good=True, pin_block=PIN_BLOCK),
        ModuleSettings(library="x", token="y", pin="918273"),
        Slip.__dataclass_fields__["clear"].repr,
        Ceremony.__dataclass_fields__["block"].repr,
    ]
    text = " ".join(map(repr, shown)).lower()
    assert not [said for said in SAID if said.lower() in text]
    assert text.endswith("false false")


async def test_no_error_says_a_key_a_card_or_a_pin_block(caplog: pytest.LogCaptureFixture) -> None:
    """Faults are forced in every operation; message, traceback and log are searched for what went in."""
    caplog.set_level(logging.DEBUG)
    store = SoftwareKeyStore(masters=masters_from_text(f"1:{'11' * 32}"), randomness=SystemRandomness(), sandbox=True)
    mac, pin = await store.load(KeyKind.MAC, SECRET), await store.load(KeyKind.PIN, SECRET)
    zone, tmk = await store.make(KeyKind.ZONE_PIN, 16), await store.load(KeyKind.TERMINAL_MASTER, SECRET)
    base = await store.load(KeyKind.BASE_DERIVATION, SECRET)
    component = await store.enter(SECRET, onto=None)
    moved = PinMove(
        block=PIN_BLOCK, pan=PAN, source=pin, source_format=PinFormat.ISO_0, target=zone, target_format=PinFormat.ISO_0
    )
    broken = KeyBlock(KeyKind.MAC, mac.text[:-1] + ("0" if mac.text[-1] != "0" else "1"))
    faults: list[Callable[[], Awaitable[object]]] = [
        lambda: store.load(KeyKind.MAC, SECRET + b"1"),
        lambda: store.load(KeyKind.SIGNING, SECRET),
        lambda: store.mac(broken, MacScheme.X919, SECRET),
        lambda: store.mac(mac, MacScheme.CMAC_AES, SECRET),
        lambda: store.mac(DukptKey(base, SECRET), MacScheme.X919, SECRET),
        lambda: store.translate_pin(moved),
        lambda: store.check_and_translate(pin, MacScheme.X919, PIN_BLOCK, PIN_BLOCK, pin=moved),
        lambda: store.decipher(mac, SECRET, mode=DataMode.ECB),
        lambda: store.wrap(mac, tmk),
        lambda: store.unwrap(tmk, KeyKind.MAC, WrappedKey(SECRET, SECRET[:4])),
        lambda: store.import_block(tmk, KeyKind.MAC, SECRET.hex()),
        lambda: store.enter(SECRET + SECRET, onto=component),
        lambda: store.complete(component, KeyKind.MAC),
        lambda: store.reveal(component),
        lambda: store.split(mac, tmk),
        lambda: store.unseal("card", SECRET * 4),
    ]
    for number, fault in enumerate(faults):
        with pytest.raises(KeyStoreError) as raised:
            await asyncio.ensure_future(fault())
        told = "".join(traceback.format_exception(raised.value)).lower()
        assert not [said for said in SAID if said.lower() in told], number
    assert not [said for said in SAID if said.lower() in caplog.text.lower()]
