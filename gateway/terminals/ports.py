"""What the terminal door needs from the rooms below: who a terminal is, the books, and the road of a payment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from uuid import UUID

from gateway.payments.model import AcquiringAnswer, AcquiringRecord


class Terminal(Protocol):
    """A terminal as it is registered. The keys are TR-31 block texts under the key store's master key.

    Until a terminal's first message under newer keys it may still use the previous ones, which it works with, and those
    of the last sign-in but one, which were offered to it and never used. `state` is active or locked; `batch_state`
    open or closed; `batch_no` six digits. `settings` may hold `settlement_mac` (default true): whether 0500 and 0320
    carry a MAC.
    """

    @property
    def id(self) -> UUID: ...  # noqa: D102 - the class says what each is

    @property
    def number(self) -> str: ...  # noqa: D102

    @property
    def merchant_id(self) -> UUID: ...  # noqa: D102

    @property
    def dialect(self) -> str: ...  # noqa: D102

    @property
    def state(self) -> str: ...  # noqa: D102

    @property
    def tmk(self) -> str | None: ...  # noqa: D102

    @property
    def mac_key(self) -> str | None: ...  # noqa: D102

    @property
    def pin_key(self) -> str | None: ...  # noqa: D102

    @property
    def previous_mac_key(self) -> str | None: ...  # noqa: D102

    @property
    def previous_pin_key(self) -> str | None: ...  # noqa: D102

    @property
    def offered_mac_key(self) -> str | None: ...  # noqa: D102

    @property
    def offered_pin_key(self) -> str | None: ...  # noqa: D102

    @property
    def batch_no(self) -> str: ...  # noqa: D102

    @property
    def batch_state(self) -> str: ...  # noqa: D102

    @property
    def settings(self) -> Mapping[str, object]: ...  # noqa: D102

    @property
    def version(self) -> int: ...  # noqa: D102


class Merchant(Protocol):
    """A merchant as it is registered: `number` is field 42, `state` draft, review, open, suspended or closed."""

    @property
    def id(self) -> UUID: ...  # noqa: D102 - the class says what each is

    @property
    def number(self) -> str: ...  # noqa: D102

    @property
    def state(self) -> str: ...  # noqa: D102


class TerminalFacts(Protocol):
    """Registered terminals and merchants, from memory where it is fresh enough."""

    async def terminal(self, number: str) -> Terminal | None:
        """Return the terminal numbered `number`."""
        ...

    async def fresh_terminal(self, number: str) -> Terminal | None:
        """Return the terminal as the books have it now: another process may have moved it."""
        ...

    async def merchant(self, number: str) -> Merchant | None:
        """Return the merchant numbered `number`."""
        ...


class Carry(Protocol):
    """The one road of a payment (`clearing.carry`)."""

    async def carry(self, record: AcquiringRecord) -> AcquiringAnswer | None:
        """Take a request to its end, or to the end of its budget; a decline is an answer, not an exception.

        None = nothing may be told, as nothing that could be is sure.
        """
        ...
