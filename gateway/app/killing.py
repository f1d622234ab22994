"""Kills parts of a sandbox at planned fault points and brings them back: `tillgate demo --faults PLAN` and simulations.

Gateway and bank report every fault point over a Unix socket and stand still until they are answered
(`gateway.kernel.faults`). When a planned pass of a point comes, the target is killed at that very instant, whoever
reported; then the reporter goes on, if it still lives, and the target is started again.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import msgspec

from gateway.kernel.clock import Clock
from gateway.kernel.randomness import Draw, draw

BETWEEN_THE_WAITS = ("clearing.decided", "clearing.sending", "clearing.answered")
"""Points at which a payment stands between the journal's two waits."""
CARRYING = (
    ("files.uploading", 1),
    ("sftp.uploaded", 1),
    ("sftp.renamed", 1),
    ("files.archived", 1),
    ("files.imported_chunk", 1),
    ("files.archived", 2),
    ("files.imported_chunk", 2),
    ("files.imported_chunk", 3),
)
"""Points and passes inside an upload or an import; every day comes by each of them, however often it was killed."""
BUSY = ("journal.before_write", "journal.after_write", "clearing.concluded", "bank.decided")
"""Points of the journal's writes, of the second wait and of the bank's own books: passed all day long."""
RARE = (
    ("files.generated", 1),
    ("bank.drafted", 1),
    ("files.reconciled_chunk", 1),
    ("files.reconciled_chunk", 2),
)
"""Points and passes beside the transfers themselves; every day comes by each of them."""
_BLOCK = 4
_MOST = _BLOCK * len(CARRYING)
_EARLIEST, _LATEST = 6, 120
_POLL_S = 0.02


class PlanError(ValueError):
    """A plan of kills cannot be read, drawn or carried out; the text is for whoever typed it."""


class Target(StrEnum):
    """What can be killed."""

    GATEWAY = "gateway"
    POSTGRES = "postgres"
    BANK = "bank"


