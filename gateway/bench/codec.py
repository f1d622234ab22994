"""`tillgate bench codec`: a purchase read, changed and written again, beside pyiso8583 doing the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import iso8583

from channels.iso8583 import CUPS, ISO87_ASCII, Dialect, Message, decode, encode, mac_input
from channels.iso8583.rows import Kind, Row
from channels.iso8583.table import read_by_table, write_by_table
from gateway.bench.report import Case, Reference, Report, machine, peak_rss_mib
from gateway.kernel.clock import Clock
from gateway.keys.macs import maker
from gateway.keys.port import KeyCipher, MacScheme

Say = Callable[[str], None]
Work = Callable[[], object]

PYISO8583 = "pyiso8583"
TABLE = "our table loop"
_KEYS = {MacScheme.CUPS: bytes(range(1, 9)), MacScheme.X919: bytes(range(1, 17))}
_MICRO = 1_000_000
_WARM_UP = 200
_PACKED_LEFT = 23

# An online purchase with magnetic stripe and PIN. The numbers are made up.
PURCHASE: Mapping[int, str | bytes] = {
    2: "6222020000000000",
    3: "000000",
    4: "000000012345",
    11: "000001",
    14: "3012",
    22: "021",
    23: "001",
    25: "00",
    26: "12",
    35: "6222020000000000D30122010000000000000",
    41: "10000001",
    42: "104110070110814",
    49: "156",
    52: bytes.fromhex("0123456789ABCDEF"),
    53: "2600000000000000",
    60: "22000001",
    64: b"E267B6E2",
}


class UnequalError(Exception):
    """Two ways to the same message did not give the same bytes: their figures would mean nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecScale:
    """How much is done: by turns, so many short `rounds` of so many `messages` in each form."""

    rounds: int = 60
    messages: int = 1_000


QUICK_CODEC = CodecScale(rounds=5, messages=200)


def bench_codec(scale: CodecScale, say: Say, clock: Clock) -> Report:
    """Run the benchmark; `say` is told of every dialect's figures as they come."""
    cases: list[Case] = []
    for dialect in (CUPS, ISO87_ASCII):
        for sealed in (False, True):
            cases.append(_measured(dialect, scale, clock, sealed=sealed))
            beside = ", ".join(f"{one.ratio:.1f} x {one.name}" for one in cases[-1].references)
            say(f"{cases[-1].case}: {cases[-1].value:,.0f} a second; {beside}")
    return Report("codec", machine(rounds=scale.rounds, messages=scale.messages), cases)


def _measured(dialect: Dialect, scale: CodecScale, clock: Clock, *, sealed: bool) -> Case:
    forms = _forms(dialect, sealed=sealed)
    for work in forms.values():
        for _ in range(_WARM_UP):
            work()
    taken = _by_turns(forms, scale, clock)
    ours = taken["ours"]
    # The ratio of each round is taken by itself: what else the machine did in that moment befell both alike.
    references = [
        Reference(name, 1 / median(others), median(other / own for other, own in zip(others, ours, strict=True)))
        for name, others in taken.items()
        if name != "ours"
    ]
    return Case(
        case=f"{dialect.name} 0200, decode and encode{', two MACs' if sealed else ''}",
        value=1 / median(ours),
        unit="messages/s",
        peak_rss_mib=peak_rss_mib(),
        references=references,
        details={"us_per_message": median(ours) * _MICRO},
    )


def _by_turns(forms: Mapping[str, Work], scale: CodecScale, clock: Clock) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(scale.rounds):
        for name, work in forms.items():
            began = clock.monotonic()
            for _ in range(scale.messages):
                work()
            taken[name].append((clock.monotonic() - began) / scale.messages)
    return taken


def _forms(dialect: Dialect, *, sealed: bool) -> dict[str, Work]:
    """Return ours and the references, each proven to give back the message it read."""
    message = Message("0200", PURCHASE)
    data = write_by_table(dialect, message)
    seal = _seal(dialect) if sealed else None
    table = peer_table(dialect)
    forms: dict[str, Work] = {
        "ours": lambda: _with_macs(dialect, data, seal, encode(dialect, decode(dialect, data))),
        PYISO8583: lambda: _with_macs(dialect, data, seal, _by_peer(data, table)),
        TABLE: lambda: _with_macs(dialect, data, seal, write_by_table(dialect, read_by_table(dialect, data))),
    }
    if any(work() != data for work in forms.values()):
        raise UnequalError(dialect.name)
    return forms


def _with_macs(dialect: Dialect, data: bytes, seal: Callable[[bytes], bytes] | None, written: bytes) -> bytes:
    """Make the code of what came and of what goes, as a purchase and its answer have it."""
    if seal is not None:
        seal(mac_input(dialect, data))
        seal(mac_input(dialect, written))
    return written


def _seal(dialect: Dialect) -> Callable[[bytes], bytes]:
    scheme = MacScheme(dialect.mac)
    return maker(scheme, _KEYS[scheme], KeyCipher.TRIPLE_DES)


def _by_peer(data: bytes, table: Mapping[str, Any]) -> bytes:
    fields, _ = iso8583.decode(data, table)
    written, _ = iso8583.encode(fields, table)
    return bytes(written)


def peer_table(dialect: Dialect) -> dict[str, dict[str, Any]]:
    """Return the dialect's rows in pyiso8583's words."""
    packed = not dialect.text
    fixed = {"data_enc": "b" if packed else "ascii", "len_enc": "ascii", "len_type": 0, "desc": ""}
    sizes = {"h": 0, "t": 2 if packed else 4, "p": dialect.bitmap_size, "1": dialect.bitmap_size}
    heads = {name: {**fixed, "max_len": size} for name, size in sizes.items()}
    rows = {str(number): _peer_row(each.row, packed=packed) for number, each in dialect.elements.items()}
    return heads | rows


def _peer_row(row: Row, *, packed: bool) -> dict[str, Any]:
    length = (row.prefix + 1) // 2 if packed else row.prefix
    plain = {"len_enc": "bcd" if packed else "ascii", "len_type": length, "max_len": row.most, "desc": row.name}
    if packed and row.kind in {Kind.N, Kind.Z}:
        side = "left_pad" if row.number == _PACKED_LEFT else "right_pad"
        return {**plain, side: "0", "data_enc": "b", "len_count": "nibbles"}
    if packed:
        return {**plain, "data_enc": {Kind.B: "b", Kind.ANS: "gbk"}.get(row.kind, "ascii")}
    return {**plain, "data_enc": "ascii", "max_len": row.most * 2 if row.kind is Kind.B else row.most}
