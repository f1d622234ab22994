"""`tillgate task`: worked example 8 with a real kill, takeover between two workers, and what the verbs show."""

from __future__ import annotations

import asyncio
from typing import Any

from gateway.kernel.clock import SystemClock
from tests.plugins.remote_source import LEASE_S, Command, Points, Pulling, Remote, expected_shares

PULL = ("transactions.pull", "--param", "source=remote", "--json")
_CHUNK = ("number", "rows_read", "stored", "skipped", "failed")


def chunks_of(shown: dict[str, Any], run: int) -> list[tuple[int, ...]]:
    return [tuple(chunk[name] for name in _CHUNK) for chunk in shown["chunks"] if chunk["run"] == run]


def killable(points: Points, point: str, passing: int) -> dict[str, str]:
    points.point, points.passing = point, passing
    return {"TILLGATE_SANDBOX__ENABLED": "true", "TILLGATE_SANDBOX__FAULT_SOCKET": points.path}


async def shown(cli: Command, task: str) -> dict[str, Any]:
    found: dict[str, Any] = (await cli("task", "show", task, "--json")).json
    return found


async def until_shown(cli: Command, task: str, state: str, *, within_s: float) -> dict[str, Any]:
    clock = SystemClock()
    ends = clock.monotonic() + within_s
    while (found := await shown(cli, task))["task"]["state"] != state:
        assert clock.monotonic() < ends, f"waited {within_s} s for {state}: {found['task']}"
    return found


async def test_worked_example_8(cli: Command, pulling: Pulling, remote: Remote, points: Points) -> None:
    """2,500 rows, chunk 1,000, two rules; killed while row 1,400 is worked on, then reset: the same to the fen."""
    plan = remote.tell(count=2500)
    started = await cli("task", "run", *PULL, "--chunk", "1000", "--after-loss", "wait")
    assert (started.code, started.json["state"]) == (0, "waiting"), started.err
    task = started.json["id"]

    # two before the kill: the rules of X and Y, in the first chunk
    worker = cli.begin("task", "work", task, **killable(points, "tasks.row", 1400))
    async with asyncio.timeout(60):
        await points.reached.wait()
    worker.kill()
    worker.wait()

    left = await until_shown(cli, task, "interrupted", within_s=LEASE_S + 30)
    assert (await pulling.rows(), left["task"]["stored"]) == (1000, 1000)
    assert chunks_of(left, 1) == [(1, 1000, 1000, 0, 0)]
    assert [run["figures"]["rule_reads"] for run in left["runs"]] == [2]

    reset = await cli("task", "reset", task, "--work", "--json")
    assert (reset.code, reset.json["state"]) == (0, "done"), reset.err
    done = await shown(cli, task)
    assert chunks_of(done, 2) == [(1, 1000, 0, 1000, 0), (2, 1000, 1000, 0, 0), (3, 500, 500, 0, 0)]
    assert (done["task"]["skipped"], done["task"]["stored"], done["task"]["chunks_total"]) == (1000, 1500, 3)
    assert [run["figures"]["rule_reads"] for run in done["runs"]] == [2, 2], "two reads for each process"
    assert [run["figures"]["rule_hits"] for run in done["runs"]] == [998, 1498]

    shares = expected_shares(plan)
    assert await pulling.rows() == 2500
    assert await pulling.shares() == shares
    totals = done["totals"]
    assert (totals["rows"], totals["profit_entries"], totals["without_rule"]) == (2500, 1250 + 2 * 1250, 0)
    assert totals["profit_minor"] == totals["shared_minor"] == shares.total()


async def test_without_the_kill_the_totals_are_the_same(cli: Command, pulling: Pulling, remote: Remote) -> None:
    plan = remote.tell(count=2500)
    ended = await cli("task", "run", *PULL, "--chunk", "1000", "--work")
    assert (ended.code, ended.json["state"], ended.json["chunks_done"]) == (0, "done", 3), ended.err
    assert (await pulling.rows(), await pulling.shares()) == (2500, expected_shares(plan))


