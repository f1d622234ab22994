"""What every key store adapter must do; an adapter joins by one row in `ADAPTERS`."""

from __future__ import annotations

import asyncio
import functools
import operator
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from gateway.kernel.clock import SystemClock
from gateway.kernel.randomness import SystemRandomness
from gateway.keys import (
    Checked,
    DataMode,
    DukptKey,
    KeyBlock,
    KeyCipher,
    KeyKind,
    KeyStore,
    KeyStoreError,
    MacScheme,
    PinFormat,
    PinMove,
    SoftwareKeyStore,
    WrappedKey,
    masters_from_text,
    pinblocks,
)
from gateway.keys.ciphers import ClearKey
from gateway.keys.module import open_module_store
from gateway.keys.translation import IN_FULL_WORDS
from gateway.keys.working import FORMS, issue
from tests.plugins import softhsm

MASTERS = f"1:{'11' * 32}"


MakeStore = Callable[..., Awaitable[KeyStore]]


@asynccontextmanager
async def software() -> AsyncIterator[MakeStore]:
    async def make(**options: Any) -> KeyStore:
        return SoftwareKeyStore(masters=masters_from_text(MASTERS), randomness=SystemRandomness(), **options)

    yield make


@asynccontextmanager
async def module() -> AsyncIterator[MakeStore]:
    settings = await asyncio.to_thread(softhsm.module_settings)
    async with AsyncExitStack() as stack:

        async def make(**options: Any) -> KeyStore:
            store = open_module_store(replace(settings, **options), randomness=SystemRandomness(), clock=SystemClock())
            stack.callback(store.close)
            return store

        yield make


ADAPTERS = {"software": software, "module": module}
SECRET_KINDS = [KeyKind.TERMINAL_MASTER, KeyKind.MAC, KeyKind.PIN, KeyKind.DATA]


@pytest.fixture(params=["software", pytest.param("module", marks=pytest.mark.system_part("softhsm2-util"))])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def adapter(name: str) -> AsyncIterator[MakeStore]:
    async with ADAPTERS[name]() as make:
        yield make


@pytest.fixture
async def keystore(adapter: MakeStore) -> KeyStore:
    return await adapter(sandbox=True)


@pytest.mark.parametrize("kind", SECRET_KINDS)
@pytest.mark.parametrize("length", [8, 16, 24])
async def test_a_made_key_is_a_des_key_of_its_kind_with_odd_parity(keystore, kind, length):
    made = await keystore.make(kind, length)
    clear = await keystore.export_clear(made)
    assert (made.kind, len(clear)) == (kind, length)
    assert all(byte.bit_count() % 2 == 1 for byte in clear)
    assert await keystore.export_clear(await keystore.make(kind, length)) != clear


async def test_a_loaded_key_is_kept_as_it_was_entered(keystore):
    clear = bytes.fromhex("2222222222222222")
    assert await keystore.export_clear(await keystore.load(KeyKind.MAC, clear)) == clear


@pytest.mark.parametrize("length", [0, 7, 9, 17, 32])
async def test_a_length_that_no_des_key_has_is_refused(keystore, length):
    with pytest.raises(KeyStoreError):
        await keystore.make(KeyKind.MAC, length)
    with pytest.raises(KeyStoreError):
        await keystore.load(KeyKind.MAC, bytes(length))


@pytest.mark.parametrize("length", [16, 24, 32])
async def test_an_aes_key_has_an_aes_length(keystore, length):
    key = await keystore.make(KeyKind.MAC, length, cipher=KeyCipher.AES)
    assert len(await keystore.export_clear(key)) == length
    with pytest.raises(KeyStoreError):
        await keystore.make(KeyKind.MAC, 8, cipher=KeyCipher.AES)


@pytest.mark.parametrize(
    ("clear", "cipher", "expected"),
    [
        ("5BB5C72CD00B7338", KeyCipher.TRIPLE_DES, "AB7153CA"),  # docs/terminal-protocol.md section 4
        ("0123456789ABCDEFFEDCBA9876543210", KeyCipher.TRIPLE_DES, "08D7B4FB"),
        ("2B7E151628AED2A6ABF7158809CF4F3C", KeyCipher.AES, "7DF76B0C"),  # NIST SP 800-38B appendix D.1: AES(K, 0)
    ],
)
async def test_a_check_value_is_the_head_of_an_enciphered_zero_block(keystore, clear, cipher, expected):
    key = await keystore.load(KeyKind.MAC, bytes.fromhex(clear), cipher=cipher)
    assert (await keystore.check_value(key)).hex().upper() == expected


async def test_a_working_key_travels_under_the_terminals_master_key(keystore):
    tmk = await keystore.load(KeyKind.TERMINAL_MASTER, bytes.fromhex("CA5D92598DCA48CE8A4C76361A9269E9"))
    wrapped = await keystore.wrap(tmk, await keystore.load(KeyKind.MAC, bytes.fromhex("5BB5C72CD00B7338")))
    assert wrapped.cryptogram.hex().upper() == "B651F9E9BACE9AE1"
    assert wrapped.check_value.hex().upper() == "AB7153CA"


