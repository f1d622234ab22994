"""The merchants' withdrawals of a day, from the request to whatever becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.sandbox.day.api_client import ApiClient
from gateway.sandbox.day.patience import DayFailedError
from gateway.sandbox.day.plan import DayPlan
from gateway.sandbox.payees import WITHDRAWAL_PASSWORD, Fate, fate_of

_LARGEST = 300_00
_SHARE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """A party that withdraws: its key, and its bank cards by what becomes of payouts to them."""

    client: ApiClient
    cards: dict[Fate, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """A withdrawal under way."""

    id: str
    fate: Fate
    client: ApiClient


async def find_purses(clients: Sequence[ApiClient]) -> list[Purse]:
    """Find the parties that have bank cards. Raises DayFailedError where nobody has."""
    purses = []
    for client in clients:
        cards = {fate_of(card["mask"]): card["id"] for card in (await client.get("/v1/bank-cards"))["bank_cards"]}
        known = {fate: card for fate, card in cards.items() if fate is not None}
        if known:
            purses.append(Purse(client=client, cards=known))
    if not purses:
        raise DayFailedError("no party has one of the sandbox's bank cards")
    return purses


class MoneyOut:
    """Withdraws as planned."""

    def __init__(
        self, plan: DayPlan, purses: Sequence[Purse], *, keys: Callable[[str], str], report: Callable[[str], None]
    ) -> None:
        self._plan = plan
        self._purses = purses
        self._keys = keys
        self._report = report
        self.withdrawals: list[Withdrawal] = []

    async def request_all(self) -> None:
        """Request and confirm every withdrawal of the plan."""
        drawn = self._plan.draw("withdrawals")
        for place, fate in enumerate(self._plan.withdrawals):
            able = [purse for purse in self._purses if fate in purse.cards]
            if not able:
                raise DayFailedError(f"no party has a bank card whose payouts are {fate}")
            purse = able[place % len(able)]
            most = min(_LARGEST, await _withdrawable(purse.client) // _SHARE)
            await self._request(place, purse, fate, drawn.randint(1_00, max(1_00, most)))

    async def state_of(self, withdrawal: Withdrawal) -> str:
        """Read where a withdrawal stands."""
        found: dict[str, Any] = await withdrawal.client.get(f"/v1/withdrawals/{withdrawal.id}")
        return str(found["state"])

    async def states(self) -> list[tuple[Fate, str]]:
        """Read where every withdrawal stands, beside what is meant to become of it."""
        return [(withdrawal.fate, await self.state_of(withdrawal)) for withdrawal in self.withdrawals]

    async def _request(self, place: int, purse: Purse, fate: Fate, amount: int) -> None:
        wanted = {"minor": amount, "unit": "CNY"}
        body = {"party": purse.client.party, "amount": wanted, "bank_card": purse.cards[fate]}
        asked = await purse.client.post("/v1/withdrawals", body, key=self._keys(f"withdrawal-{place}"))
        path = f"/v1/withdrawals/{asked['id']}/confirm"
        password = {"password": WITHDRAWAL_PASSWORD}
        taken = await purse.client.post(path, password, key=self._keys(f"confirmation-{place}"))
        self.withdrawals.append(Withdrawal(id=asked["id"], fate=fate, client=purse.client))
        self._report(f"withdrawal of {amount // 100}.{amount % 100:02d}: {taken['state']}")


async def _withdrawable(client: ApiClient) -> int:
    found = await client.get("/v1/accounts")
    amounts = [unit["withdrawable"] for unit in found["balances"]]
    return sum(amount["minor"] for amount in amounts if amount["unit"] == "CNY")
