from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.directory import DirectoryCarrier
from connectors.ports import CarrierError, FileCarrier, NotUploaded, Uploaded, UploadUnknown
from connectors.sftp import SftpCarrier


def sftp_carrier(server, **other) -> SftpCarrier:
    return SftpCarrier(name="bank", address=server.address, monotonic=time.monotonic, **other)


@pytest.fixture(params=["directory", "sftp"])
async def carrier(request, tmp_path: Path) -> AsyncIterator[tuple[FileCarrier, str]]:
    """Each adapter with the name its folders are reached by: one contract for both."""
    if request.param == "directory":
        (tmp_path / "in").mkdir()
        yield DirectoryCarrier(tmp_path), "in"
        return
    server = request.getfixturevalue("sftp")
    one = sftp_carrier(server)
    yield one, f"{server.root}/in"
    await one.close()


async def fetched(carrier: FileCarrier, folder: str, name: str) -> bytes:
    pieces: list[bytes] = []
    what = await carrier.get(folder, name, pieces.append)
    data = b"".join(pieces)
    assert (what.size, what.sha256) == (len(data), hashlib.sha256(data).digest())
    return data


async def test_a_file_arrives_whole_under_its_name(carrier):
    one, folder = carrier
    data = bytes(range(256)) * 4096
    pieces = [data[start : start + 70_000] for start in range(0, len(data), 70_000)]
    assert await one.put(folder, "PAY1.txt", pieces, len(data)) == Uploaded()
    assert [(file.name, file.size) for file in await one.list(folder)] == [("PAY1.txt", len(data))]
    assert await fetched(one, folder, "PAY1.txt") == data


async def test_the_same_upload_again_changes_nothing(carrier):
    one, folder = carrier
    await one.put(folder, "PAY1.txt", [b"abc"], 3)
    assert await one.put(folder, "PAY1.txt", [b"abc"], 3) == Uploaded(was_there=True)
    assert await fetched(one, folder, "PAY1.txt") == b"abc"


async def test_a_name_that_is_taken_is_never_overwritten(carrier):
    one, folder = carrier
    await one.put(folder, "PAY1.txt", [b"abc"], 3)
    refused = await one.put(folder, "PAY1.txt", [b"other"], 5)
    assert isinstance(refused, NotUploaded)
    assert refused.is_final
    assert await fetched(one, folder, "PAY1.txt") == b"abc"


async def test_a_file_of_the_wrong_size_never_gets_its_name(carrier):
    one, folder = carrier
    assert isinstance(await one.put(folder, "PAY1.txt", [b"abc"], 4), NotUploaded)
    assert list(await one.list(folder)) == []


async def test_an_upload_that_broke_off_is_done_again(carrier):
    one, folder = carrier

    def broken():
        yield b"ab"
        raise OSError(28, "No space left on device")

    assert isinstance(await one.put(folder, "PAY1.txt", broken(), 4), NotUploaded)
    assert list(await one.list(folder)) == []
    assert await one.put(folder, "PAY1.txt", [b"abcd"], 4) == Uploaded()


async def test_what_is_not_there_is_said_clearly(carrier):
    one, folder = carrier
    with pytest.raises(CarrierError, match="nothing"):
        await one.get(folder, "nothing.txt", lambda _: None)
    with pytest.raises(CarrierError, match="listed"):
        await one.list(folder + "/no-such-folder")


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "x.part", "a b", "a\n"])
async def test_names_cannot_leave_the_folder(carrier, name):
    one, folder = carrier
    with pytest.raises(ValueError, match="file name"):
        await one.put(folder, name, [b""], 0)


async def test_a_host_key_that_is_not_the_pinned_one_is_refused(sftp):
    wrong = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ5o0pAqhg3n0z8wC2Wq1m9J7l5l0tYb5q5r3l0m1aB"
    one = SftpCarrier(name="bank", address=replace(sftp.address, host_key=wrong), monotonic=time.monotonic)
    with pytest.raises(CarrierError, match="BadHostKey"):
        await one.list(str(sftp.root / "in"))
    await one.close()


