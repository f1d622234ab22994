"""Templates as tested data: versions, sample before activation, roll back (rows C76-C79)."""

from __future__ import annotations

import json
from uuid import UUID

from channels.filebank import FileBank
from gateway.clearing.files import Activated, FileState, NotActivated
from gateway.clearing.files.templates import trial
from tests.clearing.files.house import CUSTOMER, SEEDS, House, document, line

LANGUAGE = FileBank({"customer": CUSTOMER})
RET = (SEEDS / "ret.json").read_text()
SAMPLE = document("RET", 1, [line(1, "20261122000000000001", 5)])


async def draft(house: House, body: str, sample: bytes, *, kind: str = "ret") -> UUID:
    return await house.office.templates.draft(
        channel_kind="filebank",
        kind=kind,
        body=body,
        sample=sample,
        who="operator:1",
        key=f"{kind}{len(body)}{len(sample)}",
    )


async def activate(house: House, template: UUID) -> Activated | NotActivated:
    return await house.office.templates.activate(
        template, language=LANGUAGE, who="operator:2", key=f"a{house.ids.new()}"
    )


async def active(house: House) -> list[int]:
    rows = await house.pool.fetch(
        "SELECT number FROM file_template WHERE kind = 'ret' AND state = 'active' ORDER BY number"
    )
    return [row["number"] for row in rows]


async def test_a_draft_changes_nothing_until_its_sample_has_passed(house: House) -> None:
    template = await draft(house, RET + "\n", SAMPLE)
    assert await active(house) == [1]
    assert await activate(house, template) == Activated(template)
    assert await active(house) == [2]
    first = await house.pool.fetchval("SELECT id FROM file_template WHERE kind = 'ret' AND number = 1")
    await house.pool.execute("UPDATE file_template SET sample = $2 WHERE id = $1", first, SAMPLE)
    assert await activate(house, first) == Activated(first)  # rolled back
    assert await active(house) == [1]
    trail = await house.pool.fetchval("SELECT count(*) FROM record_edit WHERE who LIKE 'operator:%'")
    assert trail == 3


async def test_what_does_not_pass_is_not_activated_and_says_why(house: House) -> None:
    short = json.loads(RET)
    short["detail"]["fields"][-1]["length"] = 54
    cases = [
        (RET + " ", b"", "only with a sample"),
        (RET + "  ", SAMPLE[:-30], "cut"),
        (json.dumps(short), SAMPLE, "line 2"),
        ("{", SAMPLE, ""),
    ]
    for body, sample, why in cases:
        outcome = await activate(house, await draft(house, body, sample))
        assert isinstance(outcome, NotActivated)
        assert why in outcome.why
    assert isinstance(await activate(house, house.ids.new()), NotActivated)
    assert await active(house) == [1]


async def test_the_same_key_gives_the_same_draft(house: House) -> None:
    assert await draft(house, RET + "\n", SAMPLE) == await draft(house, RET + "\n", SAMPLE)
    assert await house.pool.fetchval("SELECT count(*) FROM file_template WHERE kind = 'ret'") == 2


async def test_a_mended_template_is_used_by_the_next_file_and_by_a_released_one(house: House) -> None:
    await house.pool.execute("UPDATE file_template SET state = 'retired' WHERE kind = 'acq'")
    house.answer("ACQ", 1, line(1, "20261122000000000001", 5, business="ACQUIRING", kind="P"))
    (file,) = await house.fetch()
    assert (file.state, file.reason) == (FileState.QUARANTINED, "there is no active template for files of kind acq")
    await activate(house, await draft(house, RET, SAMPLE, kind="acq"))
    await house.office.imports.release(file.id, who="operator")
    await house.run()
    assert (await house.file(file.id)).state is FileState.DONE


async def test_seeding_again_leaves_what_is_there(house: House) -> None:
    await house.office.templates.seed(
        channel_kind="filebank", bodies={"ret": RET + " ", "new": RET}, samples={}, language=LANGUAGE
    )
    rows = await house.pool.fetch("SELECT kind, count(*) AS n FROM file_template GROUP BY kind ORDER BY kind")
    assert [(row["kind"], row["n"]) for row in rows] == [("acq", 1), ("new", 1), ("pay", 1), ("rej", 1), ("ret", 1)]


def test_a_payment_template_is_tried_by_writing(house: House) -> None:
    pay = (SEEDS / "pay.json").read_text()
    assert trial(LANGUAGE, "pay", pay, b"") is None
    assert trial(LANGUAGE, "pay", pay, b"something else") == "what it writes is not the sample"
    assert trial(LANGUAGE, "pay", RET, b"") is not None
