"""PIN blocks reach the bank under its own key, or nothing does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from gateway.kernel.reasons import Reason
from gateway.keys import KeyKind, KeyStoreSettings, open_software_store
from gateway.keys.port import PinFormat, PinMove
from gateway.payments.model import Transaction

PAN, PIN_KEY = "6222020000000001", bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")


@pytest.fixture
def keystore(tmp_path, randomness):
    return open_software_store(KeyStoreSettings(directory=tmp_path / "keys", sandbox=True), randomness)


@pytest.fixture
async def paying(world, keystore):
    """A world whose channel has a zone key, a card with a good PIN block, and what the bank was sent."""
    zone = await keystore.make(KeyKind.ZONE_PIN, 16)
    pin_key = await keystore.load(KeyKind.PIN, PIN_KEY)

    async def zone_key(_channel):
        return zone

    built = await world.build(zone_key=zone_key)
    return built, built.record().card, pin_key, zone


def good_block() -> bytes:
    """A format 0 block of PIN 1234 under the terminal's key, made by hand (ISO 9564-1)."""
    pin, number = bytes.fromhex("041234FFFFFFFFFF"), bytes.fromhex("0000" + PAN[-13:-1])
    plain = bytes(a ^ b for a, b in zip(pin, number, strict=True))
    return Cipher(TripleDES(PIN_KEY + PIN_KEY[:8]), modes.ECB()).encryptor().update(plain)  # noqa: S305 - the standard's


async def test_a_pin_block_goes_out_under_the_channels_key(paying, keystore):
    world, card, pin_key, zone = paying
    block = good_block()
    card = replace(card, pan=PAN, pin_block=block, pin_key=pin_key)
    answer = await world.carry(Transaction.PURCHASE, card=card)
    assert answer.reason is Reason.DONE
    (sent,) = world.bank.pin_blocks
    assert sent not in (None, block)
    back = PinMove(
        block=sent,
        pan=PAN,
        source=zone,
        source_format=PinFormat.ISO_0,
        target=await keystore.load(KeyKind.ZONE_PIN, PIN_KEY),
        target_format=PinFormat.ISO_0,
    )
    assert await keystore.translate_pin(back) == block


@pytest.mark.parametrize("wrong", ["block", "no key"])
async def test_what_cannot_be_carried_is_answered_55_and_not_sent(paying, wrong):
    world, card, pin_key, _ = paying
    card = replace(card, pan=PAN, pin_block=bytes(8), pin_key=None if wrong == "no key" else pin_key)
    answer = await world.carry(Transaction.PURCHASE, card=card)
    assert answer.reason is Reason.BAD_PIN
    assert (await world.operation(answer)).state == "declined"
    assert world.bank.seen == []
    balance = await world.carry(Transaction.BALANCE, minor=None, card=card)
    assert balance.reason is Reason.BAD_PIN


async def test_a_channel_without_a_zone_key_gets_no_pin_block(world):
    card = replace(world.record().card, pin_block=bytes(8))
    assert (await world.carry(Transaction.PURCHASE, card=card)).reason is Reason.DONE
    assert world.bank.pin_blocks == [None]
