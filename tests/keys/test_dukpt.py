"""ANSI X9.24-1:2009 annex A.4 and ANSI X9.24-3:2017 supplement (AES-128 and AES-256 base keys)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.keys.ciphers import ClearKey
from gateway.keys.dukpt import MASK, Purpose, Serial, initial_key, transaction_key
from gateway.keys.macs import xored
from gateway.keys.port import KeyCipher, KeyStoreError

TDES_BASE = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
AES_BASE = bytes.fromhex("FEDCBA9876543210F1F1F1F1F1F1F1F1")


def first_key(base: bytes, serial: Serial) -> bytes:
    key = ClearKey(serial.cipher, base)
    masked = ClearKey(serial.cipher, xored(base, MASK)) if serial.cipher is KeyCipher.TRIPLE_DES else None
    return initial_key(
        serial,
        length=len(base),
        encipher=key.encipher,
        encipher_masked=masked.encipher if masked else None,
    )


def derived(base: bytes, ksn: str, purpose: Purpose) -> str:
    serial = Serial(bytes.fromhex(ksn))
    return transaction_key(first_key(base, serial), serial, purpose).value.hex().upper()


@pytest.mark.parametrize(
    ("base", "ksn", "initial"),
    [
        (TDES_BASE, "FFFF9876543210E00001", "6AC292FAA1315B4D858AB3A3D7D5933A"),
        (TDES_BASE, "FFFF9876543210EFF800", "6AC292FAA1315B4D858AB3A3D7D5933A"),
        (AES_BASE, "123456789012345600000001", "1273671EA26AC29AFA4D1084127652A1"),
        (AES_BASE * 2, "123456789012345600000001", "CE9CE0C101D1138F97FB6CAD4DF045A7083D4EAE2D35A31789D01CCF0949550F"),
    ],
)
def test_initial_keys(base: bytes, ksn: str, initial: str):
    assert first_key(base, Serial(bytes.fromhex(ksn))).hex().upper() == initial


@pytest.mark.parametrize(
    ("ksn", "key"),
    [
        ("FFFF9876543210E00001", "042666B49184CF5C68DE9628D0397B36"),
        ("FFFF9876543210E00002", "C46551CEF9FD244FAA9AD834130D3B38"),
        ("FFFF9876543210E00003", "0DF3D9422ACA561A47676D07AD6BAD05"),
        ("FFFF9876543210E00004", "279C0F6AEED0BE9A2B2C733E1383AE6E"),
        ("FFFF9876543210E00005", "5F8DC6D2C845C1DA508DDC048093B8C0"),
    ],
)
def test_pin_keys_of_triple_des(ksn: str, key: str):
    assert derived(TDES_BASE, ksn, Purpose.PIN) == key


@pytest.mark.parametrize(
    ("base", "ksn", "purpose", "key"),
    [
        (AES_BASE, "123456789012345600000001", Purpose.PIN, "AF8CB133A78F8DC2D1359F18527593FB"),
        (AES_BASE, "123456789012345600000001", Purpose.MAC_REQUEST, "A2DC23DE6FDE0824A2BC321E08E4B8B7"),
        (AES_BASE, "123456789012345600000001", Purpose.MAC_RESPONSE, "DBB463945B286C07CD3AD82EE96FD9C9"),
        (AES_BASE, "123456789012345600000001", Purpose.DATA_REQUEST, "A35C412EFD41FDB98B69797C02DCD08F"),
        (AES_BASE, "123456789012345600000001", Purpose.DATA_RESPONSE, "16292C6EA8F64C5420A0584BFBC577BE"),
        (AES_BASE, "123456789012345600000002", Purpose.PIN, "D30BDC73EC9714B000BEC66BDB7B6D09"),
        (AES_BASE, "123456789012345600000003", Purpose.PIN, "7D69F01F3B45449F62C7816ECE723268"),
        (AES_BASE, "123456789012345600000008", Purpose.PIN, "4D9DF3FBEE3448FC3E676D04320A90F5"),
        (AES_BASE, "123456789012345600000008", Purpose.MAC_REQUEST, "6FD572E5D59E618875F193484F9178FB"),
        (AES_BASE, "123456789012345600000008", Purpose.DATA_REQUEST, "650F34204ABD4E57764D61AC3D266FB1"),
        (
            AES_BASE * 2,
            "123456789012345600000001",
            Purpose.PIN,
            "8C1AB7BEE973829E30242E0BBBDD4946D540C98FC1B5BDCF94790001A23FD502",
        ),
        (
            AES_BASE * 2,
            "123456789012345600000001",
            Purpose.MAC_REQUEST,
            "61DABDF4B340CF461EE860B1D1AB55357142BD2D6977306859CF49AEFE8F1549",
        ),
        (
            AES_BASE * 2,
            "123456789012345600000001",
            Purpose.DATA_REQUEST,
            "71EB36C9A6B7F801D1D1700C29741FC5A5C4E9B45D742DA7AF6992B8AA29AF58",
        ),
    ],
)
def test_working_keys_of_aes(base: bytes, ksn: str, purpose: Purpose, key: str):
    assert derived(base, ksn, purpose) == key


def test_a_serial_number_tells_its_device_and_counter():
    tdes, aes = Serial(bytes.fromhex("FFFF9876543210E00003")), Serial(bytes.fromhex("123456789012345600000008"))
    assert (tdes.device.hex(), tdes.counter, tdes.cipher) == ("ffff9876543210e00000", 3, KeyCipher.TRIPLE_DES)
    assert (aes.device.hex(), aes.counter, aes.cipher) == ("1234567890123456", 8, KeyCipher.AES)


@pytest.mark.parametrize(
    ("ksn", "sent"),
    [
        ("FFFF9876543210E00000", False),
        ("FFFF9876543210EFF800", True),
        ("FFFF9876543210EFFC00", True),
        ("FFFF9876543210EFFC01", False),
        ("123456789012345600000000", False),
        ("1234567890123456FFFF0000", True),
        ("12345678901234560001FFFF", False),
        ("1234567890123456FFFF0001", False),
        ("12345678", False),
    ],
)
def test_counters_that_a_device_sends(ksn: str, *, sent: bool):
    if sent:
        assert Serial(bytes.fromhex(ksn)).counter
        return
    with pytest.raises(KeyStoreError):
        Serial(bytes.fromhex(ksn))


@given(st.binary(max_size=16))
def test_any_bytes_are_a_serial_number_or_one_error(value: bytes):
    try:
        assert Serial(value).counter > 0
    except KeyStoreError:
        return


@given(st.integers(1, 0x1FFFFF).filter(lambda counter: counter.bit_count() <= 10), st.sampled_from(list(Purpose)))
def test_every_transaction_and_purpose_has_a_key_of_its_own(counter: int, purpose: Purpose):
    ksn = (int.from_bytes(bytes.fromhex("FFFF9876543210E00000")) | counter).to_bytes(10)
    others = {derived(TDES_BASE, ksn.hex(), other) for other in Purpose if other is not purpose}
    assert derived(TDES_BASE, ksn.hex(), purpose) not in others
