"""Data that comes with the code: migrations and configuration."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def data_path(name: str) -> Path:
    """Return where `name` (`migrations`, `config/seeds`) lies: in the installed package, else in the checkout."""
    packed = _PACKAGE / "_data" / name
    return packed if packed.exists() else _PACKAGE.parent / name
