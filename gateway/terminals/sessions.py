"""Sign-in and sign-off: working keys are made in the key store, kept with the terminal, and handed out enciphered.

A session belongs to the terminal, not to the connection. Three generations of keys are good at most: the newest, the
one offered before it and never used, and the one the terminal works with; its first message under newer keys ends the
older ones. So a sign-in whose answer was lost (or was not the terminal's own) costs nothing.

Source: `docs/terminal-protocol.md` "Keys".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.journal.model import Change, Move, Post, Refused
from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids
from gateway.kernel.reasons import Reason
from gateway.keys.port import KeyBlock, KeyCipher, KeyKind, KeyStore
from gateway.keys.working import FORMS, issue
from gateway.terminals.ports import Terminal, TerminalFacts
from gateway.terminals.request import InadmissibleError

_TRIES = 5
_SETTLED, _OPEN = "settled", "open"
_LAST_BATCH = 999_999


_NONE_OFFERED: Mapping[str, object] = {"offered_mac_key": None, "offered_pin_key": None}
_NONE_PREVIOUS: Mapping[str, object] = {"previous_mac_key": None, "previous_pin_key": None}

Decision = Callable[[Terminal], Mapping[str, object] | None]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a sign-in gives: the open batch and the content of field 62."""

    batch: str
    keys: bytes


class Sessions:
    """Moves the keys of terminals through the books."""

    def __init__(self, *, books: Post, facts: TerminalFacts, keys: KeyStore, clock: Clock, ids: Ids) -> None:
        self._books = books
        self._facts = facts
        self._keys = keys
        self._clock = clock
        self._ids = ids

    async def sign_in(self, terminal: Terminal, code: str, *, family: str) -> SignedIn:
        """Give a terminal new working keys, laid out as `family` has them. Raises InadmissibleError where it cannot."""
        form = FORMS.get((family, code))
        # The MACs of this door are made with triple-DES keys.
        if form is None or form.cipher is not KeyCipher.TRIPLE_DES:
            raise InadmissibleError(Reason.NOT_SUPPORTED)
        if terminal.tmk is None:
            raise InadmissibleError(Reason.TERMINAL_UNKNOWN, "no master key is loaded")
        issued = await issue(self._keys, KeyBlock(KeyKind.TERMINAL_MASTER, terminal.tmk), form)
        moved = await self._moved(terminal, f"sign-in {code}", lambda current: self._new_keys(current, issued.keys))
        return SignedIn(moved.batch_no, issued.content)

    async def sign_off(self, terminal: Terminal) -> None:
        """End a session: no working key is good any more."""
        gone = {"mac_key": None, "pin_key": None, **_NONE_OFFERED, **_NONE_PREVIOUS}
        await self._moved(terminal, "sign-off", lambda current: gone if current.mac_key else None)

    async def used(self, terminal: Terminal, mac_key: KeyBlock) -> None:
        """Drop the keys before those a terminal has shown that it has; writes only where there are any."""
        await self._moved(
            terminal, "first message under newer keys", lambda current: _without_older(current, mac_key.text)
        )

    async def _moved(self, terminal: Terminal, why: str, decide: Decision) -> Terminal:
        """Decide on the record as it is, post, and decide again where it moved in between."""
        current = terminal
        for _ in range(_TRIES):
            to = decide(current)
            if to is None:
                return current
            receipt = await self._books.post(self._change(current, why, to))
            fresh = await self._facts.fresh_terminal(terminal.number)
            if fresh is None:
                raise InadmissibleError(Reason.TERMINAL_UNKNOWN)
            if not isinstance(receipt, Refused):
                return fresh
            if receipt.reason is not Reason.MOVED:
                raise InadmissibleError(receipt.reason)
            current = fresh
        raise InadmissibleError(Reason.BUSY)

    def _change(self, terminal: Terminal, why: str, to: Mapping[str, object]) -> Change:
        return Change(
            id=self._ids.new(),
            who=f"terminal:{terminal.number}",
            why=why,
            occurred_at=self._clock.now(),
            records=(Move("terminal", terminal.id, terminal.version, to),),
        )

    def _new_keys(self, current: Terminal, made: Mapping[KeyKind, KeyBlock]) -> dict[str, object]:
        """The newest become the offered ones where others are in use: the oldest unused give way, never those."""
        return {
            "signed_in_at": self._clock.now(),
            "mac_key": made[KeyKind.MAC].text,
            "pin_key": made[KeyKind.PIN].text,
            **_kept(current),
            **_next_batch(current),
        }


def _kept(current: Terminal) -> dict[str, object]:
    if current.previous_mac_key is None:
        return {"previous_mac_key": current.mac_key, "previous_pin_key": current.pin_key}
    return {"offered_mac_key": current.mac_key, "offered_pin_key": current.pin_key}


def _next_batch(current: Terminal) -> dict[str, object]:
    """A batch that is settled gives way to the next number; a closed one has to be settled first."""
    if current.batch_state != _SETTLED:
        return {}
    return {"batch_no": f"{int(current.batch_no) % _LAST_BATCH + 1:06d}", "batch_state": _OPEN}


def _without_older(current: Terminal, mac_key: str) -> Mapping[str, object] | None:
    if mac_key == current.mac_key and current.previous_mac_key is not None:
        return {**_NONE_OFFERED, **_NONE_PREVIOUS}
    if mac_key == current.offered_mac_key:
        return {
            "previous_mac_key": current.offered_mac_key,
            "previous_pin_key": current.offered_pin_key,
            **_NONE_OFFERED,
        }
    return None