async def test_a_lost_session_is_opened_anew(sftp):
    one = sftp_carrier(sftp)
    folder = str(sftp.root / "in")
    await one.put(folder, "A.txt", [b"a"], 1)
    one._client.get_transport().sock.close()
    cut = await one.put(folder, "B.txt", [b"b"], 1)
    again = cut if isinstance(cut, Uploaded) else await one.put(folder, "B.txt", [b"b"], 1)
    assert isinstance(again, Uploaded)
    assert [file.name for file in await one.list(folder)] == ["A.txt", "B.txt"]
    await one.close()


async def test_a_connection_cut_in_the_middle_leaves_no_file_under_the_final_name(sftp):
    folder, points = str(sftp.root / "in"), []

    def cut(point: str) -> None:
        points.append(point)
        if point == "sftp.uploading":
            one._client.get_transport().sock.close()

    one = sftp_carrier(sftp, at=cut)
    assert isinstance(await one.put(folder, "A.txt", [b"x" * 300_000] * 4, 1_200_000), NotUploaded)
    assert not (sftp.root / "in/A.txt").exists()
    one._at = points.append
    assert await one.put(folder, "A.txt", [b"x" * 300_000] * 4, 1_200_000) == Uploaded()
    assert points == ["sftp.uploading", "sftp.uploading", "sftp.uploaded", "sftp.renamed"]
    await one.close()


async def test_a_rename_whose_answer_was_lost_is_settled_by_looking(sftp, monkeypatch):
    one = sftp_carrier(sftp)
    folder = str(sftp.root / "in")
    await one.list(folder)
    rename = one._sftp.rename

    def lost(old: str, new: str) -> None:
        rename(old, new)
        raise EOFError

    monkeypatch.setattr(one._sftp, "rename", lost)
    assert isinstance(await one.put(folder, "A.txt", [b"abc"], 3), Uploaded)
    assert (sftp.root / "in/A.txt").read_bytes() == b"abc"
    await one.close()


async def put_with_rename(sftp, monkeypatch, rename):
    one = sftp_carrier(sftp)
    folder = str(sftp.root / "in")
    await one.list(folder)
    monkeypatch.setattr(one._sftp, "rename", lambda old, new: rename(Path(old), Path(new)))
    outcome = await one.put(folder, "A.txt", [b"abc"], 3)
    await one.close()
    return outcome


async def test_a_file_that_the_bank_took_away_before_the_rename_was_answered_is_not_sent_again(sftp, monkeypatch):
    def lost(old: Path, new: Path) -> None:
        old.rename(new).unlink()  # the bank is quick
        raise EOFError

    assert isinstance(await put_with_rename(sftp, monkeypatch, lost), UploadUnknown)


async def test_a_rename_that_may_still_be_done_is_unknown(sftp, monkeypatch):
    def silent(_old: Path, _new: Path) -> None:
        raise TimeoutError

    assert isinstance(await put_with_rename(sftp, monkeypatch, silent), UploadUnknown)


async def test_a_rename_that_the_server_refuses_may_be_tried_again(sftp, monkeypatch):
    def refused(_old: Path, _new: Path) -> None:
        raise OSError("Failure")

    outcome = await put_with_rename(sftp, monkeypatch, refused)
    assert isinstance(outcome, NotUploaded)
    assert not outcome.is_final


async def test_a_file_that_has_its_name_has_arrived_whatever_becomes_of_the_temporary_one(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()

    def busy(_path: Path) -> None:
        raise PermissionError("busy")

    monkeypatch.setattr(Path, "unlink", busy)
    assert await DirectoryCarrier(tmp_path).put("in", "A.txt", [b"abc"], 3) == Uploaded()
    assert (tmp_path / "in" / "A.txt").read_bytes() == b"abc"


async def test_a_server_that_is_down_says_so(sftp):
    one = SftpCarrier(name="bank", address=replace(sftp.address, port=1), monotonic=time.monotonic)
    with pytest.raises(CarrierError, match="cannot be listed"):
        await one.list("in")
    assert isinstance(await one.put("in", "A.txt", [b"a"], 1), NotUploaded)
    await one.close()
