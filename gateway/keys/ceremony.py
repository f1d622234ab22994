"""Ceremonies: a key is entered in components by several people, or handed out on slips to several people.

Nobody takes part twice; a ceremony ends at its time; what has been entered is never in clear and never apart from the
XOR of all parts so far, enciphered by the store. A component's check value is shown to its holder and confirmed before
it counts. Source: `docs/terminal-protocol.md` section 4; ISO 11568 (split knowledge, dual control).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.edit import Add, Alter, Edit, Editable, Edited, EditRefused, Line, apply_edit
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.keys import store
from gateway.keys.ceremonies import Ceremony, CeremonyState, Part, Purpose
from gateway.keys.port import KeyBlock, KeyCipher, KeyKind, KeyStore
from gateway.keys.uses import ENTERED

CEREMONY = Editable(
    name="key_ceremony",
    columns={
        "id": "uuid",
        "purpose": "text",
        "target": "text",
        "kind": "text",
        "cipher": "text",
        "parts": "integer",
        "placed": "integer",
        "block": "text",
        "key": "text",
        "state": "text",
        "why": "text",
        "started_by": "text",
        "started_at": "timestamptz",
        "expires_at": "timestamptz",
        "version": "integer",
    },
    hidden=frozenset({"block", "key"}),
)
PART = Editable(
    name="key_part",
    columns={
        "id": "uuid",
        "ceremony_id": "uuid",
        "place": "integer",
        "person": "text",
        "check_value": "text",
        "placed_at": "timestamptz",
        "version": "integer",
    },
)
_EMPTY = {"block": "", "key": ""}
_SLIPS = 2
_FEWEST, _MOST = 2, 9


class CeremonyError(Exception):
    """A step of a ceremony was refused; the text says why, never a component or key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Custodian:
    """Who acts: the name histories keep, and the person behind it, who takes part once whatever logins they have."""

    who: str
    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCeremony:
    """What is to be entered or handed out; `target` is `name:<key's name>` or `terminal:<number>`."""

    target: str
    kind: KeyKind
    cipher: KeyCipher = KeyCipher.TRIPLE_DES
    parts: int = 2
    why: str


@dataclass(frozen=True, slots=True)
class Entered:
    """A ceremony after a component; `key` is the block of the whole key once the last one is in."""

    ceremony: Ceremony
    key: KeyBlock | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Slip:
    """One slip, shown to one person once: its place, its half of the key in clear, and the check value of that half."""

    ceremony: Ceremony
    place: int
    clear: bytes = field(repr=False)
    check_value: str


