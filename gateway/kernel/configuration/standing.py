"""The configuration in memory, followed by its generation: no reader asks the database, none is later than a poll."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from gateway.kernel.configuration.dictionaries import ANY_CHANNEL, ErrorText, Word
from gateway.kernel.configuration.parameters import BadValueError, Catalogue, Parameter, V, Value

_LOG = structlog.get_logger(__name__)

Place = tuple[str, UUID | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read: values that were set, by (code, party), and both dictionaries' active entries, of a generation."""

    generation: int
    values: Mapping[Place, Value] = field(default_factory=dict)
    errors: Sequence[ErrorText] = ()
    words: Sequence[Word] = ()


class Configuration:
    """Values and texts as they stand; `read` loads everything, `generation_of` tells the generation that holds now."""

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        read: Callable[[], Awaitable[Reading]],
        generation_of: Callable[[], Awaitable[int]],
    ) -> None:
        self.catalogue = catalogue
        self._read = read
        self._generation_of = generation_of
        self._generation = -1
        self._values: dict[Place, Value] = {}
        self._errors: dict[tuple[str, str], ErrorText] = {}
        self._words: dict[tuple[str, str], Word] = {}

    async def refresh(self) -> None:
        """Read everything again where something has changed."""
        if await self._generation_of() != self._generation:
            self.take(await self._read())

    def take(self, reading: Reading) -> None:
        """Use `reading` from now on; a stored value that the code does not allow any more is not used, and said so."""
        self._values = {place: value for place, value in reading.values.items() if self._is_allowed(place, value)}
        self._errors = {(entry.channel, entry.code): entry for entry in reading.errors}
        self._words = {(word.dictionary, word.code): word for word in reading.words}
        self._generation = reading.generation

    def value(self, parameter: Parameter[V], party: UUID | None = None) -> V:
        """Return what holds for `party`: its own value, else the system's, else the default."""
        own = self._values.get((parameter.code, party)) if parameter.by_party and party is not None else None
        return self._of_system(parameter) if own is None else parameter.checked(own)

    def error_text(self, channel: str, code: str) -> ErrorText | None:
        """Return what people are told for a channel's code, None where the dictionary does not know it."""
        return self._errors.get((channel, code)) or self._errors.get((ANY_CHANNEL, code))

    def told(self, channel: str, code: str) -> str:
        """Return the Chinese words for a channel's code, empty where the dictionary does not know it."""
        entry = self.error_text(channel, code)
        return "" if entry is None else entry.text_zh

    def word(self, dictionary: str, code: str) -> Word | None:
        """Return an active word of a business dictionary."""
        return self._words.get((dictionary, code))

    def _of_system(self, parameter: Parameter[V]) -> V:
        found = self._values.get((parameter.code, None))
        return parameter.default if found is None else parameter.checked(found)

    def _is_allowed(self, place: Place, value: Value) -> bool:
        parameter = self.catalogue.find(place[0])
        if parameter is None:
            return False
        try:
            parameter.checked(value)
        except BadValueError as fault:
            _LOG.warning("a stored value is not allowed and not used", parameter=place[0], why=str(fault))
            return False
        return True
