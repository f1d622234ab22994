"""The merchants' office: taking merchants on as drafts, their files, shops and terminals, and their moves (P4, X4).

Whatever is edited in a merchant's file raises the merchant's version, so an opening that was proposed on one file
cannot be approved on another. In review a file is closed: it is returned first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from uuid import UUID

from gateway.journal.model import Change, Move, Post, Refused, Replayed
from gateway.kernel.clock import SHANGHAI
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.edit import (
    Add,
    Alter,
    EditRefused,
    EditResult,
    Line,
    Repeated,
    apply_edit,
    earlier_edit,
    edited_subject,
)
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.keys.port import KeyStore
from gateway.keys.vault import Vault
from gateway.merchants import store
from gateway.merchants.documents import complete_until, mask_number, missing
from gateway.merchants.model import (
    CONTACT_PURPOSE,
    DOCUMENT_PURPOSE,
    DocumentKind,
    File,
    Merchant,
    MerchantKind,
    MerchantState,
    Terminal,
    TerminalState,
)
from gateway.merchants.ports import Command
from gateway.merchants.states import BY_TWO, MerchantEvent, advance
from gateway.parties import store as parties
from gateway.parties.model import NAME_PURPOSE, PARENTS, BankCard, Kind, Scope

Decision = Sequence[Line] | Refused

_NOWHERE = Refused(Reason.NOT_FOUND, "no such merchant")
_NEEDS_DOCUMENTS = frozenset({MerchantEvent.SUBMIT, MerchantEvent.OPEN, MerchantEvent.REOPEN})
_IN_REVIEW = "the merchant is in review: return it to change its file"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMerchant:
    """What a merchant is taken on with; `parent` is the institution or agent it stands under."""

    number: str
    code: str
    name: str
    kind: MerchantKind
    parent: UUID
    mcc: str = ""
    address: str = ""
    contact: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    ripening: str = "batch_settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """New basic data; what is None stays."""

    name: str | None = None
    kind: MerchantKind | None = None
    mcc: str | None = None
    address: str | None = None
    contact: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    ripening: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDocument:
    """A document as it is handed in: its number in clear, which is sealed at once, and its file's SHA-256 (hex)."""

    kind: DocumentKind
    number: str = field(repr=False)
    file_digest: str
    valid_until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTerminal:
    """A terminal as it enters the register; it works once its master key is loaded."""

    number: str
    serial: str
    model: str
    shop: UUID | None = None
    family: str = "pos"
    dialect: str = "cups"


@dataclass(frozen=True, slots=True)
class Written:
    """The record a command was about; `replayed` where this is a first answer again."""

    subject: UUID
    replayed: bool = False