class Ceremonies:
    """Starts, carries on and ends ceremonies; several processes may do so at once."""

    def __init__(
        self, *, pool: Database, keystore: KeyStore, clock: Clock, ids: Ids, lasts: timedelta = timedelta(hours=8)
    ) -> None:
        self._pool = pool
        self._keystore = keystore
        self._clock = clock
        self._ids = ids
        self._lasts = lasts

    async def start(self, by: Custodian, new: NewCeremony) -> Ceremony:
        """Start the entry of a key; nobody has entered anything yet."""
        if new.kind not in ENTERED:
            raise CeremonyError(f"a {new.kind} key is not entered in components")
        if not _FEWEST <= new.parts <= _MOST:
            raise CeremonyError(f"a key is entered by {_FEWEST} to {_MOST} people")
        return await self._begun(by, self._drafted(by, new, Purpose.ENTRY))

    async def hand_out(self, by: Custodian, new: NewCeremony, key: KeyBlock) -> Ceremony:
        """Start handing out a key that the store made, on two slips."""
        length = 16 if new.cipher is not KeyCipher.AES else 32
        share = await self._keystore.make(KeyKind.SHARE, length, cipher=new.cipher)
        await self._keystore.split(key, share)
        draft = self._drafted(by, replace(new, parts=_SLIPS), Purpose.SLIPS)
        return await self._begun(by, replace(draft, block=share.text, key=key.text))

    async def check_value(self, id_: UUID, component: bytes) -> str:
        """Return the check value of a component, for its holder to compare; nothing is kept."""
        ceremony = await self._open(id_, Purpose.ENTRY)
        return _shown(await self._keystore.component_check_value(component, cipher=ceremony.cipher))

    async def enter(self, by: Custodian, id_: UUID, component: bytes, *, confirmed: str) -> Entered:
        """Take one person's component, whose check value they have confirmed; the last one gives the key.

        Raises:
            CeremonyError: it is over, the person has taken part, or somebody else entered meanwhile.
            KeyStoreError: the component is of another length, or the key would be weak; nothing was kept.
        """
        ceremony = await self._open(id_, Purpose.ENTRY)
        await self._refuse_again(ceremony, by)
        if confirmed.upper() != _shown(await self._keystore.component_check_value(component, cipher=ceremony.cipher)):
            raise CeremonyError("the check value is not the one that was confirmed")
        onto = KeyBlock(KeyKind.COMPONENT, ceremony.block) if ceremony.block else None
        combined = await self._keystore.enter(component, onto=onto, cipher=ceremony.cipher)
        last = ceremony.placed + 1 == ceremony.parts
        key = await self._keystore.complete(combined, ceremony.kind) if last else None
        after = await self._placed(by, ceremony, confirmed.upper(), block="" if last else combined.text)
        return Entered(after, key)

    async def slip(self, by: Custodian, id_: UUID) -> Slip:
        """Hand out the next slip, to a person who has none of this key; its row is written before it is shown."""
        ceremony = await self._open(id_, Purpose.SLIPS)
        await self._refuse_again(ceremony, by)
        share = KeyBlock(KeyKind.SHARE, ceremony.block)
        if ceremony.placed:
            share = await self._keystore.split(KeyBlock(ceremony.kind, ceremony.key), share)
        clear = await self._keystore.reveal(share)
        value = _shown(await self._keystore.component_check_value(clear, cipher=ceremony.cipher))
        after = await self._placed(by, ceremony, value, block=ceremony.block)
        return Slip(after, ceremony.placed + 1, clear, value)

    async def cancel(self, by: Custodian, id_: UUID, *, why: str) -> Ceremony:
        """End a ceremony; what was entered is gone."""
        ceremony = await self._open(id_)
        await self._moved(by.who, why, ceremony, {"state": CeremonyState.CANCELLED.value, **_EMPTY})
        return await self.find(id_)

    async def find(self, id_: UUID) -> Ceremony:
        """Return a ceremony. Raises CeremonyError where there is none."""
        found = await store.ceremony(self._pool, id_)
        if found is None:
            raise CeremonyError("there is no such ceremony")
        return found

    async def all_open(self) -> list[Ceremony]:
        """Return the ceremonies under way, oldest first; those whose time has passed are ended first."""
        for ceremony in await store.open_ceremonies(self._pool):
            if ceremony.expires_at <= self._clock.now():
                await self._expired(ceremony)
        return await store.open_ceremonies(self._pool)

    async def parts(self, id_: UUID) -> list[Part]:
        """Return who took part so far, and with which check value."""
        return await store.parts_of(self._pool, id_)

    def _drafted(self, by: Custodian, new: NewCeremony, purpose: Purpose) -> Ceremony:
        now = self._clock.now()
        return Ceremony(
            id=self._ids.new(),
            purpose=purpose,
            target=new.target,
            kind=new.kind,
            cipher=new.cipher,
            parts=new.parts,
            placed=0,
            block="",
            key="",
            state=CeremonyState.OPEN,
            why=new.why,
            started_by=by.who,
            started_at=now,
            expires_at=now + self._lasts,
            version=1,
        )

    async def _begun(self, by: Custodian, ceremony: Ceremony) -> Ceremony:
        await self._written(by.who, ceremony.why, f"start/{ceremony.id}", (Add(CEREMONY, ceremony.row()),))
        return await self.find(ceremony.id)

    async def _open(self, id_: UUID, purpose: Purpose | None = None) -> Ceremony:
        ceremony = await self.find(id_)
        if ceremony.state is CeremonyState.OPEN and ceremony.expires_at <= self._clock.now():
            await self._expired(ceremony)
            raise CeremonyError("the ceremony's time has passed; what was entered is gone: start another")
        if ceremony.state is not CeremonyState.OPEN:
            raise CeremonyError(f"the ceremony is {ceremony.state}")
        if purpose not in {None, ceremony.purpose}:
            raise CeremonyError(f"the ceremony is one of {ceremony.purpose}")
        return ceremony

    async def _refuse_again(self, ceremony: Ceremony, by: Custodian) -> None:
        if by.person in {part.person for part in await self.parts(ceremony.id)}:
            raise CeremonyError("this person has taken part already: the next part is another person's")

    async def _placed(self, by: Custodian, ceremony: Ceremony, check_value: str, *, block: str) -> Ceremony:
        part = {
            "id": self._ids.new(),
            "ceremony_id": ceremony.id,
            "place": ceremony.placed + 1,
            "person": by.person,
            "check_value": check_value,
            "placed_at": self._clock.now(),
        }
        to: dict[str, object] = {"placed": ceremony.placed + 1, "block": block}
        if ceremony.placed + 1 == ceremony.parts:
            to |= {"state": CeremonyState.DONE.value, **_EMPTY}
        lines = (Alter(CEREMONY, ceremony.id, ceremony.version, to), Add(PART, part))
        await self._written(by.who, ceremony.why, f"part/{ceremony.id}/{ceremony.placed + 1}/{part['id']}", lines)
        return await self.find(ceremony.id)

    async def _expired(self, ceremony: Ceremony) -> None:
        await self._moved("system:keys", "its time passed", ceremony, {"state": CeremonyState.EXPIRED.value, **_EMPTY})

    async def _moved(self, who: str, why: str, ceremony: Ceremony, to: Mapping[str, object]) -> None:
        line = Alter(CEREMONY, ceremony.id, ceremony.version, to)
        await self._written(who, why, f"end/{ceremony.id}/{ceremony.version}", (line,))

    async def _written(self, who: str, why: str, what: str, lines: tuple[Line, ...]) -> None:
        edit = Edit(
            id=self._ids.new(),
            key=f"keys/{what}",
            who=who,
            why=why,
            at=self._clock.now(),
            said={"what": what},
            lines=lines,
        )
        result = await apply_edit(self._pool, edit)
        if isinstance(result, EditRefused):
            moved = result.reason in {Reason.MOVED, Reason.BUSY} or result.subject is None
            raise CeremonyError("somebody else took part meanwhile: look, and try again" if moved else result.detail)
        if not isinstance(result, Edited):
            raise CeremonyError("this step was done before")


def _shown(check_value: bytes) -> str:
    return check_value.hex().upper()


__all__ = [
    "CEREMONY",
    "PART",
    "Ceremonies",
    "CeremonyError",
    "Custodian",
    "Entered",
    "NewCeremony",
    "Slip",
]
