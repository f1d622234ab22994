from __future__ import annotations

import hashlib

import pytest

from gateway.clearing.files import Archive
from gateway.clearing.files.archive import TooLargeError
from gateway.keys import KeyStoreError
from tests.clearing.files.house import House


@pytest.fixture
def archive(house: House) -> Archive:
    return Archive(pool=house.pool, keystore=house.keystore, piece_bytes=10, most_bytes=100)


async def content(archive: Archive, house: House, *pieces: bytes) -> bytes:
    file = house.ids.new()
    await archive.write(file, pieces)
    return b"".join([piece async for piece in archive.read(file)])


@pytest.mark.parametrize(
    "pieces", [(), (b"",), (b"a",), (b"0123456789",), (b"01234567890",), (b"abc",) * 30, (b"x" * 100,)]
)
async def test_what_goes_in_comes_out(archive: Archive, house: House, pieces: tuple[bytes, ...]) -> None:
    assert await content(archive, house, *pieces) == b"".join(pieces)


async def test_nothing_in_the_store_is_in_clear(archive: Archive, house: House) -> None:
    file = house.ids.new()
    writing = await archive.write(file, [b"6222020000000000", b"zhang san"])
    rows = await house.pool.fetch("SELECT sealed FROM file_piece WHERE content_id = $1", file)
    assert len(rows) == 3
    assert not any(part in row["sealed"] for row in rows for part in (b"6222", b"zhang"))
    assert writing.digest == hashlib.sha256(b"6222020000000000zhang san").digest()
    assert await archive.digest(file) == (25, writing.digest)


async def test_a_shorter_second_writing_leaves_nothing_of_the_first(archive: Archive, house: House) -> None:
    file = house.ids.new()
    await archive.write(file, [b"x" * 55])
    await archive.write(file, [b"y" * 12])
    assert b"".join([piece async for piece in archive.read(file)]) == b"y" * 12


async def test_a_piece_of_another_file_or_place_is_noticed(archive: Archive, house: House) -> None:
    file, other = house.ids.new(), house.ids.new()
    await archive.write(file, [b"x" * 25])
    await archive.write(other, [b"y" * 25])
    await house.pool.execute(
        "UPDATE file_piece a SET sealed = b.sealed FROM file_piece b"
        " WHERE a.content_id = $1 AND a.place = 1 AND b.content_id = $2 AND b.place = 1",
        *(file, other),
    )
    with pytest.raises(KeyStoreError):
        await archive.digest(file)
    await archive.write(other, [b"y" * 25])
    await house.pool.execute("UPDATE file_piece SET sealed = set_byte(sealed, 20, 7) WHERE content_id = $1", other)
    with pytest.raises(KeyStoreError):
        await archive.digest(other)


async def test_a_file_beyond_the_largest_is_refused(archive: Archive, house: House) -> None:
    with pytest.raises(TooLargeError):
        await archive.write(house.ids.new(), [b"x" * 101])
