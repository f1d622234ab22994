from __future__ import annotations

from tests.clearing.files.house import house

__all__ = ["house"]
