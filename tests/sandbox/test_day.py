import asyncio
import base64
import json
from collections import Counter
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.kernel.clock import SystemClock
from gateway.kernel.randomness import SystemRandomness
from gateway.sandbox.cards import CARDS
from gateway.sandbox.day import Proof, World, run_day
from gateway.sandbox.day.api_client import Signing
from gateway.sandbox.day.plan import PURCHASES, plan_day
from gateway.sandbox.day.world import ApiKey
from gateway.sandbox.payees import PAYEES, Fate, fate_of


def _key(keyid: str, party: str) -> dict[str, str]:
    form = serialization.PrivateFormat.PKCS8
    private = ed25519.Ed25519PrivateKey.generate()
    pem = private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
    return {"keyid": keyid, "alg": "ed25519", "private_key": pem, "party": party}


@settings(max_examples=50)
@given(seed=st.integers(0, 10**9), terminals=st.integers(2, 12))
def test_a_seed_makes_one_day_and_every_day_has_what_a_day_needs(seed: int, terminals: int) -> None:
    plan = plan_day(seed, terminals=terminals)
    assert plan == plan_day(seed, terminals=terminals)
    purchases = [purchase for share in plan.purchases for purchase in share]
    assert len(purchases) == PURCHASES
    assert len({purchase.amount for purchase in purchases}) == PURCHASES
    behaviours = Counter(purchase.behaviour for purchase in purchases)
    assert (behaviours["drop"], behaviours["delay:9900"]) == (1, 1)
    assert sum(count for name, count in behaviours.items() if name.startswith("decline:")) >= 10
    assert {card.behaviour for card in CARDS} >= set(behaviours)
    assert Counter(plan.withdrawals) == {Fate.PAID: 5, Fate.FAILED: 1, Fate.SILENT: 1, Fate.RETURNED: 1}


def test_another_seed_makes_another_day() -> None:
    assert plan_day(1, terminals=6) != plan_day(2, terminals=6)


def test_payees_are_told_apart_by_their_masks() -> None:
    assert [fate_of(f"622202******{payee.account[-4:]}") for payee in PAYEES] == [payee.fate for payee in PAYEES]
    assert fate_of("622848******0018") is None


def test_a_request_is_signed_over_what_the_interface_names() -> None:
    key = _key("ops-1", "pty_1")
    signing = Signing(key=ApiKey(**key), clock=SystemClock(), randomness=SystemRandomness())
    headers = signing.headers("POST", "https://127.0.0.1:1/v1/x?a=b", body=b"{}", key="k1")
    label, _, parameters = headers["Signature-Input"].partition("=")
    assert parameters.startswith('("@method" "@target-uri" "content-digest" "idempotency-key");created=')
    base = (
        '"@method": POST\n"@target-uri": https://127.0.0.1:1/v1/x?a=b\n'
        f'"content-digest": {headers["Content-Digest"]}\n"idempotency-key": k1\n"@signature-params": {parameters}'
    )
    private = serialization.load_pem_private_key(key["private_key"].encode(), None)
    assert isinstance(private, ed25519.Ed25519PrivateKey)
    signature = base64.b64decode(headers["Signature"].removeprefix(f"{label}=:").removesuffix(":"))
    private.public_key().verify(signature, base.encode())
    assert headers["Content-Digest"] == "sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:"  # of {}
    assert "idempotency-key" not in signing.headers("GET", "https://h/v1", body=b"", key="")["Signature-Input"]


def test_a_world_is_read_from_the_json_of_up_and_names_what_is_missing() -> None:
    written = {
        "listeners": [{"dialect": "cups", "host": "127.0.0.1", "port": 2, "tls": True}],
        "terminals": [],
        "cards": [{"pan": "6", "pin": "1", "behaviour": "approve"}],
        "ca": "",
        "api": {"url": "https://127.0.0.1:3", "keys": []},
        "bank": {"url": "x", "books": "http://127.0.0.1:4/books?token=abc", "sftp": {}},
        "database": "dsn",
    }
    world = World.read(json.dumps(written))
    assert world == World.read(written)
    assert world.control == ("http://127.0.0.1:4", "abc")
    assert world.pans("approve") == ["6"]
    for wanted in (lambda: world.pans("drop"), lambda: world.listener("iso87-ascii")):
        with pytest.raises(LookupError):
            wanted()


