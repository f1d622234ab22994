"""Taking parties on: agents, merchants, terminals, members, channels, bank accounts and bank cards, each once.

Every step can be repeated: the same code with the same facts gives the record that is there, other facts are refused.
A merchant made here is open at once, as a sandbox needs it; `office.py` takes on those who are reviewed first (rows
A11, A52, L22, L30).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar
from uuid import UUID

from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.edit import Add, Edit, EditRefused, apply_edit
from gateway.kernel.postgres.pool import Database
from gateway.keys.port import KeyBlock, KeyStore
from gateway.keys.vault import Vault
from gateway.merchants import store
from gateway.merchants.model import Merchant, MerchantState, Terminal
from gateway.parties import store as parties
from gateway.parties.model import NAME_PURPOSE, PARENTS, PLATFORM, BankCard, Kind, Party

_Record = TypeVar("_Record", Party, Merchant, Terminal, BankCard)


class OnboardConflictError(Exception):
    """A record with this code or number is there with other facts, or its place in the tree is not allowed."""


class Onboarding:
    """Makes records for `who`, through the edit shell."""

    def __init__(self, *, pool: Database, keys: KeyStore, clock: Clock, ids: Ids, who: str) -> None:
        self._pool = pool
        self._keys = keys
        self._vault = Vault(keys)
        self._clock = clock
        self._ids = ids
        self._who = who

    async def party(self, *, kind: Kind, code: str, name: str, parent: UUID = PLATFORM) -> Party:
        """Take on a party that has no record beside its place in the tree.

        Raises OnboardConflictError where the code is taken by other facts or the parent may not have such a child.
        """
        found = await parties.party_by_code(self._pool, kind, code)
        if found is None:
            await self._refuse_place(kind, parent)
            line = self._party_line(self._ids.new(), kind=kind, code=code, name=name, parent=parent)
            await self._edit(f"party/{kind}/{code}", {"name": name, "parent": str(parent)}, line)
            found = await parties.party_by_code(self._pool, kind, code)
        return _same(found, f"{kind} {code}", name=name, parent_id=parent)

    async def merchant(
        self,
        *,
        code: str,
        number: str,
        name: str,
        parent: UUID = PLATFORM,
        ripening: str = "batch_settled",
        settings: Mapping[str, object] | None = None,
    ) -> Merchant:
        """Take on a merchant, open for business, with its party. `number` is the 15 characters of field 42."""
        found, _ = await store.merchant(self._pool, number)
        if found is None:
            await self._refuse_place(Kind.MERCHANT, parent)
            await self._add_merchant(code, number, name, parent, ripening, dict(settings or {}))
            found, _ = await store.merchant(self._pool, number)
        of = await parties.party_by_code(self._pool, Kind.MERCHANT, code)
        _same(of, f"merchant {code}", name=name, parent_id=parent)
        return _same(found, f"merchant {number}", id=of.id if of else None, ripening=ripening)

    async def terminal(
        self,
        *,
        number: str,
        merchant: UUID,
        dialect: str = "cups",
        tmk: KeyBlock,
        family: str = "",
        serial: str = "",
    ) -> Terminal:
        """Take on a terminal, active, not signed in. `number` is the 8 characters of field 41.

        The master key of a terminal that is there stays; `tmk` is then not used.
        """
        found, _ = await store.terminal(self._pool, number)
        if found is None:
            facts = {"merchant_id": merchant, "dialect": dialect, "family": family, "serial": serial}
            row = {"id": self._ids.new(), "number": number, "tmk": tmk.text, "created_at": self._clock.now(), **facts}
            said = {name: str(value) for name, value in facts.items()}
            await self._edit(f"terminal/{number}", said, Add(store.TERMINAL_RECORD, row))
            found, _ = await store.terminal(self._pool, number)
        return _same(found, f"terminal {number}", merchant_id=merchant, dialect=dialect)

    async def bank_card(self, *, party: UUID, account: str, name: str, bank: str) -> BankCard:
        """Bind a bank card or account to a party, so that it can be paid to, under the next free number."""
        found = await self._bound(party, account)
        if found is None:
            token = await self._vault.keep(account)
            row = {
                "id": self._ids.new(),
                "party_id": party,
                "number": await parties.free_card_number(self._pool, party),
                "account_sealed": token.sealed,
                "fingerprint": token.fingerprint,
                "fingerprint_version": token.fingerprint_version,
                "mask": token.mask,
                "name_sealed": await self._keys.seal(NAME_PURPOSE, name.encode()),
                "bank": bank,
                "bound_at": self._clock.now(),
            }
            key = f"bank_card/{party}/{row['number']}"
            await self._edit(key, {"fingerprint": token.fingerprint.hex()}, Add(parties.BANK_CARD, row))
            found = await self._bound(party, account)
        return _same(found, "this bank card", bank=bank)

    async def _bound(self, party: UUID, account: str) -> BankCard | None:
        prints = [digest.value for digest in await self._vault.fingerprints(account)]
        return await parties.bound_card(self._pool, party, prints)

    async def _add_merchant(
        self,
        code: str,
        number: str,
        name: str,
        parent: UUID,
        ripening: str,
        settings: dict[str, object],
    ) -> None:
        id_ = self._ids.new()
        row = {
            "id": id_,
            "number": number,
            "state": MerchantState.OPEN,
            "ripening": ripening,
            "settings": settings,
            "created_at": self._clock.now(),
        }
        lines = (
            self._party_line(id_, kind=Kind.MERCHANT, code=code, name=name, parent=parent),
            Add(store.MERCHANT_RECORD, row),
        )
        said = {"code": code, "name": name, "parent": str(parent), "ripening": ripening, "settings": settings}
        await self._edit(f"merchant/{number}", said, *lines)

    def _party_line(self, id_: UUID, *, kind: Kind, code: str, name: str, parent: UUID) -> Add:
        row = {
            "id": id_,
            "kind": kind,
            "code": code,
            "name": name,
            "parent_id": parent,
            "created_at": self._clock.now(),
        }
        return Add(parties.PARTY, row)

    async def _refuse_place(self, kind: Kind, parent: UUID) -> None:
        above = await parties.party(self._pool, parent)
        if above is None or above.kind not in PARENTS[kind]:
            raise OnboardConflictError(f"a party of kind {kind} cannot stand under {above.kind if above else parent}")

    async def _edit(self, key: str, said: Mapping[str, object], *lines: Add) -> None:
        edit = Edit(
            id=self._ids.new(),
            key=f"onboard/{key}",
            who=self._who,
            why="taken on",
            at=self._clock.now(),
            said=said,
            lines=lines,
        )
        result = await apply_edit(self._pool, edit)
        if isinstance(result, EditRefused):
            raise OnboardConflictError(f"{key} was not taken on: {result.detail}")


def _same(found: _Record | None, what: str, **facts: object) -> _Record:
    if found is None:
        raise OnboardConflictError(f"{what} is not there after it was taken on")
    for name, value in facts.items():
        if getattr(found, name) != value:
            raise OnboardConflictError(f"{what} is there with another {name}")
    return found
