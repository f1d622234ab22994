"""What the verbs of `tillgate keys` do: every key that comes into use is proposed, and decided by another person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from gateway.access import Keyring, house_order
from gateway.access.approvals import Draft, pack
from gateway.api.approval_bodies import show_proposal
from gateway.api.ports import Submission
from gateway.app.approving import KEY, TERMINAL_KEY, RightsBook
from gateway.app.counter import Counter, CounterRefusedError
from gateway.journal import Refused
from gateway.kernel.postgres.edit import Add
from gateway.keys import KeyBlock, KeyCipher, KeyKind, KeyStore, NamedKey
from gateway.keys import store as keys
from gateway.keys.ceremonies import Ceremony
from gateway.keys.ceremony import Ceremonies, Custodian, NewCeremony
from gateway.keys.keyblock import read_header
from gateway.keys.public import fingerprint, raw_public_key, signing_length
from gateway.keys.store import NAMED_KEY
from gateway.merchants import Terminal
from gateway.merchants import store as merchants
from gateway.parties import PLATFORM

_REMEMBERED = timedelta(seconds=1)
_WITHOUT_NAME = frozenset({KeyKind.TERMINAL_MASTER, KeyKind.COMPONENT, KeyKind.SHARE})
_NAME, _TERMINAL = "name", "terminal"
_LENGTHS = {KeyCipher.TRIPLE_DES: 16, KeyCipher.SM4: 16, KeyCipher.AES: 32}
_ALGORITHMS = {"A": KeyCipher.AES, "4": KeyCipher.SM4}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key that the store is to make under a name."""

    name: str
    kind: KeyKind
    length: int
    cipher: KeyCipher
    why: str