async def test_a_kill_leaves_whole_chunks(cli: Command, pulling: Pulling, remote: Remote, points: Points) -> None:
    plan = remote.tell(count=450)
    worker = cli.begin("task", "run", *PULL, "--chunk", "100", "--work", **killable(points, "tasks.chunk", 3))
    async with asyncio.timeout(60):
        await points.reached.wait()
    worker.kill()
    worker.wait()
    assert await pulling.rows() == 200
    (task,) = (await cli("task", "ls", "--json")).json
    again = await cli("task", "work", task["id"], "--json")
    assert (again.code, again.json["state"], again.json["takeovers"]) == (0, "done", 1), again.err
    assert (await pulling.rows(), await pulling.shares()) == (450, expected_shares(plan))


async def test_of_two_workers_one_is_killed_and_the_other_finishes_within_its_lease(
    cli: Command, pulling: Pulling, remote: Remote, points: Points
) -> None:
    plan = remote.tell(count=1200)
    task = (await cli("task", "run", *PULL, "--chunk", "200")).json["id"]
    first = cli.begin("task", "work", task, "--json", **killable(points, "tasks.row", 500))
    async with asyncio.timeout(60):
        await points.reached.wait()
    second = cli.begin("task", "work", task, "--json")
    assert await pulling.rows() == 400
    first.kill()
    killed = SystemClock().monotonic()
    first.wait()
    ended = await cli.ended(second)
    took = SystemClock().monotonic() - killed
    assert (ended.code, ended.json["state"], ended.json["stored"]) == (0, "done", 1200), ended.err
    assert (ended.json["takeovers"], ended.json["run"]) == (1, 1)
    # the lease, the start of a process, and the rest of the work on a machine that others use too
    assert took < LEASE_S + 30
    assert await pulling.shares() == expected_shares(plan)


async def test_a_row_that_fails_is_located_and_tried_again(cli: Command, pulling: Pulling, remote: Remote) -> None:
    plan = remote.tell(count=50, bad=("T1-00000033",))
    ended = await cli("task", "run", *PULL, "--chunk", "20", "--work")
    assert (ended.code, ended.json["state"], ended.json["failed_row"]) == (1, "failed", "T1-00000033")
    words = (await cli("task", "show", ended.json["id"])).out
    assert "run 1 chunk 2 place 14 row T1-00000033: no transaction: Object missing required field `amount`" in words
    listed = (await cli("task", "ls", "--state", "failed")).out
    assert "chunk 2 row T1-00000033 1 rows failed" in listed
    assert await pulling.rows() == 49
    remote.tell(count=50)
    again = await cli("task", "reset", ended.json["id"], "--work", "--json")
    assert (again.code, again.json["stored"], again.json["skipped"]) == (0, 1, 49)
    assert await pulling.shares() == expected_shares(remote.tell(count=plan.count))


async def test_verbs_say_what_is_wrong(cli: Command, pulling: Pulling) -> None:
    for words, why in (
        (("run", "transactions.pull", "--param", "source=nowhere"), "no active source 'nowhere'"),
        (("run", "transactions.pull", "--param", "source"), "a parameter is name=value"),
        (("run", "no.such"), "no kind of task no.such; there are: transactions.pull"),
        (("show", "tsk_01k2v9m1t2f8va3x7q5n6p4r0c"), "no such task"),
        (("cancel", "tsk_1"), "not an id of kind tsk_"),
    ):
        ended = await cli("task", *words)
        assert (ended.code, why in ended.err) == (1, True), ended.err
    assert await pulling.rows() == 0


async def test_cancelled_it_is_over(cli: Command, pulling: Pulling) -> None:
    task = (await cli("task", "run", *PULL)).json["id"]
    cancelled = await cli("task", "cancel", task, "--why", "wrong source", "--json")
    assert (cancelled.code, cancelled.json["state"]) == (0, "cancelled")
    ended = await cli("task", "work", task, "--json")
    assert (ended.code, ended.json["state"], await pulling.rows()) == (1, "cancelled", 0)
