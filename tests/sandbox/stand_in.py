"""A house just good enough for a day: a terminal front and an API before the real sandbox bank, all in memory.

It keeps to the two public surfaces and knows nothing of how the real house works, so that the day's driver is tested
apart from it.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import iso8583
from aiohttp import web

from gateway.kernel.clock import SHANGHAI
from gateway.sandbox.dialect import SPECIFICATION, encode
from gateway.sandbox.payees import PAYEES, WITHDRAWAL_PASSWORD
from gateway.sandbox.security import check_value, des_encipher, message_code

TMK = bytes.fromhex("CA5D92598DCA48CE8A4C76361A9269E9")
MAC_KEY = bytes.fromhex("5BB5C72CD00B7338")
PIN_KEY = bytes(range(16))
BUDGET_SECONDS = 1.5


def today() -> date:
    return datetime.now(SHANGHAI).date()


@dataclass
class Deal:
    """A purchase, void or refund."""

    number: str
    kind: str
    amount: int
    key: tuple[str, ...]
    standing: str = "in progress"
    code: str = "09"
    rrn: str = ""
    original: str = ""
    done: asyncio.Event = field(default_factory=asyncio.Event)
    result: str = ""


class Front:
    """The terminal door."""

    def __init__(self, bank: Any) -> None:
        self.bank = bank
        self.deals: dict[tuple[str, ...], Deal] = {}
        self.numbers = itertools.count(1)
        self.tasks: set[asyncio.Task[None]] = set()
        self.drops = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                body = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
                task = asyncio.create_task(self._answer(body, writer))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _answer(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        fields, _ = iso8583.decode(body[11:], SPECIFICATION)
        more = await self._take(fields, body[11:])
        mti = f"{fields['t'][:2]}{int(fields['t'][2]) + 1}0"
        kept = {name: fields[name] for name in ("2", "3", "4", "11", "25", "41", "42", "49", "60") if name in fields}
        said = kept | {"t": mti, "12": "101500", "13": "1122"} | more
        if said["39"] == "00" and mti[1] == "2":
            message = encode(said | {"64": "0" * 16})[:-8]
            message += message_code(MAC_KEY, message)
        else:
            message = encode(said)
        if self.drops:  # the connection is lost after the work was done
            self.drops -= 1
            writer.close()
            return
        head = bytes.fromhex("6000000003 602200000000")
        writer.write((len(head) + len(message)).to_bytes(2) + head + message)

    async def _take(self, fields: dict[str, str], message: bytes) -> dict[str, str]:
        if fields["t"] == "0800":
            return self._keys(fields)
        if message_code(MAC_KEY, message[:-8]) != message[-8:]:
            return {"39": "A0", "44": "bad_mac"}
        key = (fields["41"], fields["60"][2:8], fields["11"], fields["t"][:3])
        if fields["3"] == "380000":
            return self._standing(fields)
        if fields["t"].startswith("040"):
            await self._undo(self.deals[(*key[:3], "020")])
            return {"39": "00"}
        if key in self.deals:
            deal = self.deals[key]
        else:
            kind = {"22": "PAY", "23": "VOID", "25": "REFUND"}[fields["60"][:2]]
            deal = Deal(f"{today():%Y%m%d}{next(self.numbers):012d}", kind, int(fields["4"]), key)
            deal.original = self._original(fields) if kind != "PAY" else ""
            self.deals[key] = deal
            task = asyncio.create_task(self._do(deal, fields))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        try:
            await asyncio.wait_for(deal.done.wait(), BUDGET_SECONDS)
        except TimeoutError:
            return {"39": "98"}
        return {"39": deal.code, "37": deal.number[-12:]} | ({"38": "123456"} if deal.code == "00" else {})

    def _keys(self, fields: dict[str, str]) -> dict[str, str]:
        single = fields["60"][8:11] == "001"
        pin = PIN_KEY[:8] if single else PIN_KEY
        slots = des_encipher(TMK, pin) + check_value(pin) + des_encipher(TMK, MAC_KEY)
        slots += (b"" if single else bytes(8)) + check_value(MAC_KEY)
        return {"39": "00", "62": slots.hex().upper()}

    def _standing(self, fields: dict[str, str]) -> dict[str, str]:
        deal = self.deals.get((fields["41"], fields["61"][:6], fields["61"][6:12], "020"))
        standing = "never seen" if deal is None else deal.standing
        return {"39": "00" if standing == "approved" else "12", "44": standing}

    def _original(self, fields: dict[str, str]) -> str:
        return next(deal.number for deal in self.deals.values() if deal.rrn == fields["37"].strip())

    async def _do(self, deal: Deal, fields: dict[str, str]) -> None:
        asked = {"Amount": deal.amount, "Unit": "CNY", "Card": fields.get("2", ""), "Original": deal.original}
        try:
            answer = await self.bank.ask(deal.kind, deal.number, seconds=0.6, **asked)
        except TimeoutError:
            await asyncio.sleep(0.1)
            state, code = await self.bank.query(deal.number)
            if state != "SUCCESS":
                await asyncio.sleep(BUDGET_SECONDS)
                await self._undo(deal)
                return
            answer = {"Code": code}
        deal.code = answer["Code"]
        deal.rrn = deal.number[-12:]
        deal.standing = "approved" if deal.code == "00" else "declined"
        deal.done.set()

    async def _undo(self, deal: Deal) -> None:
        await self.bank.ask("REVERSE", f"{int(deal.number) + 5 * 10**11}", Original=deal.number)
        deal.standing, deal.code = "reversed", "12"
        deal.done.set()


class Desk:
    """The API: a merchant's withdrawals, and an operator's files."""

    def __init__(self, bank: Any, front: Front, payment_file: Any, details: Any) -> None:
        self.bank = bank
        self.front = front
        self.payment_file = payment_file
        self.details = details
        self.withdrawals: dict[str, dict[str, Any]] = {}
        self.files: dict[str, dict[str, Any]] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.differences: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, Any] = {}
        self.replays = 0
        self.fail_next = 0

    def application(self) -> web.Application:
        made = web.Application(middlewares=[self._guard])
        made.router.add_get("/v1/channels", self._channels)
        made.router.add_get("/v1/bank-cards", self._cards)
        made.router.add_get("/v1/accounts", self._accounts)
        made.router.add_post("/v1/withdrawals", self._request)
        made.router.add_post("/v1/withdrawals/{id}/confirm", self._confirm)
        made.router.add_get("/v1/withdrawals/{id}", self._withdrawal)
        made.router.add_post("/v1/channels/{id}/cut-off", self._cut_off)
        made.router.add_post("/v1/channels/{id}/fetch", self._fetch)
        made.router.add_get("/v1/files", self._list_files)
        made.router.add_get("/v1/batches", self._list_batches)
        made.router.add_get("/v1/batches/{id}/differences", self._list_differences)
        made.router.add_post("/v1/differences/{id}/resolve", self._resolve)
        made.router.add_post("/v1/days/close", self._close)
        return made

    @property
    def _guard(self) -> Any:
        @web.middleware
        async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
            assert 'alg="ed25519"' in request.headers["Signature-Input"]
            key = request.headers.get("Idempotency-Key", "")
            assert bool(key) is (request.method == "POST")
            if key in self.answers:
                self.replays += 1
                return web.json_response(self.answers[key])
            answer = await handler(request)
            if key:
                self.answers[key] = answer
            if self.fail_next and key:
                self.fail_next -= 1
                return web.json_response({"code": "busy"}, status=503)
            return answer if isinstance(answer, web.StreamResponse) else web.json_response(answer)

        return guard

    async def _channels(self, request: web.Request) -> Any:
        if "operator" not in request.headers["Signature-Input"]:
            return web.json_response({"code": "not_permitted"}, status=403)
        return {"channels": [{"id": "chn_1", "code": "file", "kind": "filebank", "state": "on"}]}

    async def _cards(self, _: web.Request) -> Any:
        cards = [
            {"id": f"crd_{place}", "number": place, "mask": f"622202******{payee.account[-4:]}", "bank": payee.bank}
            for place, payee in enumerate(PAYEES)
        ]
        return {"party": "pty_1", "bank_cards": cards}

    async def _accounts(self, _: web.Request) -> Any:
        return {"party": "pty_1", "balances": [{"withdrawable": {"minor": 100_000_00, "unit": "CNY"}}]}

    async def _request(self, request: web.Request) -> Any:
        body = await request.json()
        place = len(self.withdrawals) + 1
        number = f"{today():%Y%m%d}{7 * 10**11 + place:012d}"
        account = PAYEES[int(body["bank_card"].removeprefix("crd_"))].account
        made = {"id": f"wd_{place}", "state": "checked", "number": number, "account": account} | body
        self.withdrawals[made["id"]] = made
        return made

    async def _confirm(self, request: web.Request) -> Any:
        assert (await request.json())["password"] == WITHDRAWAL_PASSWORD
        return self._moved(request.match_info["id"], "frozen")

    async def _withdrawal(self, request: web.Request) -> Any:
        return self.withdrawals[request.match_info["id"]]

    async def _cut_off(self, _: web.Request) -> Any:
        payees = [(one["number"], one["account"], one["amount"]["minor"]) for one in self.withdrawals.values()]
        name = f"PAYTILLGATE01{today():%Y%m%d}0001.txt"
        draft = self.bank.bank.inbox / (name + ".part")
        draft.write_bytes(self.payment_file(1, payees, day=f"{today():%Y%m%d}"))
        draft.rename(self.bank.bank.inbox / name)
        self.files[name] = {"id": f"fil_{name}", "direction": "out", "name": name, "state": "submitted"}
        for one in self.withdrawals.values():
            one["state"] = "sent"
        return {"files": []}

    async def _fetch(self, _: web.Request) -> Any:
        for path in sorted(self.bank.bank.outbox.iterdir()):
            if path.name not in self.files:
                file = {"id": f"fil_{path.name}", "direction": "in", "name": path.name, "state": "done"}
                self.files[path.name] = file
                try:
                    self._take_in(path.name, self.details(path.read_bytes()))
                except (AssertionError, UnicodeDecodeError):
                    file["state"] = "quarantined"
        return {"files": []}

    def _take_in(self, name: str, lines: list[dict[str, str]]) -> None:
        batch = {"id": f"bat_{name}", "state": "balanced", "matched": 0, "different": 0, "missing": 0, "unknown": 0}
        self.batches[batch["id"]] = batch  # type: ignore[index]
        own = {one["number"]: one for one in self.withdrawals.values()}
        deals = {deal.number: deal for deal in self.front.deals.values()}
        for line in lines:
            if line["number"] in own:
                state = {"S": "success", "F": "failed", "R": "returned"}[line["state"]]
                own[line["number"]]["state"] = state
                batch["matched"] += 1  # type: ignore[operator]
            elif line["number"] not in deals:
                self._differ(batch, "unknown", "unknown_to_us", line["number"])
            elif deals[line["number"]].amount != int(line["amount"]):
                deals[line["number"]].result = "differs"
                self._differ(batch, "different", "amount_differs", line["number"])
            else:
                deals[line["number"]].result = "matched"
                batch["matched"] += 1  # type: ignore[operator]
                for difference in self.differences.values():
                    if difference["number"] == line["number"]:
                        difference["state"] = "resolved"
        for deal in deals.values():
            if name.startswith("ACQ") and deal.standing == "approved" and not deal.result:
                deal.result = "missing"
                self._differ(batch, "missing", "missing_at_bank", deal.number)

    def _differ(self, batch: dict[str, Any], counted: str, kind: str, number: str) -> None:
        batch[counted] += 1
        batch["state"] = "not_balanced"
        made = {"id": f"dif_{len(self.differences)}", "batch": batch["id"], "kind": kind, "number": number}
        self.differences[made["id"]] = made | {"state": "open"}

    async def _list_files(self, request: web.Request) -> Any:
        way = request.query["direction"]
        return {"files": [file for file in self.files.values() if file["direction"] == way]}

    async def _list_batches(self, request: web.Request) -> Any:
        state = request.query.get("state")
        return {"batches": [one for one in self.batches.values() if state in {None, one["state"]}]}

    async def _list_differences(self, request: web.Request) -> Any:
        batch = request.match_info["id"]
        return {"differences": [one for one in self.differences.values() if one["batch"] == batch]}

    async def _resolve(self, request: web.Request) -> Any:
        difference = self.differences[request.match_info["id"]]
        how = {"amount_differs": "bank_is_right", "unknown_to_us": "give_back"}[difference["kind"]]
        assert (await request.json())["how"] == how
        difference["state"] = "resolved"
        return difference

    async def _close(self, request: web.Request) -> Any:
        day = date.fromisoformat((await request.json())["day"])
        return {"open_day": (day + timedelta(days=1)).isoformat()}

    def _moved(self, withdrawal: str, state: str) -> Any:
        self.withdrawals[withdrawal]["state"] = state
        return self.withdrawals[withdrawal]
