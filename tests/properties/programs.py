"""Random programs: what callers ask for, round after round, and the changes that say it to the journal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from gateway.journal import Change, CloseDay, Count, Event, Insert, Key, Move, Put, Table
from gateway.kernel.ids import Ids
from gateway.kernel.randomness import draw
from gateway.kernel.reasons import Reason
from gateway.ledger import Account, Hold, HoldUse, Leg, Purpose, Release, Transfer
from tests.properties.oracle import (
    OWED,
    Deed,
    Freeze,
    Make,
    Name,
    Pay,
    Pin,
    Shift,
    Tally,
    Tell,
    Thaw,
    Wish,
)
from tests.properties.wire import Fault, Plan

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
UNITS = ("CNY", "PTS")
PARTIES = 4
HOUSE, EAST, WEST = -1, -2, -3
SLOW = (Fault.LATE, Fault.FROZEN)
QUICK = tuple(fault for fault in Fault if fault not in SLOW)
_UNLUCKY, _SLOWLY = 0.2, 0.06
PARCEL = Table(
    name="parcel", columns={"id": "uuid", "state": "text", "weight": "bigint", "version": "integer"}, history="state"
)
NOTE = Table(
    name="note",
    columns={"id": "uuid", "body": "text"},
    history=None,
    puts={
        "note.up": "INSERT INTO note (id, body) SELECT r.id, r.body FROM fence, r "
        "ON CONFLICT (id) DO UPDATE SET body = excluded.body",
        "note.down": "DELETE FROM note n USING fence, r WHERE n.id = r.id",
    },
)
CREATE = """
    CREATE TABLE parcel (id uuid PRIMARY KEY, state text NOT NULL, weight bigint CHECK (weight < 1000),
                         version integer NOT NULL);
    CREATE TABLE note (id uuid PRIMARY KEY, body text);"""


@dataclass(frozen=True)
class Round:
    """What is asked for at once: `raises` a generation before, meets the fault that `luck` brings, if any."""

    wishes: tuple[Wish, ...]
    raises: int | None = None
    luck: int = 0
    closes_off: tuple[int | None, ...] = ()
    trusts_off: tuple[tuple[int, int] | None, ...] = ()

    def plan(self) -> Plan | None:
        """The fault on the wire, and how many requests pass before it; 0 is good luck."""
        chance = draw(f"luck {self.luck}")
        if self.luck == 0 or chance.random() > _UNLUCKY:
            return None
        return Plan(chance.choice(SLOW if chance.random() < _SLOWLY else QUICK), chance.randrange(6))


def owner(hold: int) -> Name:
    """Whose available money a hold number is about."""
    return (hold % PARTIES, UNITS[hold // PARTIES % 2], "available")


def balanced(gains: list[tuple[Name, int]], **fields: Any) -> Pay | Tell:
    """A transfer whose other side is the house's; one that would move nothing is only told of."""
    sums = {unit: sum(gain for name, gain in gains if name[1] == unit) for unit in UNITS}
    whole = [*gains, *(((HOUSE, unit, "cash"), -total) for unit, total in sums.items() if total)]
    net: dict[Name, int] = {}
    for name, gain in whole:
        net[name] = net.get(name, 0) + gain
    return Pay(tuple(whole), **fields) if any(net.values()) else Tell("nothing")


def _used(uses: list[tuple[int, int, int]], gains: list[tuple[Name, int]], wish: Any) -> Pay | Tell:
    taken = [(((owner(hold)[0] + off) % PARTIES, owner(hold)[1], "frozen"), -amount) for hold, amount, off in uses]
    return balanced([*taken, *gains], uses=tuple((hold, amount) for hold, amount, _ in uses), wish=wish)


