"""Cards as readers send them: enciphered under a key of one transaction (DUKPT), opened inside the key store.

The clear data is digits, number and expiry divided by `D` or `=` as in track 2, filled up with `F`. A base derivation
key is known by the first five bytes (ten digits) of the key serial numbers that come of it.
"""

from __future__ import annotations

from gateway.api.acquiring_port import ReadCard
from gateway.keys import KeyRegister, KeyStore, KeyStoreError
from gateway.keys.port import DataMode, DukptKey
from gateway.payments.model import CardData

BASE_KEY = "reader.base."
_SET = 5


class Readers:
    """Opens what readers have read. Raises KeyStoreError where it cannot be opened."""

    def __init__(self, *, keystore: KeyStore, register: KeyRegister) -> None:
        self._keystore = keystore
        self._register = register

    async def card(self, given: ReadCard) -> CardData:
        """Return the card in clear, in memory only."""
        pan, expiry = given.pan, given.expiry
        key = None if given.pin_block is None else await self._key(given)
        if pan is None:
            pan, read = _track(await self._opened(given))
            expiry = expiry or read
        return CardData(pan=pan, expiry=expiry, sequence=given.sequence, pin_block=given.pin_block, pin_key=key)

    async def _opened(self, given: ReadCard) -> bytes:
        if given.data is None:
            raise KeyStoreError("a reader's card has a key serial number and data")
        return await self._keystore.decipher(await self._key(given), given.data, mode=DataMode.CBC)

    async def _key(self, given: ReadCard) -> DukptKey:
        base = None if given.ksn is None else await self._register.find(f"{BASE_KEY}{given.ksn[:_SET].hex()}")
        if base is None or given.ksn is None:
            raise KeyStoreError("no base key is loaded for this reader")
        return DukptKey(base.block, given.ksn)


def _track(clear: bytes) -> tuple[str, str | None]:
    """Read number and expiry; digits are packed two a byte, or one character each."""
    text = clear.decode("ascii") if clear[:1].isdigit() and clear.isascii() else clear.hex().upper()
    pan, _, rest = text.rstrip("F\0 ").replace("=", "D").partition("D")
    if not pan.isdecimal() or not 12 <= len(pan) <= 19:
        raise KeyStoreError("what the reader sent is no card")
    return pan, rest[:4] if rest[:4].isdecimal() and len(rest) >= 4 else None
