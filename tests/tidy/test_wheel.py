from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.tidy.source import CHECKOUT, PACKAGES


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What is in the wheel, built from this tree with nothing but what the lock has."""
    folder: Path = tmp_path_factory.mktemp("dist")
    built = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(built, cwd=CHECKOUT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return set(ZipFile(wheel).namelist())


def test_every_module_is_packed(names: set[str]) -> None:
    modules = {
        path.relative_to(CHECKOUT).as_posix() for package in PACKAGES for path in (CHECKOUT / package).rglob("*.py")
    }
    assert modules <= names


def test_migrations_and_settings_are_packed_as_data(names: set[str]) -> None:
    for folder in ("migrations", "config"):
        files = [path for path in (CHECKOUT / folder).rglob("*") if path.is_file()]
        data = {f"gateway/_data/{path.relative_to(CHECKOUT).as_posix()}" for path in files}
        assert data
        assert data <= names


def test_nothing_else_is_packed(names: set[str]) -> None:
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    assert any(name.endswith("licenses/LICENSE") for name in names)