amount = st.integers(1, 150)
unit = st.sampled_from(UNITS)
party = st.integers(0, PARTIES - 1)
hold = st.integers(0, 7)
record = st.integers(0, 4)
slot = st.builds(
    lambda p, u, purpose: (p, u, OWED[u] if purpose == "owed" else purpose),
    party,
    unit,
    st.sampled_from(["available", "available", "available", "available", "deposit", "owed"]),
)
gain = st.tuples(slot, st.integers(-60, 80).filter(bool))
gains = st.lists(gain, min_size=1, max_size=4)
off = st.sampled_from([0, 0, 0, 0, 0, 1])
pay_in = st.builds(lambda p, u, a: balanced([((p, u, "available"), a)]), party, unit, amount)
pay_over = st.builds(
    lambda a, b, u, n, wish: balanced([((a, u, "available"), -n), ((b, u, "available"), n)], wish=wish),
    party,
    party,
    unit,
    amount,
    st.booleans(),
)
anything = st.builds(lambda legs, wish: balanced(legs, wish=wish), gains, st.booleans())
use = st.builds(
    _used,
    st.lists(st.tuples(hold, st.integers(1, 30), off), min_size=1, max_size=2),
    st.one_of(st.just([]), gains),
    st.booleans(),
)
huge = st.builds(
    lambda u, n: Pay((((EAST, u, "cash"), n), ((WEST, u, "cash"), -n))), unit, st.sampled_from([2**62, 2**63 - 1])
)
freeze = st.builds(lambda h, a: Freeze(h, owner(h), a), hold, st.integers(1, 40))
thaw = st.builds(Thaw, hold, st.booleans())
make = st.builds(Make, record, st.sampled_from([False] * 9 + [True]))
shift = st.builds(Shift, record, st.integers(1, 3), st.sampled_from(["packed", "sent"]))
pin = st.builds(Pin, st.integers(0, 2), st.sampled_from(["a", "b", None]))
tally = st.builds(
    Tally, st.integers(0, 2), st.integers(-30, 60), st.sampled_from([None, 100]), st.sampled_from([None, -20])
)
tell = st.builds(Tell, st.sampled_from(["seen", "heard"]))


