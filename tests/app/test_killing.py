"""Plans of kills, and the killer at work on processes that report their fault points."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.app.killing import (
    BETWEEN_THE_WAITS,
    CARRYING,
    Kill,
    Killer,
    Target,
    draw_plan,
    killing,
    read_plan,
    show_plan,
)
from gateway.kernel.clock import SystemClock

PASSES = """
import sys
from pathlib import Path
from gateway.kernel.faults import ReportedFaults
faults, done = ReportedFaults(sys.argv[1]), Path(sys.argv[2])
for place in range(int(sys.argv[3])):
    faults.at("some.point")
    done.write_text(str(place + 1))
"""


@given(seed=st.integers(0, 10**9), count=st.integers(0, 32))
def test_the_same_seed_gives_the_same_plan(seed: int, count: int) -> None:
    plan = draw_plan(seed, count)
    assert plan == draw_plan(seed, count)
    assert len(plan) == count
    carrying = [(kill.point, kill.passing) for kill in plan if (kill.point, kill.passing) in CARRYING]
    assert len(carrying) == len(set(carrying)), "a place of an upload or import is killed once"


@given(seed=st.integers(0, 10**9))
def test_twenty_kills_are_as_many_of_each_kind_as_promised(seed: int) -> None:
    plan = draw_plan(seed, 20)
    assert sum(kill.point in BETWEEN_THE_WAITS for kill in plan) >= 5
    assert sum((kill.point, kill.passing) in CARRYING for kill in plan) == 5
    targets = Counter(kill.target for kill in plan)
    assert min(targets[target] for target in Target) >= 5


def test_two_seeds_give_two_plans() -> None:
    assert draw_plan(1, 20) != draw_plan(2, 20)


@pytest.mark.parametrize("count", [-1, 33])
def test_a_day_has_room_for_so_many(count: int) -> None:
    with pytest.raises(ValueError, match="0 to 32 kills"):
        draw_plan(1, count)


def test_a_plan_is_read_as_it_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text(show_plan(draw_plan(7, 6)))
    assert read_plan(str(file)) == draw_plan(7, 6) == read_plan("7:6")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("nonsense", "is not a list of kills"),
        ('[{"target": "moon", "point": "files.archived"}]', "moon"),
        ('[{"target": "bank", "point": "files.archived", "passes": 1}]', "passes"),
    ],
)
def test_a_plan_that_cannot_be_read_says_why(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "plan.json"
    file.write_text(content)
    with pytest.raises(ValueError, match=words):
        read_plan(str(file))


def test_no_such_plan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="neither SEED:COUNT nor a readable file"):
        read_plan(str(tmp_path / "none"))


class _Part:
    """A process that passes a point some times and is started anew after each kill."""

    def __init__(self, socket: Path, done: Path, passes: int) -> None:
        self._command = [sys.executable, "-c", PASSES, str(socket), str(done), str(passes)]
        self.starts: list[int] = []
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return None if self.process is None or self.process.poll() is not None else self.process.pid

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    async def start(self) -> str:
        self.process = subprocess.Popen(self._command)  # noqa: ASYNC220 - killed and waited for as World's parts are
        self.starts.append(self.process.pid)
        return "up"

    async def ended(self) -> int:
        """Wait until it has ended by itself."""
        assert self.process is not None
        while True:
            process = self.process
            code = await asyncio.to_thread(process.wait, 30)
            if code != -signal.SIGKILL:
                return code
            while self.process is process:  # noqa: ASYNC110 - the killer starts it again without a word
                await asyncio.sleep(0.01)


class _World:
    def __init__(self, gateway: _Part, bank: _Part) -> None:
        self.gateway = gateway
        self.bank = bank
        self.postgres = bank


@pytest.fixture
def short_folder():
    """A folder whose name leaves room for a socket's in the 107 bytes there are."""
    with tempfile.TemporaryDirectory(prefix="tg-kill-") as folder:
        yield Path(folder)


@pytest.fixture
async def world(short_folder: Path):
    gateway = _Part(short_folder / "faults", short_folder / "gateway", 5)
    bank = _Part(short_folder / "faults", short_folder / "bank", 0)
    made = _World(gateway, bank)
    yield made
    for part in (gateway, bank):
        if part.pid is not None:
            part.kill()


async def _killed(world: _World, folder: Path, *plan: Kill, open_payments: list[int]) -> Killer:
    """Run the world to its end under a plan; payments are open as listed, look by look."""
    killer = Killer(socket=folder / "faults", plan=plan, clock=SystemClock())

    async def counted() -> int:
        return open_payments.pop(0) if len(open_payments) > 1 else open_payments[0]

    await killer.listen()
    await world.bank.start()
    async with killer.at_work(world, open_payments=counted):
        await world.gateway.start()
        await world.gateway.ended()
    await killer.close()
    return killer


async def test_the_reporter_dies_at_the_very_pass(world: _World, short_folder: Path) -> None:
    kill = Kill(target=Target.GATEWAY, point="some.point", passing=3)
    killer = await _killed(world, short_folder, kill, open_payments=[2])
    (strike,) = killer.strikes
    assert (strike.kill, strike.reporter, strike.passing, strike.open_payments) == (kill, Target.GATEWAY, 3, 2)
    assert len(world.gateway.starts) == 2
    assert killer.passes["some.point"] == 3 + 5, "the third pass was its last, then it began anew"
    assert killer.left == []


async def test_somebody_else_dies_and_the_reporter_goes_on(world: _World, short_folder: Path) -> None:
    kill = Kill(target=Target.BANK, point="some.point")
    killer = await _killed(world, short_folder, kill, open_payments=[1])
    assert killer.strikes[0].reporter is Target.GATEWAY
    assert (len(world.gateway.starts), len(world.bank.starts)) == (1, 2)
    assert (short_folder / "gateway").read_text() == "5"


async def test_nobody_dies_while_no_payment_is_open(world: _World, short_folder: Path) -> None:
    kill = Kill(target=Target.GATEWAY, point="some.point", passing=2)
    killer = await _killed(world, short_folder, kill, open_payments=[0, 0, 1])
    assert killer.strikes[0].passing == 4


async def test_a_part_that_does_not_come_back_is_told(world: _World, short_folder: Path, monkeypatch) -> None:
    async def refused() -> str:
        raise OSError("no room")

    monkeypatch.setattr(world.bank, "start", refused)
    monkeypatch.setattr(world.bank, "kill", lambda: None)
    killer = Killer(socket=short_folder / "faults", plan=[_kill_bank()], clock=SystemClock())
    await killer.listen()
    with pytest.raises(OSError, match="no room"):
        await _run(killer, world)
    await killer.close()


async def _run(killer: Killer, world: _World) -> None:
    async with killer.at_work(world):
        await world.gateway.start()
        assert await world.gateway.ended() == 0


def _kill_bank() -> Kill:
    return Kill(target=Target.BANK, point="some.point")


async def test_a_database_of_somebody_else_is_not_killed(world: _World, short_folder: Path) -> None:
    kill = Kill(target=Target.POSTGRES, point="some.point")
    async with killing([kill], clock=SystemClock()) as killer:
        with pytest.raises(ValueError, match="leave postgres out of the plan"):
            async with killer.at_work(world):
                pass
    assert not killer.socket.exists()
