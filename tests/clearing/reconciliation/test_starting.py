"""Who may start a reconciliation, and that it is finished whatever happens (rows C82-C91)."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.clearing.files import FileSettings, FileState
from gateway.clearing.files.model import FileEvent, FileRecord
from gateway.clearing.files.register import MovedError
from gateway.clearing.returns.model import Batch, BatchEvent, BatchState
from gateway.clearing.returns.states import BATCHES, NotAllowedError, advance
from gateway.journal import Key, Refused
from gateway.kernel.reasons import Reason
from gateway.payments.payout import PayoutState
from gateway.tasks import Finished, Timer
from tests.clearing.files.house import House, line

S, E = BatchState, BatchEvent
CELLS = {
    (S.IMPORTING, E.IMPORT): S.IMPORTED,
    (S.IMPORTED, E.START): S.MATCHING,
    (S.MATCHING, E.BALANCE): S.BALANCED,
    (S.MATCHING, E.DIFFER): S.NOT_BALANCED,
    (S.NOT_BALANCED, E.CLOSE): S.CLOSED,
    (S.BALANCED, E.CLOSE): S.CLOSED,
}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(S, E)))
def test_every_cell_of_a_batch(state: BatchState, event: BatchEvent) -> None:
    assert set(BATCHES) == set(S)
    if (state, event) in CELLS:
        assert advance(state, event) is CELLS[state, event]
    else:
        with pytest.raises(NotAllowedError):
            advance(state, event)


async def by_hand(house: House) -> Batch:
    house.settings = FileSettings(reconcile_at_once=False, lines_per_chunk=3, lines_per_change=3, posts_at_once=2)
    house.open()
    await house.operation("20261122000000000001", 100)
    house.answer("ACQ", 1, line(1, "20261122000000000001", 100, business="ACQUIRING", kind="P"))
    (file,) = await house.fetch()
    assert (await house.file(file.id)).state is FileState.IMPORTED
    return await house.batch_of(file)


async def test_by_hand_with_who_and_when_kept(house: House) -> None:
    batch = await by_hand(house)
    assert (batch.state, batch.started_by) == (BatchState.IMPORTED, "")
    started = await house.office.reconcile(batch.id, who="operator:7")
    assert isinstance(started, Batch)
    assert (started.state, started.started_by, started.started_at) == (
        BatchState.MATCHING,
        "operator:7",
        house.clock.now(),
    )
    await house.run()
    assert (await house.office.batch(batch.id)) is not None
    now = await house.office.batch(batch.id)
    assert now is not None
    assert now.state is BatchState.BALANCED


async def test_a_second_start_is_refused_while_it_runs_and_after(house: House) -> None:
    batch = await by_hand(house)
    starts = await asyncio.gather(*(house.office.reconcile(batch.id, who=f"operator:{n}") for n in range(4)))
    assert sum(isinstance(each, Batch) for each in starts) == 1
    assert {each.reason for each in starts if isinstance(each, Refused)} == {Reason.IN_PROGRESS}
    await house.run()
    again = await house.office.reconcile(batch.id, who="operator")
    assert isinstance(again, Refused)
    assert again.reason is Reason.WRONG_STATE
    unknown = await house.office.reconcile(house.ids.new(), who="operator")
    assert isinstance(unknown, Refused)
    assert unknown.reason is Reason.NOT_FOUND


async def test_a_repeated_start_is_answered_as_the_first_one_was(house: House) -> None:
    batch = await by_hand(house)

    def key(digest: bytes) -> tuple[Key, ...]:
        expires_at = house.clock.now() + timedelta(days=1)
        return (
            Key(
                scope="api",
                name="k1",
                digest=digest,
                digest_version=1,
                subject=batch.id,
                expires_at=expires_at,
                refusal=Reason.KEY_REUSED,
            ),
        )

    assert isinstance(await house.office.reconcile(batch.id, who="operator", keys=key(b"a")), Batch)
    assert isinstance(await house.office.reconcile(batch.id, who="operator", keys=key(b"a")), Batch)
    await house.run()
    again = await house.office.reconcile(batch.id, who="operator", keys=key(b"a"))
    assert isinstance(again, Batch)
    assert again.state is BatchState.BALANCED
    other = await house.office.reconcile(batch.id, who="operator", keys=key(b"b"))
    assert isinstance(other, Refused)
    assert other.reason is Reason.KEY_REUSED


async def test_an_earlier_start_than_the_import_is_refused(house: House) -> None:
    house.faults.plan = {"files.imported_chunk": 1}
    numbers = [f"2026112200000{number:07d}" for number in range(1, 6)]
    house.answer("ACQ", 1, *(line(n, number, 5, business="ACQUIRING", kind="P") for n, number in enumerate(numbers, 1)))
    await house.office.fetch(house.channel, who="operator")
    await house.fate()
    (batch,) = await house.office.list_batches()
    assert batch.state is BatchState.IMPORTING
    early = await house.office.reconcile(batch.id, who="operator")
    assert isinstance(early, Refused)
    assert (early.reason, early.detail) == (Reason.WRONG_STATE, "the batch is not imported yet")


async def test_a_balanced_batch_is_closed_by_a_person_and_another_is_not(house: House) -> None:
    batch = await by_hand(house)
    assert isinstance(await house.office.reconciliations.close(batch.id, who="operator"), Refused)
    await house.office.reconcile(batch.id, who="operator")
    await house.run()
    closed = await house.office.reconciliations.close(batch.id, who="operator")
    assert isinstance(closed, Batch)
    assert closed.state is BatchState.CLOSED


@pytest.mark.parametrize("turn", [1, 2, 3, 4])
async def test_killed_at_any_chunk_it_is_finished_once_after_a_restart(house: House, turn: int) -> None:
    agent = await house.agent("X", has=10_000_00)
    card = await house.card(agent)
    payouts = [await house.withdraw(agent, 100_00, card) for _ in range(4)]
    await house.send()
    lines = [line(place, await house.number(each), 100_00) for place, each in enumerate(payouts[:3], 1)]
    strangers = [line(place, f"2026112100000{place:07d}", 5_00) for place in range(4, 9)]
    house.answer("RET", 1, *lines, *strangers)
    house.faults.plan = {"files.reconciled_chunk": turn}
    bank = await house.balance(house.bank)
    await house.office.fetch(house.channel, who="operator")
    await house.fate()
    assert not house.faults.plan
    await house.restart()
    await house.run()
    (batch,) = await house.office.list_batches()
    sums = (batch.own_count, batch.matched, batch.unknown, batch.missing, batch.state)
    assert sums == (4, 3, 5, 1, BatchState.NOT_BALANCED)
    assert await house.balance(house.bank) == bank - 325_00
    assert await house.balance(house.suspense("unknown")) == 25_00
    states = [(await house.payout(each)).state for each in payouts]
    assert states == [PayoutState.SUCCESS] * 3 + [PayoutState.UNKNOWN]
    assert await house.trial() == 0


async def test_two_workers_on_one_batch_post_it_once(house: House) -> None:
    batch = await by_hand(house)
    for number in range(2, 20):
        await house.operation(f"2026112100000{number:07d}", 100)
    await house.office.reconcile(batch.id, who="operator")
    timer = (await house.pool.fetch("SELECT * FROM timer WHERE kind = 'clearing.reconcile'"))[0]
    assert timer["subject"] == batch.id
    other = house.office
    house.open()
    due = [_timer(batch), _timer(batch)]
    await asyncio.gather(
        other.reconciliations.handle(due[0]), house.office.reconciliations.handle(due[1]), return_exceptions=True
    )
    await house.run()
    now = await house.office.batch(batch.id)
    assert now is not None
    assert (now.matched, now.missing, now.state) == (1, 18, BatchState.NOT_BALANCED)
    assert await house.balance(house.bank) == 100
    assert len(await house.office.differences(batch.id, limit=100)) == 18


async def test_two_batches_that_end_at_the_same_moment_finish_their_file_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both find that the file is all that is left to move; whoever comes second finds it moved, and that is well."""
    batch = await by_hand(house)
    await house.office.reconcile(batch.id, who="operator")
    reconciliations, register, met = house.office.reconciliations, house.office.reconciliations._register, []
    move, both = register.move, asyncio.Event()

    async def at_the_same_moment(file: FileRecord, event: FileEvent, **fields: Any) -> FileRecord:
        met.append(event)
        if len(met) == 2:
            both.set()
        await both.wait()
        return await move(file, event, **fields)

    monkeypatch.setattr(register, "move", at_the_same_moment)
    await reconciliations._run(await reconciliations._batch(batch.id), house.clock.monotonic() + 60)
    ended = await asyncio.gather(*(reconciliations.handle(_timer(batch)) for _ in range(2)))
    assert ended == [Finished(), Finished()]
    assert met == [FileEvent.FINISH] * 2
    assert (await house.file(batch.file_id)).state is FileState.DONE
    assert (await house.states("file", batch.file_id)).count("done") == 1


async def test_a_file_that_was_only_noted_meanwhile_is_finished_by_the_next_turn(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = await by_hand(house)
    await house.office.reconcile(batch.id, who="operator")
    reconciliations, register = house.office.reconciliations, house.office.reconciliations._register
    move = register.move

    async def after_a_note(file: FileRecord, event: FileEvent, **fields: Any) -> FileRecord:
        monkeypatch.undo()
        await register.note(file, {"modified_at": house.clock.now()}, why="listed again with another time")
        return await move(file, event, **fields)

    monkeypatch.setattr(register, "move", after_a_note)
    with pytest.raises(MovedError):
        await reconciliations.handle(_timer(batch))
    assert await reconciliations.handle(_timer(batch)) == Finished()
    assert (await house.file(batch.file_id)).state is FileState.DONE


def _timer(batch: Batch) -> Timer:
    return Timer(
        kind="clearing.reconcile", subject=batch.id, due_at=datetime(2026, 11, 22, tzinfo=UTC), tries=1, fence=1
    )
