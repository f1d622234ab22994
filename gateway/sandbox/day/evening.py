"""The operator's evening: cut-off, files out and in, reconciliation, differences, the day's close."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from gateway.sandbox.day.api_client import ApiClient, ApiRefusedError
from gateway.sandbox.day.bank_client import BankClient
from gateway.sandbox.day.money_out import MoneyOut
from gateway.sandbox.day.patience import DayFailedError, Patience
from gateway.sandbox.day.plan import DayPlan
from gateway.sandbox.day.result import Files, Reconciliation
from gateway.sandbox.payees import Fate

_BATCH_KIND = "filebank"
_SENT = frozenset({"submitted", "answered", "checked"})
_TAKEN_IN = frozenset({"imported", "done"})
_AT_REST = frozenset({"done", "quarantined", "duplicate", "superseded"})
_MATCHED = frozenset({"not_balanced", "balanced", "closed"})
_HOW = {"amount_differs": "bank_is_right", "unknown_to_us": "give_back"}
_UNDER_WAY = "in_progress"


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaks:
    """What the bank's day file will have wrong: instruction numbers, and minor units."""

    differs: str
    differs_amount: int
    missing: str
    unknown: str
    unknown_amount: int

    def order(self) -> list[dict[str, Any]]:
        """Write the breaks as the bank's control interface takes them."""
        return [
            {"kind": "amount_differs", "number": self.differs, "amount": self.differs_amount},
            {"kind": "missing", "number": self.missing},
            {"kind": "unknown", "number": self.unknown, "amount": self.unknown_amount},
        ]


