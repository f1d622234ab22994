from __future__ import annotations

import tomllib

import pytest
from packaging.requirements import Requirement

from tests.tidy.locks import Lock, unpinned, wanted
from tests.tidy.source import CHECKOUT

PROJECT = CHECKOUT / "pyproject.toml"
HASH = "    --hash=sha256:" + "0" * 64
LOCK = (
    f"aiohttp==3.14.5 \\\n{HASH}\nuvloop==0.23.0 ; sys_platform != 'win32' \\\n{HASH} \\\n{HASH}\n    # via tillgate\n"
)


@pytest.mark.parametrize(
    ("file", "extras"),
    [("requirements.lock", ["build"]), ("requirements-test.lock", ["build", "hsm", "test"])],
)
def test_a_lock_pins_every_dependency_with_its_hashes(file: str, extras: list[str]) -> None:
    lock = Lock.read((CHECKOUT / file).read_text("utf-8"))
    assert list(unpinned(lock, wanted(PROJECT, *extras))) == [], "run: make lock"
    assert lock.bare == ()


def test_the_tests_run_on_what_is_shipped() -> None:
    shipped, tested = (Lock.read((CHECKOUT / f"requirements{kind}.lock").read_text("utf-8")) for kind in ("", "-test"))
    assert {name: pins for name, pins in tested.pins.items() if name in shipped.pins} == shipped.pins


def test_the_build_backend_is_in_the_lock() -> None:
    needed = tomllib.loads(PROJECT.read_text("utf-8"))["build-system"]["requires"]
    lock = Lock.read((CHECKOUT / "requirements.lock").read_text("utf-8"))
    assert list(unpinned(lock, [Requirement(text) for text in needed])) == []


def test_pins_and_markers_are_read() -> None:
    lock = Lock.read(LOCK)
    assert lock.pins == {"aiohttp": {"3.14.5"}, "uvloop": {"0.23.0"}}
    assert lock.bare == ()


@pytest.mark.parametrize("requirement", ["lxml>=6", "aiohttp==3.14.6", "uvloop>=1"])
def test_a_dependency_the_lock_lacks_is_caught(requirement: str) -> None:
    assert len(list(unpinned(Lock.read(LOCK), [Requirement(requirement)]))) == 1


def test_a_pin_without_a_hash_is_caught() -> None:
    assert Lock.read(f"one==1\ntwo==2 \\\n{HASH}\n").bare == ("one",)
