"""What every key store adapter must do; an adapter joins by one row in `ADAPTERS`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from gateway.kernel.randomness import SystemRandomness
from gateway.keys import (
    KeyBlock,
    KeyCipher,
    KeyKind,
    KeyStore,
    KeyStoreError,
    MacScheme,
    SoftwareKeyStore,
    masters_from_text,
)

MASTERS = f"1:{'11' * 32}"


def software(*, sandbox: bool) -> KeyStore:
    return SoftwareKeyStore(masters=masters_from_text(MASTERS), randomness=SystemRandomness(), sandbox=sandbox)


ADAPTERS: dict[str, Callable[..., KeyStore]] = {"software": software}
SECRET_KINDS = [KeyKind.TERMINAL_MASTER, KeyKind.MAC, KeyKind.PIN, KeyKind.DATA]


@pytest.fixture(params=sorted(ADAPTERS))
def adapter(request: pytest.FixtureRequest) -> Callable[..., KeyStore]:
    return ADAPTERS[request.param]


@pytest.fixture
def keystore(adapter: Callable[..., KeyStore]) -> KeyStore:
    return adapter(sandbox=True)


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
    store = adapter(sandbox=False)
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