@pytest.mark.parametrize("length", [8, 16, 24])
async def test_a_cryptogram_is_as_long_as_its_key(keystore, length):
    tmk = await keystore.make(KeyKind.TERMINAL_MASTER, 16)
    assert len((await keystore.wrap(tmk, await keystore.make(KeyKind.PIN, length))).cryptogram) == length


CUPS_KEY, CUPS_DATA = "2222222222222222", "1234567890ABCDEFABCDEF1234567890"
CMAC_AES_KEY = "2B7E151628AED2A6ABF7158809CF4F3C"
CMAC_3DES_KEY = "8AA83BF8CBDA10620BC1BF19FBB6CD58BC313D4A371CA8B5"
CMAC_DATA = "6BC1BEE22E409F96E93D7E117393172AAE2D8A571E03AC9C9EB76FAC45AF8E5130C81C46A35CE411"


@pytest.mark.parametrize(
    ("scheme", "cipher", "key", "data", "mac"),
    [
        # docs/terminal-protocol.md section 4
        (MacScheme.CUPS, KeyCipher.TRIPLE_DES, CUPS_KEY, CUPS_DATA, b"E267B6E2".hex()),
        # FIPS 113 appendix 2 (X9.9)
        (
            MacScheme.X919,
            KeyCipher.TRIPLE_DES,
            "0123456789ABCDEF",
            b"7654321 Now is the time for ".hex(),
            "F1D30F6849312CA4",
        ),
        # NIST SP 800-38B appendix D.1, examples 1 to 3
        (MacScheme.CMAC_AES, KeyCipher.AES, CMAC_AES_KEY, "", "BB1D6929E9593728"),
        (MacScheme.CMAC_AES, KeyCipher.AES, CMAC_AES_KEY, CMAC_DATA[:32], "070A16B46B4D4144"),
        (MacScheme.CMAC_AES, KeyCipher.AES, CMAC_AES_KEY, CMAC_DATA, "DFA66747DE9AE630"),
        # NIST SP 800-38B appendix D.4, examples 13 to 15
        (MacScheme.CMAC_3DES, KeyCipher.TRIPLE_DES, CMAC_3DES_KEY, "", "B7A688E122FFAF95"),
        (MacScheme.CMAC_3DES, KeyCipher.TRIPLE_DES, CMAC_3DES_KEY, CMAC_DATA[:16], "8E8F293136283797"),
        (MacScheme.CMAC_3DES, KeyCipher.TRIPLE_DES, CMAC_3DES_KEY, CMAC_DATA[:40], "743DDBE0CE2DC2ED"),
    ],
)
async def test_macs_of_published_vectors(keystore, scheme, cipher, key, data, mac):
    block = await keystore.load(KeyKind.MAC, bytes.fromhex(key), cipher=cipher)
    assert (await keystore.mac(block, scheme, bytes.fromhex(data))).hex().upper() == mac.upper()
    assert await keystore.mac_is_good(block, scheme, bytes.fromhex(data), bytes.fromhex(mac))


