"""The road over signed XML and HTTPS to the sandbox bank as its own process: the books agree with the bank's own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from channels.signatures import RsaSha256Verifier
from channels.xmlbank import XmlBank
from connectors.http import HttpConnector
from connectors.policy import Policy
from gateway.clearing.registry import OpenLine
from gateway.clearing.settings import RoadSettings
from gateway.kernel.reasons import Reason
from gateway.keys.port import KeyKind
from gateway.payments.model import CardData, Original, Transaction

CHECKOUT = Path(__file__).parents[3]
SETTINGS = RoadSettings(
    bank_within_s=1.0, query_after_s=(0.2,), close_before_s=0.1, recover_after_s=0, lane_least_s=0, poll_s=0.01
)


@pytest.fixture
def bank(tmp_path):
    """A bank process in a folder; its ready file as a dictionary."""
    ready = tmp_path / "bank.json"
    folder = tmp_path / "bank"
    folder.mkdir()
    command = [sys.executable, "-m", "gateway.sandbox.bank", "--directory", str(folder), "--ready", str(ready)]
    with (tmp_path / "bank.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=CHECKOUT, stdout=log, stderr=log)
    until = time.monotonic() + 30
    while not ready.exists():
        assert process.poll() is None, (tmp_path / "bank.log").read_text()
        assert time.monotonic() < until
        time.sleep(0.02)
    yield json.loads(ready.read_text())
    process.terminate()
    process.wait(10)


def books_of(bank):
    """What the bank says it did: kind and state by number."""
    context = ssl.create_default_context(cadata=bank["https"]["ca"])
    request = urllib.request.Request(bank["books"], headers={"Authorization": f"Bearer {bank['control']['token']}"})  # noqa: S310 - a loopback address
    with contextlib.suppress(ValueError), urllib.request.urlopen(request, context=context) as answer:  # noqa: S310
        return {each["number"]: (each["kind"], each["state"]) for each in json.load(answer)}
    raise AssertionError("the bank's books cannot be read")


@pytest.fixture
async def wired(world, bank, keystore):
    """The world with its channel joined to the sandbox bank."""
    key = await keystore.load(KeyKind.SIGNING, bank["signing"]["private_key"].encode())

    class Signer:
        key_id = bank["signing"]["key_id"]

        async def sign(self, data):
            return await keystore.sign(key, data)

    wire = HttpConnector(
        name="bank",
        address=bank["https"]["url"].removesuffix("/gateway"),
        monotonic=world.clock.monotonic,
        authorities=bank["https"]["ca"],
        policy=Policy(total_s=1.0),
    )
    verifier = RsaSha256Verifier({bank["bank_key"]["key_id"]: bank["bank_key"]["public_key"]})
    language = XmlBank({"customer": bank["customer"]}, Signer(), verifier)

    async def open_line(row):
        return OpenLine(code=row.code, language=language, wire=wire, close=wire.close)

    made = await world.build(SETTINGS, open_line)
    yield made
    await made.road.carrier.drain()
    await wire.close()


def pan(behaviour):
    """A card of the sandbox with a good check digit."""
    digits = f"622202{behaviour}000001"
    total = sum(
        (int(digit) * (2 - n % 2) - 9 * (int(digit) * (2 - n % 2) > 9)) for n, digit in enumerate(reversed(digits))
    )
    return CardData(pan=digits + str(-total % 10), expiry="3012")


async def test_a_day_at_the_real_bank_agrees_item_by_item(wired, bank):
    sale = await wired.sold(10_000, card=pan("000"))
    voided = await wired.sold(20_000, card=pan("000"))
    found = await wired.pay(card=pan("200"), budget=8)
    declined = await wired.pay(card=pan("151"))
    lost = wired.record(card=pan("600"), budget=2.5)

    assert found.reason is Reason.DONE
    assert declined.reason is Reason.INSUFFICIENT_FUNDS
    assert (await wired.refund(sale, 4_000, card=None)).reason is Reason.DONE
    assert (await wired.void(voided, card=None)).reason is Reason.DONE
    assert (await wired.road.carrier.carry(lost)).reason is Reason.NO_ANSWER
    reversed_sale = await wired.sold(30_000, card=pan("000"))
    assert (await wired.reverse(reversed_sale, minor=30_000)).reason is Reason.DONE
    await wired.run_timers()

    assert (await wired.only(lost.reference.trace)).state == "reversed"
    assert (await wired.fresh(reversed_sale.id)).state == "reversed"
    rows = await wired.pool.fetch("SELECT number, ask, state FROM instruction WHERE ask <> 'reverse'")
    words = {"success": "success", "failed": "failed", "cancelled": "reversed"}
    ours = {row["number"]: (row["ask"], words[row["state"]]) for row in rows}
    theirs = books_of(bank)
    never_there = {number for number in ours if number not in theirs}
    assert never_there <= {(await wired.only(lost.reference.trace)).instruction_number}
    assert {number: said for number, said in ours.items() if number in theirs} == theirs
    due = 10_000 - 4_000 + 10_000
    assert (await wired.books())["channel.due"] == due
    assert await wired.imbalance() == 0


async def test_garbled_answers_are_asked_about_and_believed_only_when_signed(wired):
    answer = await wired.pay(card=pan("500"), budget=4)
    assert answer.reason in (Reason.DONE, Reason.NO_ANSWER)
    await wired.run_timers()
    operation = await wired.fresh((await wired.only("000001")).id)
    assert operation.state in ("approved", "reversed")


async def test_a_bank_that_answers_twice_does_it_once(wired, bank):
    assert (await wired.pay(card=pan("400"))).reason is Reason.DONE
    await asyncio.sleep(0)
    assert len(books_of(bank)) == 1
    assert (await wired.books())["channel.due"] == 10_000


async def test_a_void_of_a_sale_at_the_bank_cannot_be_followed_by_its_reversal(wired):
    sale = await wired.sold(10_000, card=pan("000"))
    await wired.void(sale, card=None)
    answer = await wired.carry(Transaction.VOID, original=Original(rrn=sale.rrn), card=None)
    assert answer.reason is Reason.WRONG_STATE