class Kill(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One planned kill: `target` dies when `point` is passed for at least the `passing`-th time.

    Where a payment has to be open at that moment and none is, the next pass is taken.
    """

    target: Target
    point: str
    passing: int = 1
    with_open_payment: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """A kill that was done: at which pass, who stood at the point, and how many payments were open.

    `open_payments` is None where nobody counts them; `back_after_s` is how long the target was away.
    """

    kill: Kill
    reporter: Target | None
    passing: int
    open_payments: int | None
    back_after_s: float

    def to_json(self) -> dict[str, object]:
        """Return the strike as figures."""
        return {**asdict(self), "kill": msgspec.to_builtins(self.kill), "back_after_s": round(self.back_after_s, 3)}


class Killable(Protocol):
    """A process of ours that can be killed and started again."""

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        ...

    def kill(self) -> None:
        """End it by SIGKILL."""
        ...

    async def start(self) -> object:
        """Start it and return when it answers."""
        ...


class Server(Protocol):
    """The database server: it is killed by its process id."""

    @property
    def pid(self) -> int | None:
        """Process id of the running server."""
        ...

    async def start(self) -> str:
        """Return when it answers, started by us or by whoever watches it."""
        ...


class Victims(Protocol):
    """The parts of a world."""

    @property
    def gateway(self) -> Killable:
        """The gateway's process."""
        ...

    @property
    def bank(self) -> Killable:
        """The sandbox bank's process."""
        ...

    @property
    def postgres(self) -> Server:
        """The database."""
        ...


def draw_plan(seed: int, count: int) -> tuple[Kill, ...]:
    """Draw `count` kills, at most 32: the same for the same seed.

    Of every four, two fall between the journal's waits, one into an upload or import, one elsewhere; and every four
    hit gateway, database and bank. Raises PlanError for a count that cannot be drawn.
    """
    if not 0 <= count <= _MOST:
        raise PlanError(f"a day has room for 0 to {_MOST} kills, not {count}")
    drawn = draw(f"{seed}/kills")
    blocks = -(-count // _BLOCK)
    carrying = sorted(drawn.sample(CARRYING, blocks), key=CARRYING.index)
    elsewhere = drawn.sample([*((point, _pass(drawn)) for point in (*BUSY, *BUSY)), *RARE], blocks)
    kills: list[Kill] = []
    for place in range(blocks):
        targets = [Target.GATEWAY, Target.POSTGRES, Target.BANK, drawn.choice((Target.GATEWAY, Target.POSTGRES))]
        drawn.shuffle(targets)
        between = [(drawn.choice(BETWEEN_THE_WAITS), _pass(drawn)) for _ in range(2)]
        places = [*between, carrying[place], elsewhere[place]]
        kills += [Kill(target=t, point=p, passing=n) for t, (p, n) in zip(targets, places, strict=True)]
    return tuple(kills[:count])


def _pass(drawn: Draw) -> int:
    return drawn.randint(_EARLIEST, _LATEST)


def read_plan(text: str) -> tuple[Kill, ...]:
    """Read what `--faults` names: `SEED:COUNT` draws a plan, anything else is a JSON file with a list of kills.

    Raises PlanError.
    """
    seed, parted, count = text.partition(":")
    if parted and seed.isdigit() and count.isdigit():
        return draw_plan(int(seed), int(count))
    try:
        return tuple(msgspec.json.decode(Path(text).read_bytes(), type=list[Kill]))
    except OSError as error:
        raise PlanError(f"{text} is neither SEED:COUNT nor a readable file: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise PlanError(f"{text} is not a list of kills: {error}") from error


def show_plan(plan: Sequence[Kill]) -> str:
    """Write a plan as `read_plan` reads it from a file."""
    return json.dumps([msgspec.to_builtins(kill) for kill in plan], indent=1)


class Killer:
    """Carries a plan out on a world.

    `listen` before the world is started, with `socket` in its settings; points passed before `at_work` are not counted.
    One part is down at a time: who comes by a due point meanwhile stands there until everything is up, except the part
    that is just being started.
    """

    def __init__(
        self,
        *,
        socket: Path,
        plan: Sequence[Kill],
        clock: Clock,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.socket = socket
        self.left = list(plan)
        self.strikes: list[Strike] = []
        self.passes: Counter[str] = Counter()
        self._clock = clock
        self._say = say
        self._open_payments: Callable[[], Awaitable[int]] | None = None
        self._after: Callable[[Strike], Awaitable[None]] | None = None
        self._world: Victims | None = None
        self._server: asyncio.Server | None = None
        self._all_up = asyncio.Event()
        self._down: Target | None = None
        self._returning: set[asyncio.Task[None]] = set()
        self._fault: BaseException | None = None

    async def listen(self) -> None:
        """Begin to answer those who report."""
        self._all_up.set()
        self._server = await asyncio.start_unix_server(self._serve, self.socket)

    @asynccontextmanager
    async def at_work(
        self,
        world: Victims,
        *,
        open_payments: Callable[[], Awaitable[int]] | None = None,
        after: Callable[[Strike], Awaitable[None]] | None = None,
    ) -> AsyncIterator[None]:
        """Count passes and kill while the block runs; its end waits until whatever was killed is back.

        `open_payments` counts, `after` looks at the books when the target is back; both must ask nobody who reports
        fault points. Raises PlanError where the plan kills a database that is not this world's own, and what went
        wrong with a kill or a restart.
        """
        if world.postgres.pid is None and any(kill.target is Target.POSTGRES for kill in self.left):
            raise PlanError("the database is not this sandbox's own: leave postgres out of the plan, or --dsn away")
        self._open_payments, self._after = open_payments, after
        self.passes.clear()
        self._world = world
        try:
            yield
        except Exception as error:
            if self._fault is not None:
                raise self._fault from error
            raise
        finally:
            self._world = None
            await asyncio.gather(*self._returning, return_exceptions=True)
        if self._fault is not None:
            raise self._fault

    async def close(self) -> None:
        """Let everybody pass for ever."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                pid, _, point = line.decode().strip().partition(" ")
                await self._passed(int(pid), point)
                writer.write(b"\n")
                await writer.drain()
        except OSError:
            return  # the reporter was killed while it waited
        finally:
            writer.close()

    async def _passed(self, pid: int, point: str) -> None:
        self.passes[point] += 1
        passing = self.passes[point]
        while (kill := self._due(point)) is not None and self._who(pid) is not self._down:
            if self._all_up.is_set():
                await self._strike(kill, self._who(pid), passing)
                return
            await self._all_up.wait()
            if not _lives(pid):
                return

    def _due(self, point: str) -> Kill | None:
        if self._world is None or self._fault is not None:
            return None
        found = (kill for kill in self.left if kill.point == point and kill.passing <= self.passes[point])
        return next(found, None)

    def _who(self, pid: int) -> Target | None:
        """Tell which part reports; a process of an earlier life is None."""
        world = self._world
        pids = {} if world is None else {world.gateway.pid: Target.GATEWAY, world.bank.pid: Target.BANK}
        return pids.get(pid)

    async def _strike(self, kill: Kill, reporter: Target | None, passing: int) -> None:
        world = self._world
        if world is None:
            return
        self._all_up.clear()
        try:
            count = None if self._open_payments is None else await self._open_payments()
            if kill.with_open_payment and count == 0:
                self._all_up.set()
                return
            self.left.remove(kill)
            self._down = kill.target
            back = _down(world, kill.target)
        except Exception as error:  # noqa: BLE001 - the reporter goes on; `at_work` raises it
            self._broken(error)
            return
        self._say(f"killed {kill.target} at {kill.point}, pass {passing}, {count} payments open")
        task = asyncio.create_task(self._return(back, kill, reporter, passing, count))
        self._returning.add(task)
        task.add_done_callback(self._returning.discard)

    async def _return(
        self, back: Awaitable[object], kill: Kill, reporter: Target | None, passing: int, count: int | None
    ) -> None:
        began = self._clock.monotonic()
        try:
            await back
            self._down = None
            strike = Strike(
                kill=kill,
                reporter=reporter,
                passing=passing,
                open_payments=count,
                back_after_s=self._clock.monotonic() - began,
            )
            self.strikes.append(strike)
            if self._after is not None:
                await self._after(strike)
        except Exception as error:  # noqa: BLE001 - `at_work` raises it
            self._broken(error)
        finally:
            self._down = None
            self._all_up.set()

    def _broken(self, error: BaseException) -> None:
        self._fault = self._fault or error
        self._say(f"the killing ends here: {type(error).__name__}: {error}")
        self._all_up.set()


@asynccontextmanager
async def killing(
    plan: Sequence[Kill], *, clock: Clock, say: Callable[[str], None] = lambda _: None
) -> AsyncIterator[Killer]:
    """Answer those who report fault points while the block runs.

    The world is started inside it with `fault_socket=str(killer.socket)`; `killer.at_work(world)` begins the killing.
    """
    with tempfile.TemporaryDirectory(prefix="tillgate-faults-") as folder:
        killer = Killer(socket=Path(folder) / "points", plan=plan, clock=clock, say=say)
        await killer.listen()
        try:
            yield killer
        finally:
            await killer.close()


def _down(world: Victims, target: Target) -> Awaitable[object]:
    """Kill now; what is returned, awaited, brings the target back."""
    match target:
        case Target.GATEWAY:
            world.gateway.kill()
            return world.gateway.start()
        case Target.BANK:
            world.bank.kill()
            return world.bank.start()
        case Target.POSTGRES:
            pid = world.postgres.pid
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
            return _up_again(world.postgres, pid)


async def _up_again(server: Server, killed: int | None) -> None:
    while server.pid == killed:  # noqa: ASYNC110 - a process gives no event
        await asyncio.sleep(_POLL_S)
    await server.start()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