class KeyDesk:
    """Keys at the counter; `name` is the person's login on the machine, or whom the caller knows them to be."""

    def __init__(self, counter: Counter, *, name: str) -> None:
        self._counter = counter
        self._around = counter.around
        self._store: KeyStore = counter.keystore
        self._name = name
        self._ceremonies = Ceremonies(
            pool=counter.around.pool, keystore=counter.keystore, clock=counter.around.clock, ids=counter.around.ids
        )

    async def overview(self) -> dict[str, Any]:
        """List the newest key of every name, and the ceremonies under way."""
        named = [await self._shown(key) for key in await keys.newest_keys(self._around.pool)]
        return {"keys": named, "ceremonies": [_shown_ceremony(one) for one in await self._ceremonies.all_open()]}

    async def check(self, name: str) -> list[dict[str, Any]]:
        """Show every number of a name with its check value, newest first."""
        found = await keys.numbered_keys(self._around.pool, name)
        if not found:
            raise CounterRefusedError(f"there is no key {name}")
        return [await self._shown(key) for key in found]

    async def generate(self, new: NewKey) -> Any:
        """Make a key in the store and propose it under its name."""
        _refuse_unnamed(new.kind)
        block = await self._store.make(new.kind, new.length, cipher=new.cipher)
        return await self._propose_named(new.name, block, why=new.why)

    async def rotate(self, name: str, *, length: int, why: str) -> Any:
        """Make a key like the newest of a name, and propose it as the next; `length` 0: the usual one of its cipher."""
        newest = next(iter(await keys.numbered_keys(self._around.pool, name)), None)
        if newest is None:
            raise CounterRefusedError(f"there is no key {name}")
        cipher = _ALGORITHMS.get(read_header(newest.block.text)[0].algorithm, KeyCipher.TRIPLE_DES)
        usual = await self._usual_length(newest.block, cipher)
        made = await self._store.make(newest.block.kind, length or usual, cipher=cipher)
        return await self._propose_named(name, made, why=why)

    async def start(self, new: NewCeremony) -> dict[str, Any]:
        """Start the entry of a key in components."""
        await self._known(new.target)
        if new.target.startswith(f"{_NAME}:"):
            _refuse_unnamed(new.kind)
        elif new.kind is not KeyKind.TERMINAL_MASTER:
            raise CounterRefusedError(f"a terminal has no {new.kind} key of its own")
        return _shown_ceremony(await self._ceremonies.start(await self._custodian(), new))

    async def component_check_value(self, ceremony: UUID, component: bytes) -> str:
        """Return a component's check value, for its holder to compare before it counts."""
        return await self._ceremonies.check_value(ceremony, component)

    async def enter(self, ceremony: UUID, component: bytes, *, confirmed: str) -> dict[str, Any]:
        """Enter a component; the last one gives the key, which is proposed at once."""
        entered = await self._ceremonies.enter(await self._custodian(), ceremony, component, confirmed=confirmed)
        shown = _shown_ceremony(entered.ceremony)
        if entered.key is None:
            return shown
        return {
            **shown,
            "proposal": await self._propose(entered.ceremony.target, entered.key, why=entered.ceremony.why),
        }

    async def show(self, ceremony: UUID) -> dict[str, Any]:
        """Show a ceremony and who took part."""
        parts = [
            {"place": one.place, "person": one.person, "check_value": one.check_value, "at": one.placed_at.isoformat()}
            for one in await self._ceremonies.parts(ceremony)
        ]
        return {**_shown_ceremony(await self._ceremonies.find(ceremony)), "people": parts}

    async def cancel(self, ceremony: UUID, *, why: str) -> dict[str, Any]:
        """End a ceremony; what was entered is gone."""
        return _shown_ceremony(await self._ceremonies.cancel(await self._custodian(), ceremony, why=why))

    async def new_terminal_key(self, number: str, *, cipher: KeyCipher, under: str, why: str) -> dict[str, Any]:
        """Make a terminal's master key and propose it: handed out once as a TR-31 block, else on two slips."""
        target = f"{_TERMINAL}:{number}"
        await self._known(target)
        key = await self._store.make(KeyKind.TERMINAL_MASTER, _LENGTHS[cipher], cipher=cipher)
        value = (await self._store.check_value(key)).hex().upper()
        handed: dict[str, Any] = {"terminal": number, "check_value": value}
        if under:
            handed["key_block"] = await self._store.export_block(await self._transport(under), key)
        else:
            new = NewCeremony(target=target, kind=KeyKind.TERMINAL_MASTER, cipher=cipher, why=why)
            handed["ceremony"] = _shown_ceremony(await self._ceremonies.hand_out(await self._custodian(), new, key))
        return {**handed, "proposal": await self._propose(target, key, why=why)}

    async def slip(self, ceremony: UUID) -> dict[str, Any]:
        """Hand out the next slip, once, to one person."""
        slip = await self._ceremonies.slip(await self._custodian(), ceremony)
        clear = slip.clear.hex().upper()
        return {"slip": slip.place, "for": slip.ceremony.target, "component": clear, "check_value": slip.check_value}

    async def _propose(self, target: str, block: KeyBlock, *, why: str) -> Any:
        what, _, name = target.partition(":")
        if what == _NAME:
            return await self._propose_named(name, block, why=why)
        terminal = await self._terminal(name)
        value = (await self._store.check_value(block)).hex().upper()
        draft = Draft(
            kind=TERMINAL_KEY,
            subject=terminal.id,
            subject_version=terminal.version,
            party=terminal.merchant_id,
            content={"block": block.text},
            after={"terminal": terminal.number, "check_value": value},
            why=why,
        )
        return await self._submitted(draft)

    async def _propose_named(self, name: str, block: KeyBlock, *, why: str) -> Any:
        newest = next(iter(await keys.numbered_keys(self._around.pool, name)), None)
        row = {
            "id": self._around.ids.new(),
            "name": name,
            "number": newest.number + 1 if newest else 1,
            "kind": block.kind.value,
            "block": block.text,
            "created_at": self._around.clock.now(),
            "created_by": self._who,
        }
        draft = Draft(
            kind=KEY,
            subject=UUID(str(row["id"])),
            subject_version=0,
            party=PLATFORM,
            content=pack([Add(NAMED_KEY, row)]),
            after={"key": name, "number": row["number"], "kind": row["kind"], **await self._known_by(block)},
            why=why,
        )
        return await self._submitted(draft)

    async def _submitted(self, draft: Draft) -> Any:
        order = await house_order(
            self._around.pool,
            name=f"command/{self._name}",
            key=f"command/{self._around.ids.new()}",
            clock=self._around.clock,
        )
        said = Submission(caller=order.caller, at=order.at, key=order.key, said=order.said, keys=lambda _: ())
        taken = await self._counter.offices.approvals.propose(said, draft)
        if isinstance(taken, Refused):
            raise CounterRefusedError(f"{taken.reason}: {taken.detail}")
        return msgspec.to_builtins(show_proposal(taken.proposal))

    async def _shown(self, key: NamedKey) -> dict[str, Any]:
        created: datetime = key.created_at
        shown = {
            "name": key.name,
            "number": key.number,
            "kind": key.block.kind.value,
            **await self._known_by(key.block),
        }
        return {**shown, "created_at": created.isoformat(), "created_by": key.created_by}

    async def _known_by(self, block: KeyBlock) -> dict[str, str]:
        """Return what people compare a key by: its check value, or the public half's fingerprint."""
        if block.kind is not KeyKind.SIGNING:
            return {"check_value": (await self._store.check_value(block)).hex().upper()}
        pem = await self._store.public_key(block)
        try:
            return {"fingerprint": fingerprint(raw_public_key(pem))}
        except ValueError:
            return {"public_key": pem.decode("ascii")}

    async def _usual_length(self, block: KeyBlock, cipher: KeyCipher) -> int:
        if block.kind is not KeyKind.SIGNING:
            return _LENGTHS[cipher]
        return signing_length(await self._store.public_key(block))

    async def _transport(self, name: str) -> KeyBlock:
        newest = next(iter(await keys.numbered_keys(self._around.pool, name)), None)
        if newest is None or newest.block.kind is not KeyKind.TRANSPORT:
            raise CounterRefusedError(f"there is no transport key {name}")
        return newest.block

    async def _known(self, target: str) -> None:
        what, _, name = target.partition(":")
        if what not in {_NAME, _TERMINAL} or not name:
            raise CounterRefusedError("a key is for name:<its name> or terminal:<number>")
        if what == _TERMINAL:
            await self._terminal(name)

    async def _terminal(self, number: str) -> Terminal:
        found, _ = await merchants.terminal(self._around.pool, number)
        if found is None:
            raise CounterRefusedError(f"there is no terminal {number}")
        return found

    async def _custodian(self) -> Custodian:
        keyring = Keyring(
            pool=self._around.pool, keystore=self._store, clock=self._around.clock, remembered=_REMEMBERED
        )
        book = RightsBook(pool=self._around.pool, keyring=keyring, keystore=self._store)
        rights = await book.rights(self._who)
        return Custodian(who=self._who, person=rights.person if rights else self._who)

    @property
    def _who(self) -> str:
        return f"system:command/{self._name}"


def _refuse_unnamed(kind: KeyKind) -> None:
    if kind in _WITHOUT_NAME:
        raise CounterRefusedError(f"a {kind} key is not kept under a name")


def _shown_ceremony(ceremony: Ceremony) -> dict[str, Any]:
    return {
        "id": str(ceremony.id),
        "purpose": ceremony.purpose.value,
        "target": ceremony.target,
        "kind": ceremony.kind.value,
        "cipher": ceremony.cipher.value,
        "parts": ceremony.parts,
        "placed": ceremony.placed,
        "state": ceremony.state.value,
        "expires_at": ceremony.expires_at.isoformat(),
    }
