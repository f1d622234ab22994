"""Door of POS terminals and card readers: ISO 8583 listeners, sessions, key exchange, MAC.

The door decodes, checks who speaks and with which key, and hands every payment to one road (`Carry`); it decides
nothing about money and remembers nothing but who sent wrong MACs. `docs/terminal-protocol.md` is what it must do.
"""

from gateway.terminals.door import Address, TerminalDoor
from gateway.terminals.ports import Carry, Merchant, Terminal, TerminalFacts
from gateway.terminals.settings import Listener, TerminalSettings, Tls, terminal_settings

__all__ = [
    "Address",
    "Carry",
    "Listener",
    "Merchant",
    "Terminal",
    "TerminalDoor",
    "TerminalFacts",
    "TerminalSettings",
    "Tls",
    "terminal_settings",
]