class House:
    """The stand-in house before a real sandbox bank, with the world's JSON for it."""

    def __init__(self, front: Any, desk: Any, facts: dict[str, Any]) -> None:
        self.front = front
        self.desk = desk
        self.facts = facts


@pytest.fixture
async def house(own_bank: Any, customer_of: Any, stand_in: Any, payment_file: Any, details: Any) -> Any:
    bank = own_bank()
    customer = customer_of(bank)
    front = stand_in.Front(customer)
    desk = stand_in.Desk(customer, front, payment_file, details)
    server = await asyncio.start_server(front.serve, "127.0.0.1", 0)
    runner = web.AppRunner(desk.application())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    addresses: Any = runner.addresses
    terminals = [
        {
            "terminal": f"1000000{place}",
            "merchant": f"10411007011081{place % 3}",
            "tmk": stand_in.TMK.hex(),
            "dialect": "cups",
        }
        for place in range(6)
    ]
    port = server.sockets[0].getsockname()[1]
    yield House(
        front,
        desk,
        {
            "listeners": [{"dialect": "cups", "host": "127.0.0.1", "port": port, "tls": False}],
            "terminals": terminals,
            "cards": [{"pan": card.pan, "pin": card.pin, "behaviour": card.behaviour} for card in CARDS],
            "ca": "",
            "api": {
                "url": f"http://127.0.0.1:{addresses[0][1]}",
                "keys": [_key("merchant-1", "pty_1"), _key("operator-1", "pty_0")],
            },
            "bank": {"books": bank.ready["books"]},
        },
    )
    server.close()
    await asyncio.gather(*front.tasks, return_exceptions=True)
    await runner.cleanup()


async def _run(house: House, seed: int) -> tuple[Any, list[str]]:
    said: list[str] = []
    seen: list[list[dict[str, Any]]] = []

    async def proof(books: list[dict[str, Any]]) -> Proof:
        seen.append(books)
        return Proof(trial_balance={"CNY": 0}, bank_agrees=True, chain_verified=True)

    result = await run_day(
        World.read(house.facts),
        seed,
        said.append,
        proof=proof,
        clock=SystemClock(),
        randomness=SystemRandomness(),
        patience_seconds=60,
    )
    assert len(seen) == 1
    return result, said


async def test_a_whole_day(house: House) -> None:
    result, said = await _run(house, 1)
    assert result.failures == (), said
    written = result.to_json()
    assert written["ok"] is True
    assert (written["voids"], written["refunds"], written["duplicates_answered"], written["mac_refused"]) == (
        5,
        6,
        1,
        1,
    )
    assert written["withdrawals"] == {"success": 6, "failed": 1, "returned": 1, "unknown": 0}
    sums = written["purchases"]
    assert sums["sent"] == PURCHASES == sums["approved"] + sums["declined"] + sums["reversed"]
    assert sums["reversed"] >= 1  # on a machine under load others run out of time too
    assert written["files"] == {"sent": 1, "fetched": 6, "imported": 5, "quarantined": 1}
    assert list(written) == [
        *("seed", "seconds", "purchases", "voids", "refunds", "duplicates_answered", "mac_refused", "payouts"),
        *("withdrawals", "files", "reconciliation", "trial_balance", "bank_agrees", "chain_verified", "ok"),
    ]


async def test_a_day_goes_on_through_lost_lines_and_busy_answers(house: House) -> None:
    async def disturb() -> None:
        while True:
            house.front.drops = 1
            await asyncio.sleep(0.3)

    house.desk.fail_next = 6
    disturbing = asyncio.create_task(disturb())
    result, said = await _run(house, 2)
    disturbing.cancel()
    await asyncio.gather(disturbing, return_exceptions=True)
    assert result.failures == (), said
    assert house.desk.replays > 0
    assert any(slip.repeated for slip in result.slips)