@dataclass(slots=True, kw_only=True)
class Evening:
    """What the operator does after the shops have closed."""

    plan: DayPlan
    operator: ApiClient
    bank: BankClient
    patience: Patience
    keys: Callable[[str], str]
    report: Callable[[str], None]
    day: str
    _fetches: count[int] = field(default_factory=count)
    _earlier: frozenset[str] = frozenset()

    async def begin(self) -> None:
        """Leave aside the files and batches of earlier days in the same world."""
        known = [*await self._files("direction=out"), *await self._files("direction=in"), *await self._batches("")]
        self._earlier = frozenset(one["id"] for one in known)

    async def send_payments(self) -> None:
        """Cut the payment files off and wait until the bank has them."""
        for channel in await self._channels():
            await self._try(f"/v1/channels/{channel}/cut-off", key=f"cut-off-{channel}")

        async def all_sent() -> list[dict[str, Any]] | None:
            files = await self._files("direction=out")
            return files if files and all(file["state"] in _SENT for file in files) else None

        files = await self.patience.until("the payment files to be sent", all_sent)
        self.report(f"payment files sent: {', '.join(file['name'] for file in files)}")

    async def await_results(self, out: MoneyOut, expected: Mapping[Fate, frozenset[str]]) -> None:
        """Fetch and reconcile until every withdrawal stands where it is meant to."""

        async def settled() -> bool | None:
            await self.take_in()
            states = await out.states()
            return True if all(state in expected[fate] for fate, state in states) else None

        wanted = ", ".join(f"{fate} {'/'.join(sorted(states))}" for fate, states in expected.items())
        await self.patience.until(f"withdrawals to be {wanted}", settled)

    async def take_in(self) -> None:
        """Look into the bank's folder, and start the reconciliation of what has been imported."""
        for channel in await self._channels():
            await self._try(f"/v1/channels/{channel}/fetch", key=f"fetch-{next(self._fetches)}")
        for batch in await self._batches("state=imported"):
            await self._try(f"/v1/batches/{batch['id']}/reconcile", key=f"reconcile-{batch['id']}")

    async def take_in_file(self, name: str) -> dict[str, Any]:
        """Fetch until the file `name` is at rest, and return it."""

        async def at_rest() -> dict[str, Any] | None:
            await self.take_in()
            found = [file for file in await self._files("direction=in") if file["name"] == name]
            return found[0] if found and found[0]["state"] in _AT_REST else None

        return await self.patience.until(f"{name} to be taken in", at_rest)

    async def break_and_mend(self, breaks: Breaks) -> None:
        """Take in a day file with breaks, a bad file, and the file that has what was missing; resolve what is wrong."""
        order = {"date": self.day, "breaks": breaks.order()}
        await self._take_in_day_file(order, key="day-file-1")
        await self._resolve()
        bad = await self.bank.order("bad-file", {"kind": self.plan.bad_file}, key=self.keys("bad-file"))
        file = await self.take_in_file(bad["file"])
        self.report(f"bad file ({self.plan.bad_file}) {file['name']}: {file['state']} {file.get('reason', '')}")
        await self._take_in_day_file({"date": self.day, "breaks": []}, key="day-file-2")

    async def settle_differences(self) -> None:
        """Wait until nothing is open: what was missing is found by the files that have come since."""

        async def settled() -> bool | None:
            await self._resolve()
            return None if await self.open_differences() else True

        await self.patience.until("every difference to be resolved", settled)

    async def close_day(self) -> None:
        """Close the book day, unless an earlier run of the same date has."""
        try:
            answer = await self.operator.post("/v1/days/close", {"day": self.day}, key=self.keys("close"))
        except ApiRefusedError as refused:
            if refused.code != "wrong_state":
                raise
            self.report(f"day {self.day} was closed before: {refused.detail}")
            return
        self.report(f"day {self.day} closed, {answer['open_day']} is open")

    async def count_files(self) -> Files:
        """Count the files of the day."""
        out, back = await self._files("direction=out"), await self._files("direction=in")
        return Files(
            sent=sum(file["state"] in _SENT for file in out),
            fetched=len(back),
            imported=sum(file["state"] in _TAKEN_IN for file in back),
            quarantined=sum(file["state"] == "quarantined" for file in back),
        )

    async def count_lines(self) -> Reconciliation:
        """Count how lines and instructions met, over all batches."""
        batches = await self._batches("")
        names = ("matched", "different", "missing", "unknown")
        return Reconciliation(**{name: sum(batch.get(name, 0) for batch in batches) for name in names})

    async def open_differences(self) -> list[dict[str, Any]]:
        """Return the differences that nobody has resolved."""
        found = []
        for batch in await self._batches(""):
            differences = await self._all(f"/v1/batches/{batch['id']}/differences", "differences", "")
            found += [difference for difference in differences if difference["state"] == "open"]
        return found

    async def _take_in_day_file(self, order: dict[str, Any], *, key: str) -> None:
        laid = await self.bank.order("day-file", order, key=self.keys(key))
        file = await self.take_in_file(laid["file"])
        self.report(f"{file['name']} with {laid['lines']} lines: {file['state']}")
        if file["state"] != "done":
            raise DayFailedError(f"{file['name']} is {file['state']} {file.get('reason', '')}")

    async def _all_matched(self) -> None:
        async def matched() -> bool | None:
            await self.take_in()
            batches = await self._batches("")
            return True if batches and all(batch["state"] in _MATCHED for batch in batches) else None

        await self.patience.until("the batches to be matched", matched)

    async def _resolve(self) -> None:
        """Resolve the differences that a person decides; what is missing resolves when a file has it."""
        await self._all_matched()
        for difference in await self.open_differences():
            if difference["kind"] not in _HOW:
                continue
            how = {"how": _HOW[difference["kind"]], "note": "confirmed by the bank"}
            await self._try(f"/v1/differences/{difference['id']}/resolve", how, key=f"resolve-{difference['id']}")
            self.report(f"difference {difference['kind']} of {difference['number']}: {how['how']}")

    async def _channels(self) -> list[str]:
        found = (await self.operator.get("/v1/channels"))["channels"]
        return [channel["id"] for channel in found if channel["kind"] == _BATCH_KIND and channel["state"] == "on"]

    async def _files(self, query: str) -> list[dict[str, Any]]:
        return await self._all("/v1/files", "files", query)

    async def _batches(self, query: str) -> list[dict[str, Any]]:
        return await self._all("/v1/batches", "batches", query)

    async def _all(self, path: str, name: str, query: str) -> list[dict[str, Any]]:
        """Read a whole list, page by page."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            parts = [part for part in (query, "limit=500", f"cursor={cursor}" if cursor else "") if part]
            page = await self.operator.get(f"{path}?{'&'.join(parts)}")
            found += [one for one in page[name] if one["id"] not in self._earlier]
            cursor = page.get("next") or ""
            if not cursor:
                return found

    async def _try(self, path: str, body: dict[str, Any] | None = None, *, key: str) -> None:
        """Command; what is under way already is as good as begun."""
        try:
            await self.operator.post(path, body or {}, key=self.keys(key))
        except ApiRefusedError as refused:
            if refused.code not in {_UNDER_WAY, "wrong_state"}:
                raise
