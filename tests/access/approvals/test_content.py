"""Lines of an edit come back from a proposal's content as they went in, whatever their columns hold."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.approvals import pack, unpack
from gateway.access.approvals.content import digest_of
from gateway.kernel.postgres.edit import Add, Alter, Editable

KINDS = {
    "id": ("uuid", st.uuids()),
    "name": ("text", st.text()),
    "count": ("bigint", st.integers(-(2**63), 2**63 - 1)),
    "ratio": ("numeric", st.decimals(allow_nan=False, allow_infinity=False, places=6)),
    "at": ("timestamptz", st.datetimes(timezones=st.just(UTC))),
    "day": ("date", st.dates()),
    "sealed": ("bytea", st.binary()),
    "facts": ("jsonb", st.dictionaries(st.text(), st.integers(-(2**53), 2**53))),
    "names": ("text[]", st.lists(st.text())),
    "is_on": ("boolean", st.booleans()),
}
TABLE = Editable(name="parcel", columns={name: kind for name, (kind, _) in KINDS.items()})
ROWS = st.fixed_dictionaries(
    {"id": st.uuids()}, optional={name: values | st.none() for name, (_, values) in KINDS.items() if name != "id"}
)


@given(ROWS, ROWS, st.integers(1, 2**31 - 1))
def test_lines_come_back_as_they_were(added, altered, version):
    lines = (Add(TABLE, added), Alter(TABLE, altered.pop("id"), version, altered))
    stored = msgspec.json.decode(msgspec.json.encode(pack(lines)))
    assert unpack(stored, {"parcel": TABLE}) == lines


def test_the_digest_covers_everything_that_is_approved():
    said: dict[str, Any] = {
        "kind": "party.name",
        "subject": UUID(int=1),
        "subject_version": 3,
        "party": UUID(int=2),
        "content": {"lines": [1]},
        "shown": [{}, {"name": "New"}, None, ""],
    }
    others: list[dict[str, Any]] = [
        {"kind": "party.code"},
        {"subject": UUID(int=3)},
        {"subject_version": 4},
        {"party": UUID(int=4)},
        {"content": {"lines": [2]}},
        {"shown": [{}, {"name": "Old"}, None, ""]},
    ]
    digests = {digest_of(**said), *(digest_of(**{**said, **other}) for other in others)}
    assert len(digests) == 7
    assert digest_of(**said) == digest_of(**{**said, "shown": [{}, {"name": "New"}, None, ""]})


def test_the_order_of_names_is_no_part_of_it():
    one = digest_of(
        kind="k", subject=UUID(int=1), subject_version=1, party=UUID(int=2), content={"a": 1, "b": 2}, shown=[]
    )
    other = digest_of(
        kind="k", subject=UUID(int=1), subject_version=1, party=UUID(int=2), content={"b": 2, "a": 1}, shown=[]
    )
    assert one == other


def test_a_line_of_another_table_is_not_read():
    content = pack([Add(TABLE, {"id": UUID(int=1), "at": datetime(2026, 1, 1, tzinfo=UTC), "day": date(2026, 1, 1)})])
    assert unpack(content, {"parcel": TABLE})[0].row["day"] == date(2026, 1, 1)
    with pytest.raises(KeyError):
        unpack(content, {})
