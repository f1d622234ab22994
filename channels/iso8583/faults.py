"""What can be wrong with a message: one error, with a field, a place and a rule, and no value."""

from __future__ import annotations

from collections.abc import Mapping


class CodecError(Exception):
    """Bytes are not a message of the dialect, or a message cannot be written in it.

    `field` is the number of the data element (0 = message type, 1 = bitmap), `offset` the first byte of that element,
    counted from the first byte of the message type. `rule` is the element's format as its row says it ("n12"), `why`
    what broke it, with the place in the value where there is one ("digit expected at 7"). `mti`, `bitmap` (present
    fields) and `read` hold what could be read before the fault, for the answer that names it; `read` may hold card data
    and is never printed.
    """

    def __init__(self, why: str, *, field: int, offset: int = 0, rule: str = "") -> None:
        super().__init__(f"field {field}: {rule}, {why}" if rule else f"field {field}: {why}")
        self.why = why
        self.field = field
        self.offset = offset
        self.rule = rule
        self.mti: str | None = None
        self.bitmap: tuple[int, ...] | None = None
        self.read: Mapping[int, str | bytes] = {}


class ValueFault(ValueError):  # noqa: N818 - becomes a CodecError once its field and place are known
    """A piece of bytes or a value does not fit its encoding; says why, never what stood there."""
