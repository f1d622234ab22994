"""MACs of terminals: checked under every key that is still good, made under the key that was.

Source: `docs/terminal-protocol.md` "MAC".
"""

from __future__ import annotations

from dataclasses import dataclass

from channels.iso8583 import Dialect, Message, encode, mac_field, mac_input
from gateway.kernel.reasons import Reason
from gateway.keys.port import KeyBlock, KeyKind, KeyStore, MacScheme
from gateway.terminals.ports import Terminal, TerminalFacts
from gateway.terminals.request import InadmissibleError, Request

_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Proof:
    """A good MAC: the terminal as it was when checked, and the key that made it."""

    terminal: Terminal
    key: KeyBlock

    @property
    def pin_key(self) -> KeyBlock | None:
        """The PIN key that was handed out with the MAC key."""
        terminal = self.terminal
        pairs = (
            (terminal.mac_key, terminal.pin_key),
            (terminal.offered_mac_key, terminal.offered_pin_key),
            (terminal.previous_mac_key, terminal.previous_pin_key),
        )
        text = next((pin for mac, pin in pairs if mac == self.key.text), None)
        return None if text is None else KeyBlock(KeyKind.PIN, text)


class Macs:
    """Checks requests and seals answers."""

    def __init__(self, *, keys: KeyStore, facts: TerminalFacts) -> None:
        self._keys = keys
        self._facts = facts

    async def proof(self, terminal: Terminal, request: Request) -> Proof | None:
        """Return the proof of a good MAC, None for a wrong or missing one.

        Before a MAC is called wrong, and before a terminal is called not signed in, its record is read once more:
        another process may have signed it in. Raises InadmissibleError (77) where it has no working key.
        """
        found = await self._under(terminal, request)
        if found is None and (terminal.mac_key is None or _mac(request) is not None):
            fresh = await self._facts.fresh_terminal(terminal.number)
            if fresh is None or fresh.mac_key is None:
                raise InadmissibleError(Reason.SIGN_IN_FIRST)
            found = await self._under(fresh, request)
        return found

    async def sealed(self, dialect: Dialect, answer: Message, key: KeyBlock) -> bytes:
        """Write an answer with its MAC."""
        number = mac_field(dialect, answer)
        bare = Message(answer.mti, {**answer.fields, number: bytes(_LENGTH)})
        covered = mac_input(dialect, encode(dialect, bare))
        mac = await self._keys.mac(key, MacScheme(dialect.mac), covered)
        return covered + dialect.elements[number].write(mac)

    async def _under(self, terminal: Terminal, request: Request) -> Proof | None:
        mac = _mac(request)
        if mac is None:
            return None
        scheme = MacScheme(request.letter.dialect.mac)
        covered = mac_input(request.letter.dialect, request.letter.data)
        for text in (terminal.mac_key, terminal.offered_mac_key, terminal.previous_mac_key):
            key = KeyBlock(KeyKind.MAC, text) if text else None
            if key and await self._keys.mac_is_good(key, scheme, covered, mac):
                return Proof(terminal, key)
        return None


def _mac(request: Request) -> bytes | None:
    return request.message.octets(mac_field(request.letter.dialect, request.message))
