"""Keys that another journal used: what a journal remembers of its own never answers for what it has not looked up."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.journal import Change, Done, Journal, JournalSettings, Key, Refused, Replayed
from gateway.kernel.reasons import Reason
from tests.journal.conftest import NOW, Desk, MakeJournal

ALONE = JournalSettings(alone_batches=1, careful_batches=1)


def keyed(desk: Desk, *keys: tuple[str, bytes]) -> Change:
    subject = desk.new()
    return desk.change(
        desk.transfer(desk.bank, desk.merchant(), 1),
        keys=tuple(
            Key(
                scope="s",
                name=name,
                digest=digest,
                digest_version=1,
                subject=subject,
                expires_at=NOW + timedelta(days=3650),
            )
            for name, digest in keys
        ),
    )


@pytest.fixture
async def mine(make_journal: MakeJournal, desk: Desk) -> Journal:
    """A journal that has written alone for a while and trusts its memory."""
    journal = await make_journal(settings=ALONE)
    await _alone(journal, desk)
    return journal


async def _alone(journal: Journal, desk: Desk) -> None:
    for _ in range(20):
        assert isinstance(await journal.post(desk.paid_in(desk.merchant(), 1)), Done)


async def test_of_two_keys_the_first_is_answered_for(mine: Journal, make_journal: MakeJournal, desk: Desk) -> None:
    other = await make_journal(settings=ALONE)
    assert isinstance(await other.post(keyed(desk, ("a", b"1"))), Done)
    assert isinstance(await mine.post(keyed(desk, ("b", b"1"))), Done)
    await _alone(mine, desk)
    refused = await mine.post(keyed(desk, ("a", b"other"), ("b", b"1")))
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.REFERENCE_REUSED


async def test_a_repeat_of_what_another_wrote_gets_its_first_answer_before_any_refusal(
    mine: Journal, make_journal: MakeJournal, desk: Desk
) -> None:
    other = await make_journal(settings=ALONE)
    first = keyed(desk, ("c", b"1"))
    assert isinstance(await other.post(first), Done)
    await _alone(mine, desk)
    poor = desk.merchant()
    wish = desk.change(desk.transfer(poor, desk.bank, 5, wish=True), keys=first.keys)
    again = await mine.post(wish)
    assert isinstance(again, Replayed)
    assert again.subject == first.keys[0].subject
