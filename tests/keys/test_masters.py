from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.kernel.randomness import SystemRandomness
from gateway.keys.masters import Masters, masters_from_text, read_or_make_masters
from gateway.keys.port import KeyStoreError

RANDOMNESS = SystemRandomness()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "deep" / "keys"


def test_the_first_start_makes_one_key_that_only_its_owner_reads(folder):
    masters = read_or_make_masters(folder, RANDOMNESS)
    assert masters.newest.number == 1
    assert [path.name for path in folder.iterdir()] == ["master-0001.key"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "master-0001.key").stat().st_mode) == 0o600


def test_a_later_start_finds_the_same_key(folder):
    assert read_or_make_masters(folder, RANDOMNESS).newest == read_or_make_masters(folder, RANDOMNESS).newest


def test_many_first_starts_agree_on_one_key(folder):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: read_or_make_masters(folder, RANDOMNESS).newest.value, range(32)))
    assert len(set(made)) == 1
    assert len(list(folder.iterdir())) == 1


def test_the_newest_key_is_used_and_older_ones_are_kept(folder):
    first = read_or_make_masters(folder, RANDOMNESS).newest
    (folder / "master-0002.key").write_text("22" * 32)
    (folder / "master-0002.key").chmod(0o600)
    assert [key.number for key in read_or_make_masters(folder, RANDOMNESS)] == [2, 1]
    assert list(read_or_make_masters(folder, RANDOMNESS))[1] == first


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_file_that_others_may_reach_is_refused_with_the_cure(folder, mode):
    read_or_make_masters(folder, RANDOMNESS)
    (folder / "master-0001.key").chmod(mode)
    with pytest.raises(KeyStoreError, match="chmod 600"):
        read_or_make_masters(folder, RANDOMNESS)


def test_a_folder_that_others_may_reach_is_refused_with_the_cure(folder):
    read_or_make_masters(folder, RANDOMNESS)
    folder.chmod(0o755)
    with pytest.raises(KeyStoreError, match="chmod 700"):
        read_or_make_masters(folder, RANDOMNESS)


@pytest.mark.parametrize("text", ["", "11" * 31, "zz" * 32, "11" * 33])
def test_a_file_without_a_key_is_refused_without_its_text(folder, text):
    read_or_make_masters(folder, RANDOMNESS)
    (folder / "master-0001.key").write_text(text)
    with pytest.raises(KeyStoreError) as refused:
        read_or_make_masters(folder, RANDOMNESS)
    assert not text or text not in str(refused.value)


def test_keys_from_the_environment():
    masters = masters_from_text(f"1:{'11' * 32}, 2:{'22' * 32}")
    assert [(key.number, key.value[:1]) for key in masters] == [(2, b"\x22"), (1, b"\x11")]


@pytest.mark.parametrize(
    "text", ["", "11" * 32, f"0:{'11' * 32}", f"1:{'11' * 31}", f"1:{'11' * 32},1:{'22' * 32}", "1:"]
)
def test_a_wrong_text_is_refused(text):
    with pytest.raises(KeyStoreError):
        masters_from_text(text)


def test_no_key_at_all_is_refused():
    with pytest.raises(KeyStoreError):
        Masters([])


def test_keys_of_different_purposes_differ_and_nothing_shows_them():
    key = masters_from_text(f"1:{'11' * 32}").newest
    assert key.derived("seal/card") != key.derived("seal/file")
    assert "11" * 8 not in repr(key)
    assert r"\x11" not in repr(key)
