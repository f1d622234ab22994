"""The merchant desk: the office's commands, and proposals where a move or a change needs a second person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from gateway.access.approvals import Approvals, Draft, Proposal, Submitted, pack
from gateway.api.merchant_port import Acted, Kept, NewRate
from gateway.api.ports import Listing, Page, Step, Submission, Taken
from gateway.app.approving import BANK_CARD, RATE, move_kind
from gateway.app.desks.steps import steps
from gateway.app.desks.trails import edit_steps
from gateway.fees import FeeDesk
from gateway.fees.check import TermsError
from gateway.fees.save import percent
from gateway.journal import Refused, history
from gateway.kernel.clock import Clock
from gateway.kernel.configuration import store as configuration
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.edit import Add, Alter
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.merchants import BY_TWO, File, MerchantEvent, MerchantOffice, MerchantState, TerminalState, Written
from gateway.merchants import store as merchants
from gateway.merchants.model import Standing
from gateway.merchants.office import Amendment, NewDocument, NewMerchant, NewTerminal, lapses_at, unbound
from gateway.merchants.states import advance
from gateway.parties import Scope
from gateway.parties import store as parties

_NOWHERE = Refused(Reason.NOT_FOUND, "no such merchant")


class MerchantService:
    """Merchants within what a caller sees."""

    def __init__(self, *, pool: Database, office: MerchantOffice, approvals: Approvals, ids: Ids, clock: Clock) -> None:
        self._pool = pool
        self._office = office
        self._approvals = approvals
        self._ids = ids
        self._clock = clock

    async def list(
        self, sees: Scope, page: Page, *, state: MerchantState | None, number: str | None
    ) -> Listing[Standing]:
        """List merchants, newest first."""
        found = await merchants.merchants_in(
            self._pool, sees, state=state, number=number, after=page.after, limit=page.limit + 1
        )
        return Listing(items=found[: page.limit], more=len(found) > page.limit)

    async def find(self, sees: Scope, merchant: UUID) -> Kept | None:
        """Read a merchant with what was done to it."""
        file = await self._office.find(sees, merchant)
        if file is None:
            return None
        cards = await parties.bank_cards(self._pool, merchant)
        return Kept(file=file, cards=cards, history=await self._history(sees, file))

    async def take_on(self, order: Submission, new: NewMerchant, *, why: str) -> Taken[Kept] | Refused:
        """Take a merchant on as a draft."""
        refusal = await self._unknown_category(new.mcc)
        if refusal is not None:
            return refusal
        return await self._kept(order, await self._office.take_on(order, order.caller.sees, new, why=why))

    async def amend(
        self, order: Submission, merchant: UUID, amendment: Amendment, *, why: str
    ) -> Taken[Kept] | Refused:
        """Change its basic data."""
        refusal = await self._unknown_category(amendment.mcc or "")
        if refusal is not None:
            return refusal
        written = await self._office.amend(order, order.caller.sees, merchant, amendment, why=why)
        return await self._kept(order, written, merchant)

    async def add_document(
        self, order: Submission, merchant: UUID, new: NewDocument, *, why: str
    ) -> Taken[Kept] | Refused:
        """Add a document."""
        written = await self._office.add_document(order, order.caller.sees, merchant, new, why=why)
        return await self._kept(order, written, merchant)

    async def retire_document(
        self, order: Submission, merchant: UUID, document: UUID, *, why: str
    ) -> Taken[Kept] | Refused:
        """Take a document out of the file."""
        written = await self._office.retire_document(order, order.caller.sees, merchant, document, why=why)
        return await self._kept(order, written, merchant)

    async def add_shop(
        self, order: Submission, merchant: UUID, *, code: str, name: str, address: str, why: str
    ) -> Taken[Kept] | Refused:
        """Open a shop."""
        written = await self._office.add_shop(
            order, order.caller.sees, merchant, code=code, name=name, address=address, why=why
        )
        return await self._kept(order, written, merchant)

    async def add_terminal(
        self, order: Submission, merchant: UUID, new: NewTerminal, *, why: str
    ) -> Taken[Kept] | Refused:
        """Enter a terminal into the register."""
        written = await self._office.add_terminal(order, order.caller.sees, merchant, new, why=why)
        return await self._kept(order, written, merchant)

    async def set_terminal_state(
        self, order: Submission, merchant: UUID, terminal: UUID, state: TerminalState, *, why: str
    ) -> Taken[Kept] | Refused:
        """Lock a terminal or let it work again."""
        written = await self._office.set_terminal_state(order, order.caller.sees, merchant, terminal, state, why=why)
        return await self._kept(order, written, merchant)

    async def move(
        self, order: Submission, merchant: UUID, event: MerchantEvent, *, why: str
    ) -> Taken[Acted] | Refused:
        """Move a merchant, or propose the move where it needs a second person."""
        sees = order.caller.sees
        if event in BY_TWO:
            return await self._propose_move(order, merchant, event, why=why)
        written = await self._office.move(order, sees, merchant, event, why=why)
        kept = await self._kept(order, written, merchant)
        return kept if isinstance(kept, Refused) else Taken(Acted(kept=kept.value), replayed=kept.replayed)

    async def bind_card(
        self, order: Submission, merchant: UUID, *, account: str, name: str, bank: str, why: str
    ) -> Taken[Proposal] | Refused:
        """Propose a bank card."""
        file = await self._standing(order, merchant)
        if isinstance(file, Refused):
            return file
        line = await self._office.card_line(merchant, account=account, name=name, bank=bank, at=order.at)
        if isinstance(line, Refused):
            return _proposed(await self._approvals.earlier_or(order, line))
        after = {"bank_card": line.row["mask"], "bank": bank, "number": line.row["number"]}
        return await self._propose(order, file, BANK_CARD, [line], before={}, after=after, why=why)

    async def unbind_card(
        self, order: Submission, merchant: UUID, card: UUID, *, why: str
    ) -> Taken[Proposal] | Refused:
        """Propose that a bank card be unbound."""
        file = await self._standing(order, merchant)
        if isinstance(file, Refused):
            return file
        found = await parties.bank_card(self._pool, order.caller.sees, card)
        if found is None or found.party_id != merchant or not found.bound:
            refusal = Refused(Reason.CARD_NOT_BOUND, "the merchant has no such bank card", merchant)
            return _proposed(await self._approvals.earlier_or(order, refusal))
        before = {"bank_card": found.mask, "bank": found.bank, "number": found.number}
        return await self._propose(order, file, BANK_CARD, [unbound(found)], before=before, after={}, why=why)

    async def rate(self, order: Submission, merchant: UUID, new: NewRate, *, why: str) -> Taken[Proposal] | Refused:
        """Propose a rate; it has to be approved before it takes effect."""
        file = await self._standing(order, merchant)
        if isinstance(file, Refused):
            return file
        desk = FeeDesk(pool=self._pool, clock=self._clock, ids=self._ids, who=order.who)
        try:
            terms = percent(
                new.percent, taker=new.item, minimum_minor=new.minimum_minor, maximum_minor=new.maximum_minor
            )
            lines = await desk.drafted(
                item=new.item,
                party=merchant,
                terms=terms,
                fee_type=new.item,
                effective_from=new.effective_from,
            )
        except TermsError as fault:
            refusal = Refused(Reason.FORMAT, str(fault), merchant)
            return _proposed(await self._approvals.earlier_or(order, refusal))
        after = {
            "item": new.item,
            "percent": str(Decimal(new.percent)),
            "minimum_minor": new.minimum_minor,
            "maximum_minor": new.maximum_minor,
            "effective_from": new.effective_from.isoformat(),
        }
        return await self._propose(
            order, file, RATE, lines, before={}, after=after, why=why, not_after=new.effective_from
        )

    async def _propose_move(
        self, order: Submission, merchant: UUID, event: MerchantEvent, *, why: str
    ) -> Taken[Acted] | Refused:
        file = await self._office.movable(order.caller.sees, merchant, event, on=order.at)
        if isinstance(file, Refused):
            return await self._acted(order, merchant, await self._approvals.earlier_or(order, file))
        state = advance(file.merchant.state, event)
        draft = Draft(
            kind=move_kind(event),
            subject=merchant,
            subject_version=file.merchant.version,
            party=merchant,
            content={"from": file.merchant.state.value},
            before={"state": file.merchant.state.value},
            after={"state": "" if state is None else state.value, **_seen(file)},
            why=why,
            not_after=lapses_at(file, event),
        )
        return await self._acted(order, merchant, await self._approvals.propose(order, draft))

    async def _acted(self, order: Submission, merchant: UUID, submitted: Submitted | Refused) -> Taken[Acted] | Refused:
        if isinstance(submitted, Refused):
            return submitted
        kept = await self.find(order.caller.sees, merchant)
        if kept is None:
            return _NOWHERE
        return Taken(Acted(kept=kept, proposal=submitted.proposal), replayed=submitted.replayed)

    async def _propose(
        self,
        order: Submission,
        file: File,
        kind: str,
        lines: Sequence[Add | Alter],
        *,
        before: Mapping[str, object],
        after: Mapping[str, object],
        why: str,
        not_after: datetime | None = None,
    ) -> Taken[Proposal] | Refused:
        draft = Draft(
            kind=kind,
            subject=file.merchant.id,
            subject_version=file.merchant.version,
            party=file.merchant.id,
            content=pack(lines),
            before=before,
            after=after,
            why=why,
            not_after=not_after,
        )
        return _proposed(await self._approvals.propose(order, draft))

    async def _standing(self, order: Submission, merchant: UUID) -> File | Refused:
        file = await self._office.find(order.caller.sees, merchant)
        if file is None:
            return _NOWHERE
        if file.merchant.state is MerchantState.CLOSED:
            return Refused(Reason.WRONG_STATE, "the merchant is closed", merchant)
        return file

    async def _unknown_category(self, mcc: str) -> Refused | None:
        if not mcc:
            return None
        known = {word.code for word in await configuration.words(self._pool, dictionary="mcc", active_only=True)}
        return None if mcc in known else Refused(Reason.FORMAT, f"{mcc} is not in the dictionary mcc")

    async def _kept(
        self, order: Submission, written: Written | Refused, merchant: UUID | None = None
    ) -> Taken[Kept] | Refused:
        if isinstance(written, Refused):
            return written
        kept = await self.find(order.caller.sees, merchant or written.subject)
        return _NOWHERE if kept is None else Taken(kept, replayed=written.replayed)

    async def _history(self, sees: Scope, file: File) -> Sequence[Step]:
        moves = steps(await history(self._pool, file.merchant.id))
        records = [
            file.merchant.id,
            *(one.id for one in file.documents),
            *(one.id for one in file.shops),
            *(one.id for one in file.terminals),
            *await parties.bank_card_ids(self._pool, sees, file.merchant.id),
        ]
        return sorted([*moves, *await edit_steps(self._pool, records)], key=lambda step: step.at)


def _seen(file: File) -> dict[str, object]:
    """What the second person is shown of the file that they approve."""
    return {
        "number": file.merchant.number,
        "name": file.standing.name,
        "kind": "" if file.profile is None else file.profile.kind.value,
        "documents": [
            {"kind": one.kind.value, "number": one.number_mask, "file_digest": one.file_digest}
            for one in file.documents
            if one.is_held
        ],
    }


def _proposed(submitted: Submitted | Refused) -> Taken[Proposal] | Refused:
    return submitted if isinstance(submitted, Refused) else Taken(submitted.proposal, replayed=submitted.replayed)
