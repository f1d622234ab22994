"""The configuration desk: parameters and dictionaries for the API door and the command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from gateway.access.approvals import Approvals, Draft, pack
from gateway.access.authority import refusal_outside_platform
from gateway.access.writing import Decision, Pen, Written
from gateway.api.configuration_port import AnyParameter, Changed, Setting
from gateway.api.ports import Step, Submission, Taken
from gateway.app.approving import PARAMETER_CHANGE
from gateway.app.desks.trails import edit_steps
from gateway.journal import Refused
from gateway.kernel.configuration import BadValueError, Configuration, ErrorText, Value, Word, edits, store
from gateway.kernel.configuration.store import StoredValue
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.edit import Alter, Remove
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.merchants import store as merchants
from gateway.parties import PLATFORM, Scope
from gateway.parties import store as parties

_CATEGORIES = "mcc"
_STRANGER = Refused(Reason.NOT_FOUND, "no such party")
_NO_ENTRY = Refused(Reason.NOT_FOUND, "no such entry")


class ConfigurationService:
    """Settings and words. What concerns everybody is changed by the platform's own operators only."""

    def __init__(
        self, *, pool: Database, configuration: Configuration, approvals: Approvals, pen: Pen, ids: Ids
    ) -> None:
        self._pool = pool
        self._configuration = configuration
        self._approvals = approvals
        self._ids = ids
        self._pen = pen

    async def settings(self, sees: Scope, *, party: UUID | None) -> Sequence[Setting] | None:
        """List all parameters as they stand in the database."""
        if party is not None and await parties.party_in(self._pool, sees, party) is None:
            return None
        own = {} if party is None else await store.stored_values(self._pool, party)
        system = await store.stored_values(self._pool, None)
        return [_setting(parameter, party, own, system) for parameter in self._configuration.catalogue]

    async def history(self, sees: Scope, *, code: str, party: UUID | None) -> Sequence[Step] | None:
        """Return who set a parameter, when, why, from what to what."""
        if self._configuration.catalogue.find(code) is None:
            return None
        if party is not None and await parties.party_in(self._pool, sees, party) is None:
            return None
        stored = await store.stored_value(self._pool, code, party)
        return [] if stored is None else await edit_steps(self._pool, [stored.id])

    async def set(
        self, order: Submission, *, code: str, party: UUID | None, value: Value | None, why: str
    ) -> Taken[Changed] | Refused:
        """Set a parameter, or propose it where it is sensitive."""
        parameter = self._configuration.catalogue.find(code)
        if parameter is None:
            return Refused(Reason.NOT_FOUND, "no such parameter")
        refusal = await self._refusal(order, parameter, party, value)
        if refusal is not None:
            return refusal
        if parameter.sensitive:
            return await self._proposed(order, parameter, party, value, why)
        return await self._set(order, parameter, party, value, why)

    async def error_texts(self, *, channel: str | None) -> Sequence[ErrorText]:
        """List the error dictionary."""
        return await store.error_texts(self._pool, channel=channel)

    async def error_text(self, entry: UUID) -> tuple[ErrorText, Sequence[Step]] | None:
        """Read one entry with its history."""
        found = await store.error_text(self._pool, entry)
        return None if found is None else (found, await edit_steps(self._pool, [entry]))

    async def add_error_text(
        self, order: Submission, facts: Mapping[str, object], *, why: str
    ) -> Taken[ErrorText] | Refused:
        """Add an entry; one code of one channel stands once."""

        async def decide() -> Decision:
            known = await store.error_texts(self._pool, channel=str(facts["channel"]))
            if any(entry.code == facts["code"] for entry in known):
                return Refused(Reason.TAKEN, "the dictionary has this code of this channel")
            return refusal_outside_platform(order.caller) or (edits.new_error_text(self._ids.new(), facts),)

        return await self._error_text(await self._pen.write(order, why, decide))

    async def edit_error_text(
        self, order: Submission, entry: UUID, facts: Mapping[str, object], *, why: str
    ) -> Taken[ErrorText] | Refused:
        """Edit an entry."""

        async def decide() -> Decision:
            found = await store.error_text(self._pool, entry)
            if found is None:
                return _NO_ENTRY
            return refusal_outside_platform(order.caller) or (Alter(store.ERROR_TEXT, entry, found.version, facts),)

        return await self._error_text(await self._pen.write(order, why, decide))

    async def delete_error_text(self, order: Submission, entry: UUID, *, why: str) -> Taken[UUID] | Refused:
        """Delete an entry."""

        async def decide() -> Decision:
            found = await store.error_text(self._pool, entry)
            if found is None:
                return _NO_ENTRY
            return refusal_outside_platform(order.caller) or (Remove(store.ERROR_TEXT, entry, found.version),)

        written = await self._pen.write(order, why, decide)
        return _refused(written) if isinstance(written, Refused) else Taken(entry, replayed=written.replayed)

    async def words(self, *, dictionary: str | None) -> Sequence[Word]:
        """List the words of a dictionary, or of all."""
        return await store.words(self._pool, dictionary=dictionary)

    async def word(self, word: UUID) -> tuple[Word, Sequence[Step]] | None:
        """Read one word with its history."""
        found = await store.word(self._pool, word)
        return None if found is None else (found, await edit_steps(self._pool, [word]))

    async def add_word(self, order: Submission, facts: Mapping[str, object], *, why: str) -> Taken[Word] | Refused:
        """Add a word; one code of one dictionary stands once."""

        async def decide() -> Decision:
            known = await store.words(self._pool, dictionary=str(facts["dictionary"]))
            if any(word.code == facts["code"] for word in known):
                return Refused(Reason.TAKEN, "the dictionary has this code")
            return refusal_outside_platform(order.caller) or (edits.new_word(self._ids.new(), facts),)

        return await self._word(await self._pen.write(order, why, decide))

    async def edit_word(
        self, order: Submission, word: UUID, facts: Mapping[str, object], *, why: str
    ) -> Taken[Word] | Refused:
        """Edit a word, or take it into use again."""

        async def decide() -> Decision:
            found = await store.word(self._pool, word)
            if found is None:
                return _NO_ENTRY
            line = Alter(store.DICTIONARY_WORD, word, found.version, {**facts, "state": "active"})
            return refusal_outside_platform(order.caller) or (line,)

        return await self._word(await self._pen.write(order, why, decide))

    async def delete_word(self, order: Submission, word: UUID, *, why: str) -> Taken[Word | None] | Refused:
        """Delete a word; one that is used is retired instead and returned."""

        async def decide() -> Decision:
            found = await store.word(self._pool, word)
            if found is None:
                return _NO_ENTRY
            if await self._is_used(found):
                line: Alter | Remove = Alter(store.DICTIONARY_WORD, word, found.version, {"state": "retired"})
            else:
                line = Remove(store.DICTIONARY_WORD, word, found.version)
            return refusal_outside_platform(order.caller) or (line,)

        written = await self._pen.write(order, why, decide)
        if isinstance(written, Refused):
            return _refused(written)
        return Taken(await store.word(self._pool, word), replayed=written.replayed)

    async def _is_used(self, word: Word) -> bool:
        return word.dictionary == _CATEGORIES and await merchants.uses_category(self._pool, word.code)

    async def _refusal(
        self, order: Submission, parameter: AnyParameter, party: UUID | None, value: Value | None
    ) -> Refused | None:
        try:
            if value is not None:
                parameter.checked(value)
        except BadValueError as fault:
            return Refused(Reason.FORMAT, str(fault))
        if party is None:
            return refusal_outside_platform(order.caller)
        if not parameter.by_party:
            return Refused(Reason.FORMAT, f"{parameter.code} holds for everybody, not for one party")
        return _STRANGER if await parties.party_in(self._pool, order.caller.sees, party) is None else None

    async def _set(
        self, order: Submission, parameter: AnyParameter, party: UUID | None, value: Value | None, why: str
    ) -> Taken[Changed] | Refused:
        async def decide() -> Decision:
            stored = await store.stored_value(self._pool, parameter.code, party)
            return (edits.set_value(stored, id_=self._ids.new(), code=parameter.code, party=party, value=value),)

        written = await self._pen.write(order, why, decide)
        if isinstance(written, Refused):
            return _refused(written)
        return Taken(Changed(setting=await self._read(parameter, party)), replayed=written.replayed)

    async def _proposed(
        self, order: Submission, parameter: AnyParameter, party: UUID | None, value: Value | None, why: str
    ) -> Taken[Changed] | Refused:
        stored = await store.stored_value(self._pool, parameter.code, party)
        line = edits.set_value(stored, id_=self._ids.new(), code=parameter.code, party=party, value=value)
        setting = await self._read(parameter, party)
        named = {"parameter": parameter.code, "party": None if party is None else str(party)}
        draft = Draft(
            kind=PARAMETER_CHANGE,
            subject=line.id if isinstance(line, Alter) else UUID(str(line.row["id"])),
            subject_version=0 if stored is None else stored.version,
            party=party or PLATFORM,
            content=pack([line]),
            before={**named, "value": setting.value},
            after={**named, "value": value if value is not None else _without(parameter, party, await self._system())},
            why=why,
        )
        submitted = await self._approvals.propose(order, draft)
        if isinstance(submitted, Refused):
            return submitted
        return Taken(Changed(setting=setting, proposal=submitted.proposal), replayed=submitted.replayed)

    async def _read(self, parameter: AnyParameter, party: UUID | None) -> Setting:
        own = {} if party is None else await store.stored_values(self._pool, party)
        return _setting(parameter, party, own, await self._system())

    async def _system(self) -> Mapping[str, StoredValue]:
        return await store.stored_values(self._pool, None)

    async def _error_text(self, written: Written | Refused) -> Taken[ErrorText] | Refused:
        if isinstance(written, Refused):
            return _refused(written)
        found = await store.error_text(self._pool, written.subject)
        return _NO_ENTRY if found is None else Taken(found, replayed=written.replayed)

    async def _word(self, written: Written | Refused) -> Taken[Word] | Refused:
        if isinstance(written, Refused):
            return _refused(written)
        found = await store.word(self._pool, written.subject)
        return _NO_ENTRY if found is None else Taken(found, replayed=written.replayed)


def _setting(
    parameter: AnyParameter,
    party: UUID | None,
    own: Mapping[str, StoredValue],
    system: Mapping[str, StoredValue],
) -> Setting:
    mine = own.get(parameter.code)
    if mine is not None and mine.value is not None:
        return Setting(parameter=parameter, party=party, value=mine.value, source="party")
    everybody = system.get(parameter.code)
    if everybody is not None and everybody.value is not None:
        return Setting(parameter=parameter, party=party, value=everybody.value, source="system")
    return Setting(parameter=parameter, party=party, value=parameter.default, source="default")


def _without(parameter: AnyParameter, party: UUID | None, system: Mapping[str, StoredValue]) -> Value:
    """What would hold if the value were given back."""
    return _setting(parameter, party, {}, system if party is not None else {}).value


def _refused(refused: Refused) -> Refused:
    if refused.reason is not Reason.MOVED:
        return refused
    return Refused(Reason.WRONG_STATE, "it was changed meanwhile: read it again", refused.subject)
