"""What the door asks about parameters and dictionaries (rows P59-P61, A90, P7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from gateway.access.approvals import Proposal
from gateway.api.ports import Step, Submission, Taken
from gateway.journal.model import Refused
from gateway.kernel.configuration import ErrorText, Parameter, Value, Word
from gateway.parties import Scope

AnyParameter = Parameter[int] | Parameter[bool] | Parameter[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A parameter as it stands for everybody (`party` None) or for one party; `source` says whose value it is."""

    parameter: AnyParameter
    party: UUID | None
    value: Value
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A setting after a command; `proposal` where a second person has to approve it first."""

    setting: Setting
    proposal: Proposal | None = None


class ConfigurationDesk(Protocol):
    """Parameters, the error dictionary and the business dictionaries."""

    async def settings(self, sees: Scope, *, party: UUID | None) -> Sequence[Setting] | None:
        """List all parameters as they stand; None where the caller does not see the party."""
        ...

    async def history(self, sees: Scope, *, code: str, party: UUID | None) -> Sequence[Step] | None:
        """Return who set a parameter, when, why, from what to what; None where it cannot be seen."""
        ...

    async def set(
        self, order: Submission, *, code: str, party: UUID | None, value: Value | None, why: str
    ) -> Taken[Changed] | Refused:
        """Set a parameter (None: back to what holds without it), or propose it where it is sensitive."""
        ...

    async def error_texts(self, *, channel: str | None) -> Sequence[ErrorText]:
        """List the error dictionary."""
        ...

    async def error_text(self, entry: UUID) -> tuple[ErrorText, Sequence[Step]] | None:
        """Read one entry with its history."""
        ...

    async def add_error_text(
        self, order: Submission, facts: Mapping[str, object], *, why: str
    ) -> Taken[ErrorText] | Refused:
        """Add an entry."""
        ...

    async def edit_error_text(
        self, order: Submission, entry: UUID, facts: Mapping[str, object], *, why: str
    ) -> Taken[ErrorText] | Refused:
        """Edit an entry."""
        ...

    async def delete_error_text(self, order: Submission, entry: UUID, *, why: str) -> Taken[UUID] | Refused:
        """Delete an entry."""
        ...

    async def words(self, *, dictionary: str | None) -> Sequence[Word]:
        """List the words of a dictionary, or of all."""
        ...

    async def word(self, word: UUID) -> tuple[Word, Sequence[Step]] | None:
        """Read one word with its history."""
        ...

    async def add_word(self, order: Submission, facts: Mapping[str, object], *, why: str) -> Taken[Word] | Refused:
        """Add a word."""
        ...

    async def edit_word(
        self, order: Submission, word: UUID, facts: Mapping[str, object], *, why: str
    ) -> Taken[Word] | Refused:
        """Edit a word, or take it into use again."""
        ...

    async def delete_word(self, order: Submission, word: UUID, *, why: str) -> Taken[Word | None] | Refused:
        """Delete a word; one that is used is retired instead and returned."""
        ...
