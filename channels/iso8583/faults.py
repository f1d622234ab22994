"""What can be wrong with a message: one error, with a place and no value."""

from __future__ import annotations

from collections.abc import Mapping


class CodecError(Exception):
    """Bytes are not a message of the dialect, or a message cannot be written in it.

    `field` is the number of the data element (0 = message type, 1 = bitmap), `offset` the first byte of what is wrong,
    counted from the first byte of the message type. `mti`, `bitmap` (present fields) and `read` hold what could be read
    before the fault, for the answer that names it; `read` may hold card data and is never printed.
    """

    def __init__(self, why: str, *, field: int, offset: int = 0) -> None:
        super().__init__(f"field {field}, byte {offset}: {why}")
        self.why = why
        self.field = field
        self.offset = offset
        self.mti: str | None = None
        self.bitmap: tuple[int, ...] | None = None
        self.read: Mapping[int, str | bytes] = {}


class ValueFault(ValueError):  # noqa: N818 - becomes a CodecError once its field and place are known
    """A piece of bytes or a value does not fit its encoding; says why, never what stood there."""