def weighted(**shares: tuple[int, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """One of several strategies, each as often as its share says."""
    drawn = [strategy for share, strategy in shares.values() for _ in range(share)]
    return st.sampled_from(drawn).flatmap(lambda strategy: strategy)


deed = weighted(
    pay_in=(8, pay_in),
    pay_over=(4, pay_over),
    anything=(3, anything),
    freeze=(6, freeze),
    use=(3, use),
    thaw=(1, thaw),
    make=(4, make),
    shift=(2, shift),
    tally=(2, tally),
    pin=(1, pin),
    tell=(1, tell),
)
deeds = weighted(
    usual=(40, st.lists(deed, min_size=1, max_size=4)),
    huge=(1, st.lists(huge, min_size=1, max_size=3)),
)
_TURN = {Make: 0, Shift: 0, Pin: 0, Tally: 1, Pay: 2, Freeze: 2, Thaw: 2, Tell: 3}
key = st.tuples(st.integers(0, 9), st.sampled_from([0, 0, 0, 1]), st.sampled_from([(1,), (1,), (2,), (1, 2), (2, 1)]))
keys = weighted(none=(3, st.just([])), some=(2, st.lists(key, min_size=1, max_size=2, unique_by=lambda k: k[0])))


def _wish(keys: list[Any], late: Any, deeds: list[Deed]) -> Wish:
    return Wish(keys=tuple(keys), late=late, deeds=tuple(sorted(deeds, key=lambda deed: _TURN[type(deed)])))


wish = st.builds(_wish, keys, st.sampled_from([False] * 49 + [True]), deeds)
rounds = st.integers(1, 16).flatmap(
    lambda count: st.builds(
        Round,
        wishes=st.tuples(*[wish] * count),
        raises=st.sampled_from([None, None, None, 0, 1]),
        luck=st.integers(0, 1 << 20),
        closes_off=st.tuples(*[st.sampled_from([None] * 80 + [0, 0, 0, 1])] * count),
        trusts_off=st.tuples(*[st.sampled_from([None] * 16 + [(0, 0), (1, 0), (0, 1)])] * count),
    )
)
programs = st.lists(rounds, min_size=1, max_size=8)
_FUNDED = tuple(
    balanced([((p, u, purpose), 90)]) for p in range(PARTIES) for u in UNITS for purpose in ("available", "deposit")
)
FIRST = Round(wishes=(Wish(deeds=_FUNDED),), closes_off=(None,), trusts_off=(None,))
"""Gives everyone something to spend."""


def dated(asked: Round, day: date, generations: dict[int, int]) -> list[Wish]:
    """The wishes of a round as they are said when `day` is open and generations stand so."""
    return [
        _dated(wish, day, generations, closes, trusts)
        for wish, closes, trusts in zip(asked.wishes, asked.closes_off, asked.trusts_off, strict=True)
    ]


def _dated(
    wish: Wish, day: date, generations: dict[int, int], closes: int | None, trusts: tuple[int, int] | None
) -> Wish:
    if trusts is not None:
        wish = replace(wish, trusts=((trusts[0], generations.get(trusts[0], 0) + trusts[1]),))
    return wish if closes is None else replace(wish, closes=day + timedelta(days=closes), deeds=())


class Names:
    """What a program's numbers stand for in the books: every program is about parties and records of its own."""

    def __init__(self, ids: Ids) -> None:
        self.new = ids.new
        self.run = ids.new()
        self._ids: dict[tuple[str, int], UUID] = {}

    def id(self, kind: str, number: int) -> UUID:
        """The id behind a number of a kind."""
        return self._ids.setdefault((kind, number), self.new())

    def account(self, name: Name) -> Account:
        """The account behind a name."""
        return Account(self.id("party", name[0]), name[1], Purpose(name[2]))

    def counter(self, number: int) -> tuple[str, str]:
        """Scope and name of a counter."""
        return (str(self.run), f"c{number}")

    def generation(self, number: int) -> str:
        """Name of a generation."""
        return f"{self.run}-{number}"

    def change(self, wish: Wish, number: int) -> Change:
        """Change `number`, as it goes to the journal."""
        made = [_MAKING[type(deed)](self, deed) for deed in wish.deeds]
        return Change(
            id=self.id("change", number),
            who="program",
            why=f"wish {number}",
            occurred_at=NOW,
            keys=tuple(self._key(key, version, number) for key in wish.keys for version in key[2]),
            records=tuple(one for one in made if isinstance(one, Insert | Move | Put)),
            counts=tuple(one for one in made if isinstance(one, Count)),
            postings=tuple(one for one in made if isinstance(one, Transfer | Hold | Release)),
            events=tuple(one for one in made if isinstance(one, Event)),
            expects=tuple((self.generation(name), believed) for name, believed in wish.trusts),
            not_after=NOW - timedelta(days=400) if wish.late else None,
            close_day=None if wish.closes is None else CloseDay(wish.closes),
        )

    def _key(self, key: tuple[int, int, tuple[int, ...]], version: int, number: int) -> Key:
        return Key(
            scope=str(self.run),
            name=str(key[0]),
            digest=bytes([key[1], version]),
            digest_version=version,
            subject=self.id("change", number),
            expires_at=NOW + timedelta(days=3650),
        )

    def _pay(self, deed: Pay) -> Transfer:
        return Transfer(
            id=self.new(),
            kind="pay",
            subject=self.run,
            legs=tuple(Leg(self.account(name), -gain) for name, gain in deed.gains),
            occurred_at=NOW,
            wish=deed.wish,
            uses=tuple(HoldUse(self.id("hold", hold), taken) for hold, taken in deed.uses),
        )

    def _freeze(self, deed: Freeze) -> Hold:
        return Hold(
            id=self.id("hold", deed.hold),
            account=self.account(deed.account),
            amount_minor=deed.amount,
            kind="freeze",
            subject=self.run,
            occurred_at=NOW,
        )

    def _thaw(self, deed: Thaw) -> Release:
        hold = self.id("hold", deed.hold)
        return Release(hold=hold, kind="thaw", subject=self.run, occurred_at=NOW, expired=deed.expired)

    def _make(self, deed: Make) -> Insert:
        row = {"id": self.id("parcel", deed.record), "state": "new", "weight": 2000 if deed.spoilt else 1}
        return Insert("parcel", row)

    def _shift(self, deed: Shift) -> Move:
        return Move("parcel", self.id("parcel", deed.record), deed.version, {"state": deed.state})

    def _pin(self, deed: Pin) -> Put:
        note = self.id("note", deed.note)
        return Put("note.down", {"id": note}) if deed.text is None else Put("note.up", {"id": note, "body": deed.text})

    def _tally(self, deed: Tally) -> Count:
        scope, name = self.counter(deed.counter)
        return Count(scope, name, deed.by, most=deed.most, least=deed.least, refusal=Reason.RISK_REFUSED)

    def _tell(self, deed: Tell) -> Event:
        return Event(deed.kind, self.run, {"said": "so"})


_MAKING: dict[type, Any] = {
    Pay: Names._pay,
    Freeze: Names._freeze,
    Thaw: Names._thaw,
    Make: Names._make,
    Shift: Names._shift,
    Pin: Names._pin,
    Tally: Names._tally,
    Tell: Names._tell,
}
