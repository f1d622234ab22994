from __future__ import annotations

import pytest

from gateway.api.ports import BatchFilter, FileFilter
from gateway.kernel.ids import show


@pytest.fixture
def channel(world):
    return show("chn", world.files.kept[0].channel)


async def test_files_are_listed_in_parts(world, send):
    names, cursor = [], ""
    for _ in range(10):
        part = (await send(world.operator.request("GET", f"/v1/files?limit=2{cursor}"))).body
        names += [file["name"] for file in part["files"]]
        if "next" not in part:
            break
        cursor = f"&cursor={part['next']}"
    assert names == [f"ACQ{number}.txt" for number in range(5)]
    assert (await send(world.operator.request("GET", "/v1/files?total=true"))).body["total"] == 5


async def test_filters_combine(world, send, channel):
    path = f"/v1/files?channel={channel}&direction=in&state=done&day=2026-11-22"
    assert (await send(world.operator.request("GET", path))).status == 200
    kept = world.files.kept[0]
    assert world.files.asked == [FileFilter(channel=kept.channel, direction="in", state="done", day=kept.day)]
    await send(world.operator.request("GET", "/v1/batches?business=acquiring&total=true"))
    assert world.files.asked[1] == BatchFilter(business="acquiring")


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=501", "limit=x", "cursor=nonsense", "direction=up", "day=today", "more=1", "limit=1&limit=2"],
)
async def test_a_query_that_cannot_be_read_is_refused(world, send, query):
    refused = await send(world.operator.request("GET", f"/v1/files?{query}"))
    assert (refused.status, refused.body["code"]) == (400, "format")


async def test_a_channel_is_cut_off_and_fetched(world, send, channel):
    listed = await send(world.operator.request("GET", "/v1/channels"))
    assert listed.body == {"channels": [{"id": channel, "code": "demo", "kind": "filebank", "state": "on"}]}
    made = await send(world.operator.request("POST", f"/v1/channels/{channel}/cut-off", key="k1"))
    assert [file["name"] for file in made.body["files"]] == ["ACQ0.txt"]
    fetched = await send(world.operator.request("POST", f"/v1/channels/{channel}/fetch", b"{}", key="k2"))
    assert (fetched.status, fetched.body) == (200, {"files": []})
    other = show("chn", world.files.kept[0].id)
    refused = await send(world.operator.request("POST", f"/v1/channels/{other}/fetch", key="k3"))
    assert (refused.status, refused.body["code"]) == (404, "not_found")


CONTENT = bytes(range(256)) + b"\r\n--\r\n\r\nD1\r\n"


async def test_a_file_is_taken_as_raw_bytes(world, send, channel):
    request = world.operator.request(
        "POST",
        f"/v1/files?channel={channel}&name=ACQ9.txt",
        CONTENT,
        key="k1",
        content_type="application/octet-stream",
    )
    answer = await send(request)
    assert (answer.status, answer.body["name"]) == (200, "ACQ9.txt")
    assert world.files.accepted == [("ACQ9.txt", CONTENT)]


def form(channel: str, *, filename: str = "ACQ9.txt", more: bytes = b"", end: bytes = b"--\r\n") -> bytes:
    return (
        b'--b0undary\r\nContent-Disposition: form-data; name="channel"\r\n\r\n' + channel.encode() + b"\r\n"
        b'--b0undary\r\nContent-Disposition: form-data; name="file"; filename="' + filename.encode() + b'"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n" + CONTENT + b"\r\n" + more + b"--b0undary" + end
    )


FORM = "multipart/form-data; boundary=b0undary"


async def test_a_file_is_taken_as_a_form_byte_for_byte(world, send, channel):
    answer = await send(world.operator.request("POST", "/v1/files", form(channel), key="k1", content_type=FORM))
    assert answer.status == 200
    assert world.files.accepted == [("ACQ9.txt", CONTENT)]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (form("chn_x"), FORM),
        (form("", filename=""), FORM),
        (form("", end=b""), FORM),
        (b"", FORM),
        (b"--b0undary--\r\n", FORM),
        (b"--b0undary\r\nno header--b0undary--", FORM),
        (form("", more=b'--b0undary\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n'), FORM),
        (form("", more=b"--b0undary\r\n\r\n\r\n" * 20), FORM),
        (form(""), "multipart/form-data"),
        (form(""), "multipart/form-data; boundary=" + "x" * 100),
        (b"H", "application/octet-stream"),
        (b"H", "text/plain"),
        (b"H", "nonsense"),
    ],
)
async def test_a_form_that_is_none_is_refused(world, send, body, kind):
    refused = await send(world.operator.request("POST", "/v1/files", body, key="k1", content_type=kind))
    assert (refused.status, refused.body["code"]) == (400, "format")
    assert not world.files.accepted


async def test_a_large_file_is_taken_and_a_too_large_one_not(world, send, channel):
    path = f"/v1/files?channel={channel}&name=A.txt"
    kind = "application/octet-stream"
    taken = await send(world.operator.request("POST", path, b"x" * 100_000, key="k1", content_type=kind))
    assert taken.status == 200
    refused = await send(world.operator.request("POST", path, b"x" * 100_001, key="k2", content_type=kind))
    assert refused.status == 413


async def test_a_batch_is_reconciled_and_its_difference_resolved(world, send):
    batch = (await send(world.operator.request("GET", "/v1/batches"))).body["batches"][0]
    assert (batch["state"], batch["matched"], batch["own_amount"]) == ("imported", 2, {"minor": 310, "unit": "CNY"})
    started = await send(world.operator.request("POST", f"/v1/batches/{batch['id']}/reconcile", key="k1"))
    assert started.body["state"] == "matching"
    found = (await send(world.operator.request("GET", f"/v1/batches/{batch['id']}/differences"))).body["differences"]
    assert [one["kind"] for one in found] == ["amount_differs"]
    body = b'{"how":"bank_is_right","note":"seen on the statement"}'
    resolved = await send(world.operator.request("POST", f"/v1/differences/{found[0]['id']}/resolve", body, key="k2"))
    assert (resolved.body["state"], resolved.body["how"]) == ("resolved", "bank_is_right")
    assert resolved.body["resolved_by"] == "api:operator"


async def test_an_unknown_batch_is_not_there(world, send):
    unknown = show("bat", world.files.kept[1].id)
    for request in (
        world.operator.request("GET", f"/v1/batches/{unknown}/differences"),
        world.operator.request("POST", f"/v1/batches/{unknown}/reconcile", key="k1"),
    ):
        assert (await send(request)).status == 404


async def test_the_open_day_is_closed_by_name(world, send):
    closed = await send(world.operator.request("POST", "/v1/days/close", b'{"day":"2026-11-22"}', key="k1"))
    assert closed.body == {"open_day": "2026-11-23"}
    refused = await send(world.operator.request("POST", "/v1/days/close", b'{"day":"2026-11-22"}', key="k2"))
    assert (refused.status, refused.body["code"]) == (409, "wrong_state")
    assert "2026-11-23" in refused.body["detail"]