class MerchantOffice:
    """Serves every door; callers are told of merchants within `sees` only."""

    def __init__(self, *, pool: Database, journal: Post, keys: KeyStore, ids: Ids) -> None:
        self._pool = pool
        self._journal = journal
        self._keys = keys
        self._vault = Vault(keys)
        self._ids = ids

    async def find(self, sees: Scope, merchant: UUID) -> File | None:
        """Read a merchant's whole file."""
        return await store.file_of(self._pool, sees, merchant)

    async def take_on(self, order: Command, sees: Scope, new: NewMerchant, *, why: str) -> Written | Refused:
        """Take a merchant on as a draft."""

        async def decide() -> Decision:
            above = await parties.party_in(self._pool, sees, new.parent)
            if above is None or above.kind not in PARENTS[Kind.MERCHANT]:
                return Refused(Reason.NOT_FOUND, "a merchant stands under the platform, an institution or an agent")
            return await self._drafted(self._ids.new(), new, order.at)

        return await self._write(order, why, decide)

    async def amend(
        self, order: Command, sees: Scope, merchant: UUID, amendment: Amendment, *, why: str
    ) -> Written | Refused:
        """Change a merchant's basic data."""

        async def decide() -> Decision:
            found = await self._open_file(sees, merchant)
            return found if isinstance(found, Refused) else await self._amended(found, amendment)

        return await self._write(order, why, decide)

    async def add_document(
        self, order: Command, sees: Scope, merchant: UUID, new: NewDocument, *, why: str
    ) -> Written | Refused:
        """Add a document to the file."""

        async def decide() -> Decision:
            found = await self._open_file(sees, merchant)
            if isinstance(found, Refused):
                return found
            return (Add(store.DOCUMENT, await self._document(merchant, new, order.at)), _raised(found.merchant))

        return await self._write(order, why, decide)

    async def retire_document(
        self, order: Command, sees: Scope, merchant: UUID, document: UUID, *, why: str
    ) -> Written | Refused:
        """Take a document out of the file; it stays in the history."""

        async def decide() -> Decision:
            found = await self._open_file(sees, merchant)
            if isinstance(found, Refused):
                return found
            held = next((one for one in found.documents if one.id == document), None)
            if held is None:
                return Refused(Reason.NOT_FOUND, "no such document")
            line = Alter(store.DOCUMENT, document, held.version, {"state": "retired"})
            return (line, _raised(found.merchant))

        return await self._write(order, why, decide)

    async def add_shop(
        self, order: Command, sees: Scope, merchant: UUID, *, code: str, name: str, address: str, why: str
    ) -> Written | Refused:
        """Open a shop under a merchant."""

        async def decide() -> Decision:
            found = await self._standing_file(sees, merchant)
            if isinstance(found, Refused):
                return found
            id_ = self._ids.new()
            party = {"id": id_, "kind": Kind.SHOP, "code": code, "name": name, "parent_id": merchant}
            shop = {"id": id_, "merchant_id": merchant, "address": address}
            return (Add(parties.PARTY, {**party, "created_at": order.at}), Add(store.SHOP, shop))

        return await self._write(order, why, decide)

    async def add_terminal(
        self, order: Command, sees: Scope, merchant: UUID, new: NewTerminal, *, why: str
    ) -> Written | Refused:
        """Enter a terminal into the register; a device that stands with a merchant stands with nobody else."""

        async def decide() -> Decision:
            found = await self._standing_file(sees, merchant)
            if isinstance(found, Refused):
                return found
            if new.shop is not None and new.shop not in {shop.id for shop in found.shops}:
                return Refused(Reason.NOT_FOUND, "the merchant has no such shop")
            return await self._taken(new) or (Add(store.TERMINAL_RECORD, self._terminal(merchant, new, order.at)),)

        return await self._write(order, why, decide)

    async def set_terminal_state(
        self, order: Command, sees: Scope, merchant: UUID, terminal: UUID, state: TerminalState, *, why: str
    ) -> Written | Refused:
        """Lock a terminal, or let it work again."""

        async def decide() -> Decision:
            known = await self.terminal(sees, merchant, terminal)
            if known is None:
                return Refused(Reason.NOT_FOUND, "no such terminal")
            return (Alter(store.TERMINAL_RECORD, terminal, known.version, {"state": state.value}),)

        return await self._write(order, why, decide)

    async def terminal(self, sees: Scope, merchant: UUID, terminal: UUID) -> Terminal | None:
        """Read one terminal of a merchant."""
        found = await self.find(sees, merchant)
        return None if found is None else next((one for one in found.terminals if one.id == terminal), None)

    async def move(
        self, order: Command, sees: Scope, merchant: UUID, event: MerchantEvent, *, why: str
    ) -> Written | Refused:
        """Submit, return or suspend: moves that one person makes."""
        if event in BY_TWO:
            return Refused(Reason.NOT_PERMITTED, f"{event} needs a second person: it is proposed")
        found = await self.movable(sees, merchant, event, on=order.at)
        if isinstance(found, Refused):
            return await self._repeated_or(order, found, merchant)
        change = moved(found.merchant, event, id_=self._ids.new(), who=order.who, why=why, at=order.at)
        return await self._posted(replace(change, keys=order.keys(merchant)), merchant)

    async def movable(self, sees: Scope, merchant: UUID, event: MerchantEvent, *, on: datetime) -> File | Refused:
        """Read a merchant's file where `event` may happen to it now."""
        found = await self.find(sees, merchant)
        if found is None:
            return _NOWHERE
        if advance(found.merchant.state, event) is None:
            return Refused(Reason.WRONG_STATE, f"a merchant that is {found.merchant.state} cannot {event}", merchant)
        if event in _NEEDS_DOCUMENTS:
            return _complete(found, on.astimezone(SHANGHAI).date())
        return found

    async def card_line(self, merchant: UUID, *, account: str, name: str, bank: str, at: datetime) -> Add | Refused:
        """Return the line that binds a bank card to a merchant. Raises ValueError where the account is none."""
        prints = [digest.value for digest in await self._vault.fingerprints(account)]
        if await parties.bound_card(self._pool, merchant, prints) is not None:
            return Refused(Reason.TAKEN, "this bank card is bound already", merchant)
        token = await self._vault.keep(account)
        row = {
            "id": self._ids.new(),
            "party_id": merchant,
            "number": await parties.free_card_number(self._pool, merchant),
            "account_sealed": token.sealed,
            "fingerprint": token.fingerprint,
            "fingerprint_version": token.fingerprint_version,
            "mask": token.mask,
            "name_sealed": await self._keys.seal(NAME_PURPOSE, name.encode()),
            "bank": bank,
            "bound_at": at,
        }
        return Add(parties.BANK_CARD, row)

    async def _drafted(self, id_: UUID, new: NewMerchant, at: datetime) -> tuple[Add, ...]:
        party = {"id": id_, "kind": Kind.MERCHANT, "code": new.code, "name": new.name, "parent_id": new.parent}
        merchant = {"id": id_, "number": new.number, "state": MerchantState.DRAFT.value, "ripening": new.ripening}
        profile = {"id": id_, "kind": new.kind.value, "mcc": new.mcc, "address": new.address}
        return (
            Add(parties.PARTY, {**party, "created_at": at}),
            Add(store.MERCHANT_RECORD, {**merchant, "settings": {}, "created_at": at}),
            Add(store.PROFILE, {**profile, **await self._contact(new.contact, new.phone)}),
        )

    async def _amended(self, found: File, amendment: Amendment) -> Sequence[Line]:
        merchant = found.merchant
        ripening = amendment.ripening or merchant.ripening
        lines: list[Line] = [Alter(store.MERCHANT_RECORD, merchant.id, merchant.version, {"ripening": ripening})]
        if amendment.name is not None:
            to = {"name": amendment.name}
            lines.append(Alter(parties.PARTY, merchant.id, found.standing.party_version, to))
        facts: dict[str, object] = {
            name: value for name in ("kind", "mcc", "address") if (value := getattr(amendment, name)) is not None
        }
        facts |= await self._contact(amendment.contact, amendment.phone)
        if found.profile is None:
            kind = {"kind": MerchantKind.ENTERPRISE.value}
            lines.append(Add(store.PROFILE, {"id": merchant.id, **kind, **facts}))
        elif facts:
            lines.append(Alter(store.PROFILE, merchant.id, found.profile.version, facts))
        return lines

    async def _contact(self, contact: str | None, phone: str | None) -> dict[str, object]:
        facts: dict[str, object] = {}
        if contact:
            facts["contact_sealed"] = await self._keys.seal(CONTACT_PURPOSE, contact.encode())
        if phone:
            facts["phone_sealed"] = await self._keys.seal(CONTACT_PURPOSE, phone.encode())
            facts["phone_mask"] = mask_number(phone)
        return facts

    async def _standing_file(self, sees: Scope, merchant: UUID) -> File | Refused:
        found = await self.find(sees, merchant)
        if found is None:
            return _NOWHERE
        if found.merchant.state is MerchantState.CLOSED:
            return Refused(Reason.WRONG_STATE, "the merchant is closed", merchant)
        return found

    async def _open_file(self, sees: Scope, merchant: UUID) -> File | Refused:
        found = await self._standing_file(sees, merchant)
        if isinstance(found, File) and found.merchant.state is MerchantState.REVIEW:
            return Refused(Reason.WRONG_STATE, _IN_REVIEW, merchant)
        return found

    async def _document(self, merchant: UUID, new: NewDocument, at: datetime) -> dict[str, object]:
        digest = await self._keys.digest(DOCUMENT_PURPOSE, new.number.encode())
        return {
            "id": self._ids.new(),
            "merchant_id": merchant,
            "kind": new.kind.value,
            "number_sealed": await self._keys.seal(DOCUMENT_PURPOSE, new.number.encode()),
            "number_mask": mask_number(new.number),
            "fingerprint": digest.value,
            "fingerprint_version": digest.version,
            "file_digest": new.file_digest,
            "valid_until": new.valid_until,
            "added_at": at,
        }

    def _terminal(self, merchant: UUID, new: NewTerminal, at: datetime) -> dict[str, object]:
        return {
            "id": self._ids.new(),
            "number": new.number,
            "merchant_id": merchant,
            "dialect": new.dialect,
            "family": new.family,
            "serial": new.serial,
            "model": new.model,
            "shop_id": new.shop,
            "created_at": at,
        }

    async def _taken(self, new: NewTerminal) -> Refused | None:
        if new.serial and await store.serial_holder(self._pool, new.serial) is not None:
            return Refused(Reason.TAKEN, "this device is in the register already")
        known, _ = await store.terminal(self._pool, new.number)
        return None if known is None else Refused(Reason.TAKEN, "this terminal number is taken")

    async def _write(self, order: Command, why: str, decide: Callable[[], Awaitable[Decision]]) -> Written | Refused:
        """Carry out what `decide` says, unless the command was carried out before: then its first answer is found."""
        result: EditResult | None = await earlier_edit(self._pool, order.key, order.said)
        if result is None:
            lines = await decide()
            if isinstance(lines, Refused):
                return lines
            result = await apply_edit(self._pool, order.edit(self._ids.new(), why, *lines))
        if isinstance(result, EditRefused):
            reason = Reason.WRONG_STATE if result.reason is Reason.MOVED else result.reason
            return Refused(reason, result.detail, result.subject)
        return Written(await edited_subject(self._pool, result.edit), replayed=isinstance(result, Repeated))

    async def _posted(self, change: Change, subject: UUID) -> Written | Refused:
        receipt = await self._journal.post(change)
        if isinstance(receipt, Refused):
            moved_since = Refused(Reason.WRONG_STATE, "it was changed meanwhile: read it again", subject)
            return moved_since if receipt.reason is Reason.MOVED else receipt
        return Written(subject, replayed=isinstance(receipt, Replayed))

    async def _repeated_or(self, order: Command, refusal: Refused, merchant: UUID) -> Written | Refused:
        """Answer a repeat by its first answer; a key that was never used stays unused, as nothing is written."""
        if not order.keys(merchant):
            return refusal
        change = Change(
            id=self._ids.new(),
            who=order.who,
            why="looked up by key",
            occurred_at=order.at,
            keys=order.keys(merchant),
            records=(Move("merchant", merchant, 0, {"state": MerchantState.DRAFT.value}),),
        )
        receipt = await self._journal.post(change)
        if isinstance(receipt, Replayed):
            return Written(merchant, replayed=True)
        misused = isinstance(receipt, Refused) and receipt.reason in {Reason.KEY_REUSED, Reason.BAD_SIGNATURE}
        return receipt if misused and isinstance(receipt, Refused) else refusal