async def test_retail_mac_is_single_des_chaining_with_the_last_block_tripled(keystore):
    """X9.19 by its definition: with two equal halves it is X9.9; with others D and E of the last block are added."""
    single = await keystore.load(KeyKind.MAC, bytes.fromhex("0123456789ABCDEF"))
    equal = await keystore.load(KeyKind.MAC, bytes.fromhex("0123456789ABCDEF" * 2))
    other = await keystore.load(KeyKind.MAC, bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"))
    data = b"Hello World !!!!"
    assert await keystore.mac(equal, MacScheme.X919, data) == await keystore.mac(single, MacScheme.X919, data)
    # ISO/IEC 9797-1:2011 annex B.3, algorithm 3 with padding method 1
    assert (await keystore.mac(other, MacScheme.X919, b"Now is the time for all ")).hex().upper() == "A1C72E74EA3FA9B6"


@pytest.mark.parametrize("scheme", [MacScheme.CUPS, MacScheme.X919, MacScheme.CMAC_3DES])
async def test_every_bit_of_message_and_mac_counts(keystore, scheme):
    key = await keystore.make(KeyKind.MAC, 16)
    data = bytes(range(37))
    mac = await keystore.mac(key, scheme, data)
    assert len(mac) == 8
    for place in range(len(data)):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        assert not await keystore.mac_is_good(key, scheme, changed, mac)
    for place in range(8):
        assert not await keystore.mac_is_good(
            key, scheme, data, mac[:place] + bytes([mac[place] ^ 1]) + mac[place + 1 :]
        )
    assert not await keystore.mac_is_good(key, scheme, data, mac[:4])
    assert not await keystore.mac_is_good(key, scheme, data, b"")


@pytest.mark.parametrize("kind", [KeyKind.PIN, KeyKind.DATA, KeyKind.TERMINAL_MASTER, KeyKind.SIGNING])
async def test_only_a_mac_key_makes_macs(keystore, kind):
    key = await keystore.make(kind, 32 if kind is KeyKind.SIGNING else 16)
    with pytest.raises(KeyStoreError):
        await keystore.mac(key, MacScheme.X919, b"data")
    with pytest.raises(KeyStoreError):
        await keystore.mac(KeyBlock(KeyKind.MAC, key.text), MacScheme.X919, b"data")


async def test_a_block_keeps_its_kind_whatever_is_written_beside_it(keystore):
    mac = await keystore.make(KeyKind.MAC, 16)
    await keystore.mac(mac, MacScheme.X919, b"seen once, so that it is known")
    for kind in (KeyKind.PIN, KeyKind.DATA, KeyKind.TERMINAL_MASTER, KeyKind.SIGNING):
        with pytest.raises(KeyStoreError):
            await keystore.export_clear(KeyBlock(kind, mac.text))


async def test_only_working_keys_travel_and_only_under_a_master_key(keystore):
    tmk, pin = await keystore.make(KeyKind.TERMINAL_MASTER, 16), await keystore.make(KeyKind.PIN, 16)
    for over, under in ((pin, pin), (tmk, tmk), (tmk, await keystore.make(KeyKind.SIGNING, 32))):
        with pytest.raises(KeyStoreError):
            await keystore.wrap(over, under)


async def test_an_aes_key_makes_no_des_mac_and_a_des_key_no_aes_mac(keystore):
    aes, des = await keystore.make(KeyKind.MAC, 16, cipher=KeyCipher.AES), await keystore.make(KeyKind.MAC, 16)
    for key, scheme in ((aes, MacScheme.CUPS), (aes, MacScheme.CMAC_3DES), (des, MacScheme.CMAC_AES)):
        with pytest.raises(KeyStoreError):
            await keystore.mac(key, scheme, b"data")


async def test_no_changed_block_opens(keystore):
    block = (await keystore.make(KeyKind.MAC, 16)).text
    for place, letter in enumerate(block):
        changed = block[:place] + ("1" if letter != "1" else "2") + block[place + 1 :]
        with pytest.raises(KeyStoreError):
            await keystore.export_clear(KeyBlock(KeyKind.MAC, changed))
    for cut in ("", "D", block[:16], block[:-1], block[:-2], block + "00"):
        with pytest.raises(KeyStoreError):
            await keystore.export_clear(KeyBlock(KeyKind.MAC, cut))


async def test_keys_leave_in_clear_only_in_the_sandbox(adapter):
    store = await adapter(sandbox=False)
    for kind in SECRET_KINDS:
        with pytest.raises(KeyStoreError, match="sandbox"):
            await store.export_clear(await store.make(kind, 16))


@pytest.mark.parametrize("clear", [b"", b"6222020000000000", bytes(100_000)])
async def test_sealed_bytes_come_back_for_their_purpose_only(keystore, clear):
    sealed = await keystore.seal("card", clear)
    assert await keystore.unseal("card", sealed) == clear
    assert clear not in sealed or not clear
    assert await keystore.seal("card", clear) != sealed
    with pytest.raises(KeyStoreError):
        await keystore.unseal("file", sealed)


async def test_no_changed_sealed_bytes_come_back(keystore):
    sealed = await keystore.seal("card", b"6222020000000000")
    for place in range(len(sealed)):
        changed = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises(KeyStoreError):
            await keystore.unseal("card", changed)
    for cut in range(len(sealed)):
        with pytest.raises(KeyStoreError):
            await keystore.unseal("card", sealed[:cut])


async def test_a_digest_is_keyed_by_purpose_and_repeats(keystore):
    first = await keystore.digest("input", b"data")
    assert await keystore.digest("input", b"data") == first
    assert len(first.value) == 32
    assert (await keystore.digests("input", b"data"))[0] == first
    assert (await keystore.digest("other", b"data")).value != first.value
    assert (await keystore.digest("input", b"date")).value != first.value


async def test_an_rsa_key_signs_as_banks_expect(keystore):
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    key = await keystore.load(KeyKind.SIGNING, pem(private))
    private.public_key().verify(await keystore.sign(key, b"body"), b"body", padding.PKCS1v15(), SHA256())
    assert await keystore.public_key(key) == public_pem(private)
    assert await keystore.export_clear(key) == pem(private)


async def test_made_signing_keys_are_ed25519_or_rsa(keystore):
    short, long = await keystore.make(KeyKind.SIGNING, 32), await keystore.make(KeyKind.SIGNING, 384)
    public = serialization.load_pem_public_key(await keystore.public_key(short))
    assert isinstance(public, ed25519.Ed25519PublicKey)
    public.verify(await keystore.sign(short, b"answer"), b"answer")
    large = serialization.load_pem_public_key(await keystore.public_key(long))
    assert isinstance(large, rsa.RSAPublicKey)
    large.verify(await keystore.sign(long, b"answer"), b"answer", padding.PKCS1v15(), SHA256())


async def test_what_is_no_signing_key_is_refused(keystore):
    for text in (b"", b"nonsense", pem(rsa.generate_private_key(public_exponent=65537, key_size=1024))):  # noqa: S505 - too short on purpose
        with pytest.raises(KeyStoreError):
            await keystore.load(KeyKind.SIGNING, text)
    with pytest.raises(KeyStoreError):
        await keystore.make(KeyKind.SIGNING, 100)
    with pytest.raises(KeyStoreError):
        await keystore.sign(await keystore.make(KeyKind.MAC, 16), b"body")
    with pytest.raises(KeyStoreError):
        await keystore.check_value(await keystore.make(KeyKind.SIGNING, 32))


def pem(private: rsa.RSAPrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(private: rsa.RSAPrivateKey) -> bytes:
    return private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


# ANSI X9.24-1:2009 annex A.4: base key, key serial numbers, PIN 1234 of card 4012345678909, and what is made of the
# data.
TDES_BASE, TDES_PAN, TDES_DATA = "0123456789ABCDEFFEDCBA9876543210", "4012345678909", b"4012345678909D987"
TDES = [
    (
        "FFFF9876543210E00001",
        "1B9C1845EB993A7A",
        "9CCC78173FC4FB64",
        "20364223C1FF00FA",
        "FC0D53B7EA1FDA9EE68AAF2E70D9B9506229BE2AA993F04F",
    ),
    (
        "FFFF9876543210E00002",
        "10A01C8D02C69107",
        "F608A9BCA6FFC311",
        "D1FCA6BEF05D24D2",
        "A2B4E70F846E63D68775B7215EB4563DFD3037244C61CC13",
    ),
    (
        "FFFF9876543210E00003",
        "18DC07B94797B466",
        "20B59A4FEAC937E3",
        "BAD4CC9CC2AE326C",
        "BD751E65F10E75B6C1D5B1D283496A36C2DE21D993C387A7",
    ),
]


@pytest.mark.parametrize(("ksn", "pin", "request_mac", "response_mac", "data"), TDES)
async def test_triple_des_dukpt_of_published_vectors(keystore, ksn, pin, request_mac, response_mac, data):
    base = await keystore.load(KeyKind.BASE_DERIVATION, bytes.fromhex(TDES_BASE))
    key = DukptKey(base, bytes.fromhex(ksn))
    assert await keystore.mac_is_good(key, MacScheme.X919, TDES_DATA, bytes.fromhex(request_mac))
    assert not await keystore.mac_is_good(key, MacScheme.X919, TDES_DATA, bytes.fromhex(response_mac))
    assert (await keystore.mac(key, MacScheme.X919, TDES_DATA)).hex().upper() == response_mac
    clear = await keystore.decipher(key, bytes.fromhex(data), mode=DataMode.CBC)
    assert clear.rstrip(b"\0") == TDES_DATA
    assert await carried(keystore, key, bytes.fromhex(pin), pan=TDES_PAN) == "1234"


# ANSI X9.24-3:2017 supplement: PIN block format 4 of PIN 1234 and card 4111111111111111.
AES_BASE, AES_PAN = "FEDCBA9876543210F1F1F1F1F1F1F1F1", "4111111111111111"
AES = [
    ("123456789012345600000001", "A912150391AB65A67E52883D81CE2D15"),
    ("123456789012345600000002", "52A00503BD34BA1383F6A7EE9FE2547F"),
]


@pytest.mark.parametrize(("ksn", "pin"), AES)
async def test_aes_dukpt_of_published_vectors(keystore, ksn, pin):
    base = await keystore.load(KeyKind.BASE_DERIVATION, bytes.fromhex(AES_BASE), cipher=KeyCipher.AES)
    key = DukptKey(base, bytes.fromhex(ksn))
    target = await keystore.load(KeyKind.ZONE_PIN, bytes(range(32)), cipher=KeyCipher.AES)
    move = PinMove(
        block=bytes.fromhex(pin),
        pan=AES_PAN,
        source=key,
        source_format=PinFormat.ISO_4,
        target=target,
        target_format=PinFormat.ISO_4,
    )
    first = await keystore.translate_pin(move)
    assert len(first) == 16
    assert await keystore.translate_pin(move) != first  # format 4 fills up at random


@pytest.mark.parametrize("length", [16, 24, 32])
async def test_aes_base_keys_of_every_length_serve(keystore, length):
    base = await keystore.make(KeyKind.BASE_DERIVATION, length, cipher=KeyCipher.AES)
    first, second = (DukptKey(base, bytes.fromhex(f"12345678901234560000000{number}")) for number in (1, 2))
    mac = await keystore.mac(first, MacScheme.CMAC_AES, b"data")
    assert len(mac) == 8
    assert await keystore.mac(second, MacScheme.CMAC_AES, b"data") != mac
    assert not await keystore.mac_is_good(first, MacScheme.CMAC_AES, b"data", mac)  # a response is no request


@pytest.mark.parametrize(
    "ksn",
    [
        "",
        "FFFF9876543210E000",
        "FFFF9876543210E00000",  # counter 0 is the initial key
        "FFFF9876543210FFFFFF",  # 21 bits set
        "123456789012345600000001",  # an AES device's
    ],
)
async def test_serial_numbers_that_no_device_of_a_triple_des_key_sends(keystore, ksn):
    base = await keystore.load(KeyKind.BASE_DERIVATION, bytes.fromhex(TDES_BASE))
    with pytest.raises(KeyStoreError):
        await keystore.mac(DukptKey(base, bytes.fromhex(ksn)), MacScheme.X919, b"data")


@pytest.mark.parametrize("ksn", ["1234567890123456FFFFFFFF", "1234567890123456FFFF0001", "FFFF9876543210E00001"])
async def test_serial_numbers_that_no_device_of_an_aes_key_sends(keystore, ksn):
    base = await keystore.load(KeyKind.BASE_DERIVATION, bytes.fromhex(AES_BASE), cipher=KeyCipher.AES)
    with pytest.raises(KeyStoreError):
        await keystore.mac(DukptKey(base, bytes.fromhex(ksn)), MacScheme.CMAC_AES, b"data")


async def test_a_base_key_does_nothing_but_derive(keystore):
    base = await keystore.load(KeyKind.BASE_DERIVATION, bytes.fromhex(TDES_BASE))
    for length in (8, 24):
        with pytest.raises(KeyStoreError):
            await keystore.load(KeyKind.BASE_DERIVATION, bytes(range(length)))
    with pytest.raises(KeyStoreError):
        await keystore.mac(base, MacScheme.X919, b"data")
    with pytest.raises(KeyStoreError):
        await keystore.mac(
            DukptKey(await keystore.make(KeyKind.MAC, 16), bytes.fromhex(TDES[0][0])), MacScheme.X919, b""
        )
    with pytest.raises(KeyStoreError):
        await keystore.export_block(await keystore.make(KeyKind.TRANSPORT, 16), base)


PAN = "6222020000000012345"


def sent(key: bytes, form: PinFormat, cipher: KeyCipher = KeyCipher.TRIPLE_DES) -> bytes:
    """A PIN block as a terminal sends it, made without the store."""
    return pinblocks.sealed(form, "123456", PAN, ClearKey(cipher, key).encipher, SystemRandomness())


async def carried(keystore: KeyStore, source: Any, block: bytes, *, pan: str, form: PinFormat = PinFormat.ISO_0) -> str:
    """The PIN that comes out at a channel which knows the zone key."""
    zone = bytes(range(1, 17))
    target = await keystore.load(KeyKind.ZONE_PIN, zone)
    move = PinMove(
        block=block, pan=pan, source=source, source_format=form, target=target, target_format=PinFormat.ISO_0
    )
    out = await keystore.translate_pin(move)
    assert out != block
    return pinblocks.opened(PinFormat.ISO_0, out, pan, ClearKey(KeyCipher.TRIPLE_DES, zone).decipher)


@pytest.mark.parametrize("length", [8, 16, 24])
async def test_a_terminals_pin_block_reaches_the_channel_under_its_zone_key(keystore, length):
    clear = bytes(range(0x21, 0x21 + length))
    source = await keystore.load(KeyKind.PIN, clear)
    assert await carried(keystore, source, sent(clear, PinFormat.ISO_0), pan=PAN) == "123456"


@pytest.mark.parametrize(
    ("old", "new", "cipher", "allowed"),
    [
        (PinFormat.ISO_0, PinFormat.ISO_0, KeyCipher.TRIPLE_DES, True),
        (PinFormat.ISO_0, PinFormat.ISO_3, KeyCipher.TRIPLE_DES, True),
        (PinFormat.ISO_0, PinFormat.ISO_4, KeyCipher.AES, True),
        (PinFormat.ISO_3, PinFormat.ISO_3, KeyCipher.TRIPLE_DES, True),
        (PinFormat.ISO_3, PinFormat.ISO_4, KeyCipher.AES, True),
        (PinFormat.ISO_3, PinFormat.ISO_0, KeyCipher.TRIPLE_DES, False),
        (PinFormat.ISO_0, PinFormat.ISO_4, KeyCipher.TRIPLE_DES, False),
        (PinFormat.ISO_0, PinFormat.ISO_0, KeyCipher.AES, False),
    ],
)
async def test_a_pin_block_goes_only_where_the_table_says(keystore, old, new, cipher, allowed):
    clear = bytes(range(0x21, 0x31))
    move = PinMove(
        block=sent(clear, old),
        pan=PAN,
        source=await keystore.load(KeyKind.PIN, clear),
        source_format=old,
        target=await keystore.make(KeyKind.ZONE_PIN, 16, cipher=cipher),
        target_format=new,
    )
    if allowed:
        assert len(await keystore.translate_pin(move)) == (16 if new is PinFormat.ISO_4 else 8)
        return
    with pytest.raises(KeyStoreError):
        await keystore.translate_pin(move)


async def test_a_pin_block_goes_to_no_terminal_no_short_key_and_no_other_card(keystore):
    clear = bytes(range(0x21, 0x31))
    source = await keystore.load(KeyKind.PIN, clear)
    good = PinMove(
        block=sent(clear, PinFormat.ISO_0),
        pan=PAN,
        source=source,
        source_format=PinFormat.ISO_0,
        target=await keystore.make(KeyKind.ZONE_PIN, 16),
        target_format=PinFormat.ISO_0,
    )
    assert await keystore.translate_pin(good)
    for wrong in (
        replace(good, target=source),
        replace(good, target=await keystore.make(KeyKind.ZONE_PIN, 8)),
        replace(good, target=await keystore.make(KeyKind.DATA, 16)),
        replace(good, target=KeyBlock(KeyKind.ZONE_PIN, source.text)),
        replace(good, source=await keystore.make(KeyKind.MAC, 16)),
        replace(good, source=await keystore.make(KeyKind.PIN, 16)),
        replace(good, pan="6222020000000099945"),
        replace(good, pan="622202"),
        replace(good, block=good.block[:-1]),
        replace(good, block=bytes(8)),
    ):
        with pytest.raises(KeyStoreError) as refused:
            await keystore.translate_pin(wrong)
        assert PAN not in str(refused.value)
        assert good.block.hex() not in str(refused.value).lower()


async def test_pin_work_outside_the_sandbox_asks_for_full_words(adapter):
    for words, allowed in (("", False), ("yes", False), (IN_FULL_WORDS.lower(), False), (IN_FULL_WORDS, True)):
        store = await adapter(sandbox=False, pin_work=words)
        clear = bytes(range(0x21, 0x31))
        source = await store.load(KeyKind.PIN, clear)
        block = sent(clear, PinFormat.ISO_0)
        if allowed:
            assert await carried(store, source, block, pan=PAN) == "123456"
            continue
        with pytest.raises(KeyStoreError, match=r"keys\.pin_work"):
            await carried(store, source, block, pan=PAN)


async def test_a_pin_block_is_carried_in_the_call_that_checks_the_mac_and_only_behind_a_good_one(keystore):
    clear = bytes(range(0x21, 0x31))
    mac_key = await keystore.load(KeyKind.MAC, bytes.fromhex(CUPS_KEY))
    pin = PinMove(
        block=sent(clear, PinFormat.ISO_0),
        pan=PAN,
        source=await keystore.load(KeyKind.PIN, clear),
        source_format=PinFormat.ISO_0,
        target=await keystore.make(KeyKind.ZONE_PIN, 16),
        target_format=PinFormat.ISO_0,
    )
    data = bytes.fromhex(CUPS_DATA)
    good = await keystore.check_and_translate(mac_key, MacScheme.CUPS, data, b"E267B6E2", pin=pin)
    assert good.good
    assert len(good.pin_block) == 8
    assert await keystore.check_and_translate(mac_key, MacScheme.CUPS, data, b"00000000", pin=pin) == Checked(
        good=False
    )
    assert await keystore.check_and_translate(mac_key, MacScheme.CUPS, data, b"E267B6E2", pin=None) == Checked(
        good=True
    )


async def test_a_track_is_deciphered_under_the_data_key_of_a_terminal(keystore):
    clear = bytes(range(0x41, 0x51))
    key = await keystore.load(KeyKind.DATA, clear)
    for mode in DataMode:
        enciphered = ClearKey(KeyCipher.TRIPLE_DES, clear).encipher(b"6222020000000012", mode)
        assert await keystore.decipher(key, enciphered, mode=mode) == b"6222020000000012"
    with pytest.raises(KeyStoreError):
        await keystore.decipher(key, b"odd", mode=DataMode.ECB)
    with pytest.raises(KeyStoreError):
        await keystore.decipher(await keystore.make(KeyKind.PIN, 16), bytes(8), mode=DataMode.ECB)


COMPONENTS = [
    "CA5D92598DCA48CE8A4C76361A9269E9",
    "0123456789ABCDEF0123456789ABCDEF",
    "1F2E3D4C5B6A79888796A5B4C3D2E1F0",
]


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("kind", [KeyKind.TERMINAL_MASTER, KeyKind.ZONE_MASTER, KeyKind.TRANSPORT])
async def test_components_are_combined_in_the_store(keystore, count, kind):
    parts = [bytes.fromhex(one) for one in COMPONENTS[:count]]
    so_far = None
    for part in parts:
        so_far = await keystore.enter(part, onto=so_far)
    key = await keystore.complete(so_far, kind)
    whole = bytes(functools.reduce(operator.xor, column) for column in zip(*parts, strict=True))
    assert (key.kind, await keystore.export_clear(key)) == (kind, whole)
    assert await keystore.component_check_value(whole) == await keystore.check_value(key)


async def test_components_that_do_not_fit_are_refused(keystore):
    first = await keystore.enter(bytes.fromhex(COMPONENTS[0]), onto=None)
    with pytest.raises(KeyStoreError, match="16 bytes"):
        await keystore.enter(bytes(range(24)), onto=first)
    with pytest.raises(KeyStoreError):
        await keystore.enter(bytes(range(7)), onto=None)
    twice = await keystore.enter(bytes.fromhex(COMPONENTS[0]), onto=first)
    with pytest.raises(KeyStoreError, match="weak"):
        await keystore.complete(twice, KeyKind.TERMINAL_MASTER)
    for kind in (KeyKind.MAC, KeyKind.PIN, KeyKind.SIGNING, KeyKind.SHARE):
        with pytest.raises(KeyStoreError, match="not entered"):
            await keystore.complete(first, kind)
    for use in (keystore.reveal, keystore.export_clear):
        with pytest.raises(KeyStoreError):
            await use(KeyBlock(KeyKind.SHARE, first.text))


async def test_two_slips_are_the_key_and_one_is_not(adapter):
    store = await adapter(sandbox=False)
    key, share = await store.make(KeyKind.TERMINAL_MASTER, 16), await store.make(KeyKind.SHARE, 16)
    first, second = await store.reveal(share), await store.reveal(await store.split(key, share))
    assert first != second
    entered = await store.enter(second, onto=await store.enter(first, onto=None))
    assert await store.check_value(await store.complete(entered, KeyKind.TERMINAL_MASTER)) == await store.check_value(
        key
    )
    for kind in (KeyKind.MAC, KeyKind.PIN, KeyKind.BASE_DERIVATION, KeyKind.ZONE_PIN):
        with pytest.raises(KeyStoreError, match="slips"):
            await store.split(await store.make(kind, 16), share)
    with pytest.raises(KeyStoreError):
        await store.reveal(key)


@pytest.mark.parametrize(("cipher", "length", "version"), [(KeyCipher.AES, 32, "D"), (KeyCipher.TRIPLE_DES, 16, "B")])
@pytest.mark.parametrize("kind", [KeyKind.TERMINAL_MASTER, KeyKind.ZONE_PIN, KeyKind.MAC])
async def test_a_key_travels_in_a_key_block_under_a_transport_key(keystore, cipher, length, version, kind):
    transport = await keystore.make(KeyKind.TRANSPORT, length, cipher=cipher)
    key = await keystore.make(kind, 16)
    text = await keystore.export_block(transport, key)
    assert text[0] == version
    back = await keystore.import_block(transport, kind, text)
    assert await keystore.export_clear(back) == await keystore.export_clear(key)
    with pytest.raises(KeyStoreError):
        await keystore.import_block(transport, KeyKind.DATA, text)
    with pytest.raises(KeyStoreError):
        await keystore.import_block(await keystore.make(KeyKind.TRANSPORT, length, cipher=cipher), kind, text)
    with pytest.raises(KeyStoreError):
        await keystore.import_block(transport, kind, text[:-1] + ("0" if text[-1] != "0" else "1"))


@pytest.mark.parametrize(
    ("protection", "cipher", "key", "text"),
    [
        # TR-31:2018 annex A.7.2.2 and A.7.4
        (
            "DD7515F2BFC17F85CE48F3CA25CB21F6",
            KeyCipher.TRIPLE_DES,
            "3F419E1CB7079442AA37474C2EFBF8B8",
            "B0080P0TE00E000094B420079CC80BA3461F86FE26EFC4A3B8E4FA4C5F5341176EED7B727B8A248E",
        ),
        (
            "88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01058FA79F44657DE6",
            KeyCipher.AES,
            "3F419E1CB7079442AA37474C2EFBF8B8",
            "D0112P0AE00E0000B82679114F470F540165EDFBF7E250FCEA43F810D215F8D207E2E417C07156A27E8E31DA05F7425509593D03A457DC34",
        ),
    ],
)
async def test_published_key_blocks_are_imported(keystore, protection, cipher, key, text):
    transport = await keystore.load(KeyKind.TRANSPORT, bytes.fromhex(protection), cipher=cipher)
    taken = await keystore.import_block(transport, KeyKind.ZONE_PIN, text)
    assert (await keystore.export_clear(taken)).hex().upper() == key


async def test_a_channels_keys_come_under_the_zone_master_key(keystore):
    clear = bytes.fromhex(COMPONENTS[0])
    zone = await keystore.load(KeyKind.ZONE_MASTER, clear)
    made = await keystore.make(KeyKind.ZONE_PIN, 16)
    wrapped = await keystore.wrap(zone, made)
    taken = await keystore.unwrap(zone, KeyKind.ZONE_PIN, wrapped)
    assert await keystore.export_clear(taken) == await keystore.export_clear(made)
    short = WrappedKey(wrapped.cryptogram, wrapped.check_value[:3])
    assert await keystore.unwrap(zone, KeyKind.ZONE_PIN, short)
    for wrong in (
        WrappedKey(wrapped.cryptogram, b"\0\0\0\0"),
        WrappedKey(wrapped.cryptogram, b""),
        WrappedKey(wrapped.cryptogram[:-1], wrapped.check_value),
        WrappedKey(b"", wrapped.check_value),
    ):
        with pytest.raises(KeyStoreError):
            await keystore.unwrap(zone, KeyKind.ZONE_PIN, wrong)
    for over, kind in ((zone, KeyKind.PIN), (zone, KeyKind.TERMINAL_MASTER), (made, KeyKind.ZONE_PIN)):
        with pytest.raises(KeyStoreError):
            await keystore.unwrap(over, kind, wrapped)
    tmk = await keystore.load(KeyKind.TERMINAL_MASTER, clear)
    with pytest.raises(KeyStoreError):
        await keystore.wrap(tmk, made)
    with pytest.raises(KeyStoreError):
        await keystore.unwrap(tmk, KeyKind.MAC, wrapped)


@pytest.mark.parametrize("form", sorted(FORMS))
async def test_working_keys_are_issued_in_every_form(name, keystore, form):
    wanted = FORMS[form]
    if name == "module" and wanted.cipher is KeyCipher.SM4:
        with pytest.raises(KeyStoreError, match="no sm4"):
            await keystore.make(KeyKind.TERMINAL_MASTER, 16, cipher=KeyCipher.SM4)
        return
    clear = bytes.fromhex(COMPONENTS[0])
    master = await keystore.load(KeyKind.TERMINAL_MASTER, clear, cipher=wanted.cipher)
    issued = await issue(keystore, master, wanted)
    content = issued.content
    assert len(content) == {"001": 24, "003": 40, "004": 60, "005": 60}[form[1]]
    for slot in wanted.slots:
        taken, content = content[: slot.width + 4], content[slot.width + 4 :]
        key = ClearKey(wanted.cipher, ClearKey(wanted.cipher, clear).decipher(taken[: slot.length]))
        assert taken[slot.length : slot.width] == bytes(slot.width - slot.length)
        assert key.check_value == taken[slot.width :]
        assert key.value == await keystore.export_clear(issued.keys[slot.kind])
    assert content == b""
    assert len({block.text for block in issued.keys.values()}) == len(wanted.slots)


async def test_sm4_of_the_published_vector_and_its_cups_mac(name, keystore):
    """GB/T 32907-2016 annex A.1; the MAC as `docs/terminal-protocol.md` section 4 spells it."""
    if name == "module":
        with pytest.raises(KeyStoreError, match="no sm4"):
            await keystore.load(KeyKind.MAC, bytes.fromhex(TDES_BASE), cipher=KeyCipher.SM4)
        return
    key = ClearKey(KeyCipher.SM4, bytes.fromhex(TDES_BASE))
    assert key.encipher(bytes.fromhex(TDES_BASE)).hex().upper() == "681EDF34D206965E86B3E94F536E4246"
    block = await keystore.load(KeyKind.MAC, key.value, cipher=KeyCipher.SM4)
    data = bytes(range(40))
    folded = bytes(a ^ b ^ c for a, b, c in zip(data[:16], data[16:32], data[32:] + bytes(8), strict=True))
    text = folded.hex().upper().encode()
    first = key.encipher(text[:16])
    second = key.encipher(bytes(a ^ b for a, b in zip(first, text[16:], strict=True)))
    assert await keystore.mac(block, MacScheme.CUPS_SM4, data) == second.hex().upper()[:8].encode()
    assert await keystore.mac_is_good(block, MacScheme.CUPS_SM4, data, second.hex().upper()[:8].encode())
    for scheme in (MacScheme.CUPS, MacScheme.X919, MacScheme.CMAC_AES):
        with pytest.raises(KeyStoreError):
            await keystore.mac(block, scheme, data)
    with pytest.raises(KeyStoreError):
        await keystore.wrap(await keystore.make(KeyKind.TERMINAL_MASTER, 16), block)


@pytest.mark.system_part("softhsm2-util")
async def test_no_adapter_opens_a_block_of_the_other(name, keystore):
    other = {"software": module, "module": software}[name]
    async with other() as make:
        foreign = await (await make(sandbox=True)).make(KeyKind.MAC, 16)
    with pytest.raises(KeyStoreError):
        await keystore.mac(foreign, MacScheme.X919, b"data")
