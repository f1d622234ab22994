"""A frame held against the books: its terminal, its session, its MAC, and the operations it may belong to."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from channels.iso8583 import Dialect, Message, TypeBatchCode, mac_field, mac_input
from channels.iso8583.faults import CodecError
from gateway.app import store
from gateway.app.explaining.explanation import GOOD, OPEN, WRONG, Explanation, Finding
from gateway.kernel.ids import show
from gateway.kernel.postgres.pool import Database
from gateway.keys import KeyStore
from gateway.keys.port import KeyBlock, KeyKind, MacScheme
from gateway.terminals.ports import Merchant, Terminal
from gateway.terminals.transactions import NETWORK

_TERMINAL, _MERCHANT, _TRACE, _REFERENCE, _CODE = 41, 42, 11, 37, 60
_BLOCK = 8
_UNSPENT = "no key store: give --config with the settings of the gateway to check the MAC"


class Facts(Protocol):
    """Who a terminal and a merchant are."""

    async def fresh_terminal(self, number: str) -> Terminal | None:
        """Return the terminal with this number."""
        ...

    async def merchant(self, number: str) -> Merchant | None:
        """Return the merchant with this number."""
        ...


async def against_books(
    explained: Explanation, *, dialect: Dialect, pool: Database, facts: Facts, keys: KeyStore | None
) -> Explanation:
    """Add what the books know of a frame that could be read."""
    message = explained.message
    if message is None:
        return explained
    number = (message.text(_TERMINAL) or "").rstrip()
    terminal = await facts.fresh_terminal(number) if number else None
    findings = [*explained.findings, _known(terminal, dialect)]
    if terminal is not None:
        findings.append(await _merchant(message, terminal, facts))
        findings += _session(message, terminal)
        findings += await _mac(explained, dialect, terminal, keys)
    return replace(explained, findings=tuple(findings), nearest=await _nearest(pool, message, number))


def _known(terminal: Terminal | None, dialect: Dialect) -> Finding:
    if terminal is None:
        return Finding("terminal", WRONG, "no terminal has the number in field 41", "97")
    if terminal.state != "active":
        return Finding("terminal", WRONG, f"the terminal is {terminal.state}", "97")
    if terminal.dialect != dialect.name:
        return Finding("terminal", WRONG, f"the terminal speaks {terminal.dialect}", "97")
    return Finding("terminal", GOOD, "registered and active")


async def _merchant(message: Message, terminal: Terminal, facts: Facts) -> Finding:
    merchant = await facts.merchant((message.text(_MERCHANT) or "").rstrip())
    if merchant is None or merchant.id != terminal.merchant_id:
        return Finding("merchant", WRONG, "field 42 is not the terminal's merchant", "03")
    return Finding("merchant", GOOD, f"the terminal's own, {merchant.state}")


def _session(message: Message, terminal: Terminal) -> list[Finding]:
    if message.mti[:3] in NETWORK:
        return []
    if terminal.mac_key is None:
        return [Finding("session", WRONG, "the terminal has no working key: it must sign in", "77")]
    try:
        batch = TypeBatchCode.read(message.text(_CODE) or "").batch
    except CodecError:
        return []
    if (terminal.batch_no, terminal.batch_state) == (batch, "open"):
        return [Finding("batch", GOOD, f"batch {batch} is open")]
    own = f"the terminal's batch is {terminal.batch_no}, {terminal.batch_state}"
    return [Finding("batch", WRONG, f"60.2 is {batch}; {own}", "77")]


async def _mac(explained: Explanation, dialect: Dialect, terminal: Terminal, keys: KeyStore | None) -> list[Finding]:
    """Try the MAC under every key of the terminal, and over what is covered by the usual mistakes."""
    message, envelope = explained.message, explained.envelope
    if message is None or envelope is None or (mac := message.octets(mac_field(dialect, message))) is None:
        return []
    if keys is None:
        return [Finding("mac", OPEN, _UNSPENT)]
    covered = mac_input(dialect, envelope.body)
    head = envelope.tpdu + envelope.header
    forms = {
        "": covered,
        " over TPDU and header too: they do not belong to it": head + covered,
        " over the header too: it does not belong to it": envelope.header + covered,
        " without the message type: it belongs to it": covered[dialect.bitmap_at :],
        " with a length of the frame before it": len(head + envelope.body).to_bytes(2) + head + covered,
    }
    named = {"current": terminal.mac_key, "offered": terminal.offered_mac_key, "previous": terminal.previous_mac_key}
    scheme = MacScheme(dialect.mac)
    for how, data in forms.items():
        for name, text in named.items():
            if text and await keys.mac_is_good(KeyBlock(KeyKind.MAC, text), scheme, data, mac):
                return [Finding("mac", WRONG if how else GOOD, f"good under the {name} key{how}", "A0" if how else "")]
    tried = ", ".join(name for name, text in named.items() if text) or "none"
    blocks = -(-len(covered) // _BLOCK)
    what = (
        f"over {len(covered)} bytes, {blocks} blocks of {_BLOCK}, the last filled with {-len(covered) % _BLOCK} zeros"
    )
    return [Finding("mac", WRONG, f"wrong {what}, by {scheme}, under every key there is ({tried})", "A0")]


async def _nearest(pool: Database, message: Message, terminal: str) -> tuple[dict[str, object], ...]:
    code = message.text(_CODE) or ""
    found = await store.nearest_operations(
        pool,
        terminal=terminal,
        batch=code[2:8],
        trace=message.text(_TRACE) or "",
        rrn=message.text(_REFERENCE) or "",
    )
    return tuple({**row, "id": show("pay", row["id"])} for row in found)
