"""A day of payouts with the sandbox bank: its own process, over SFTP; in the end both books say the same."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import cast

import pytest

from connectors.sftp import SftpAddress, SftpCarrier
from gateway.clearing.files import FileState
from gateway.clearing.returns.model import BatchState
from gateway.payments.payout import PayoutState
from tests.clearing.files.house import FlakyCarrier, House
from tests.sandbox.conftest import BankCustomer, BankProcess


@pytest.fixture
async def bank() -> AsyncIterator[BankCustomer]:
    with tempfile.TemporaryDirectory(prefix="tg-bank-") as folder:
        process = BankProcess(Path(folder))
        process.start()
        customer = BankCustomer(process)
        yield customer
        await customer.close()
        assert process.stop() == ""


@pytest.fixture
async def over_sftp(house: House, bank: BankCustomer) -> AsyncIterator[House]:
    sftp = bank.bank.ready["sftp"]
    address = SftpAddress(
        host=sftp["host"],
        port=sftp["port"],
        user=sftp["user"],
        private_key=sftp["private_key"],
        host_key=sftp["host_key"],
    )
    carrier = SftpCarrier(name="bank", address=address, monotonic=monotonic)
    house.carrier = cast("FlakyCarrier", carrier)
    house.clock.advance(datetime.now(UTC) - house.clock.now())  # the bank goes by the real day
    house.open()
    yield house
    await carrier.close()


async def test_payouts_with_the_sandbox_bank_end_as_its_books_say(over_sftp: House, bank: BankCustomer) -> None:
    house = over_sftp
    agent = await house.agent("X", has=10_000_00)
    payees = {"000": 100_00, "114": 200_00, "700": 300_00, "800": 400_00}
    out = {
        payee: await house.withdraw(agent, amount, await house.card(agent, payee, last=f"{place:04d}"))
        for place, (payee, amount) in enumerate(payees.items())
    }

    async def states() -> dict[str, PayoutState]:
        return {payee: (await house.payout(payout)).state for payee, payout in out.items()}

    file = await house.send()
    assert file.state is FileState.SUBMITTED
    await bank.bank.files("RET*")
    (answer,) = await house.fetch()
    assert await states() == {
        "000": PayoutState.SUCCESS,
        "114": PayoutState.FAILED,
        "700": PayoutState.UNKNOWN,
        "800": PayoutState.SUCCESS,
    }
    assert (await house.payout(out["114"])).code == "14"
    assert (await house.batch_of(answer)).state is BatchState.NOT_BALANCED

    await bank.order("settle-silent", {})
    await bank.bank.files("RET*", count=2)
    await house.fetch()
    assert (await states())["700"] is PayoutState.SUCCESS
    await bank.order("late-returns", {})
    await bank.bank.files("REJ*")
    await house.fetch()
    assert (await states())["800"] is PayoutState.RETURNED
    assert (await house.batch_of(answer)).state is BatchState.CLOSED

    books = await bank.books()
    said = {payee: books[await house.number(payout)]["state"] for payee, payout in out.items()}
    assert said == {"000": "success", "114": "failed", "700": "success", "800": "returned"}
    paid = sum(entry["amount"] for entry in books.values() if entry["state"] == "success")
    assert await house.balance(house.bank) == 10_000_00 - paid
    assert await house.balance(house.transit) == 0
    assert await house.trial() == 0