def moved(merchant: Merchant, event: MerchantEvent, *, id_: UUID, who: str, why: str, at: datetime) -> Change:
    """Return the change that moves a merchant; also the effect of an approved move. Raises ValueError for no move."""
    state = advance(merchant.state, event)
    if state is None:
        raise ValueError(f"a merchant that is {merchant.state} cannot {event}")
    move = Move("merchant", merchant.id, merchant.version, {"state": state.value})
    return Change(id=id_, who=who, why=why, occurred_at=at, records=(move,))


def lapses_at(found: File, event: MerchantEvent) -> datetime | None:
    """Return when a move that is allowed now no longer is, as a document that it needs has lapsed (Shanghai's day)."""
    if event not in _NEEDS_DOCUMENTS or found.profile is None:
        return None
    last = complete_until(found.profile.kind, found.documents)
    return None if last is None else datetime.combine(last + timedelta(days=1), time(), tzinfo=SHANGHAI)


def unbound(card: BankCard) -> Alter:
    """Return the line that unbinds a bank card."""
    return Alter(parties.BANK_CARD, card.id, card.version, {"state": "unbound"})


def _raised(merchant: Merchant) -> Alter:
    return Alter(store.MERCHANT_RECORD, merchant.id, merchant.version, {"ripening": merchant.ripening})


def _complete(found: File, on: date) -> File | Refused:
    if found.profile is None:
        return Refused(Reason.WRONG_STATE, "the merchant has no profile", found.merchant.id)
    lacking = missing(found.profile.kind, found.documents, on=on)
    if lacking:
        return Refused(Reason.WRONG_STATE, f"documents are missing: {', '.join(lacking)}", found.merchant.id)
    return found
