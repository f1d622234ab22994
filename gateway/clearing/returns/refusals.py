"""A bank's refusal of a whole payment file (`ERR`): nothing of it was paid, so every payout in it failed.

A file that went out a second time after an upload of unknown fate, or that the bank has answered line by line, is the
exception: the refusal may be of another copy, so nothing is concluded and its payouts wait for the answer to the first.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.clearing.files import store as files
from gateway.clearing.files.archive import Archive
from gateway.clearing.files.model import FileEvent, FileRecord, FileSettings, FileState
from gateway.clearing.files.register import MovedError, Register
from gateway.clearing.files.states import OUTGOING, advance
from gateway.journal.model import Done, Move
from gateway.kernel.log import scrub
from gateway.payments.payout import Effect, OwnInstruction, Payout, results

WHO = "system:import"
_LONGEST = 200


class Refusals:
    """Takes `ERR` files."""

    def __init__(self, *, register: Register, archive: Archive, settings: FileSettings) -> None:
        self._register = register
        self._archive = archive
        self._settings = settings

    async def take(self, file: FileRecord) -> FileRecord:
        """Conclude what the refusal says, then finish its file."""
        words = await self._words(file)
        payment = await files.find(self._register.pool, file.answers_id) if file.answers_id else None
        if payment is None:
            to = {"reason": f"it answers no payment file of ours: {words}"}
            return await self._register.move(file, FileEvent.QUARANTINE, why="answers no file of ours", to=to, who=WHO)
        if payment.state in (FileState.COLLECTING, FileState.GENERATED, FileState.ARCHIVED):
            to = {"reason": f"it answers {payment.name}, which was not sent: {words}"}
            return await self._register.move(file, FileEvent.QUARANTINE, why="answers a file not sent", to=to, who=WHO)
        # What was answered line by line was taken: a refusal beside that is of another copy under the same name.
        is_whole = not payment.resent and not await files.is_answered_by_line(self._register.pool, payment.id)
        await self._conclude(payment, words, is_whole=is_whole)
        if FileEvent.ANSWER in OUTGOING[payment.state]:
            payment = await self._register.move(
                payment, FileEvent.ANSWER, why=f"refused by the bank: {words}", to={"reason": words}, who=WHO
            )
        if payment.state is FileState.ANSWERED and is_whole:
            await self._register.move(payment, FileEvent.CHECK, why="refused whole, nothing was paid", who=WHO)
        return await self._finished(file, words)

    async def _finished(self, file: FileRecord, words: str) -> FileRecord:
        steps: list[Move] = []
        state = file.state
        for event in (FileEvent.PARSE, FileEvent.IMPORT, FileEvent.FINISH):
            state = advance(file.direction, state, event)
            steps.append(Move("file", file.id, file.version + len(steps), {"state": state.value, "reason": words}))
        receipt = await self._register.clerk.file(
            Effect(records=tuple(steps)), who=WHO, why="a refusal: its payouts were told", is_fact=True
        )
        if not isinstance(receipt, Done):
            raise MovedError(f"{file.name} was not finished: {receipt}")
        return await self._register.find(file.id)

    async def _conclude(self, payment: FileRecord, words: str, *, is_whole: bool) -> None:
        states = ["routed", "sent", "unknown"] if is_whole else ["sent"]
        while rows := await self._open(payment, states):
            effects = [self._effect(p, i, words, is_whole=is_whole) for p, i in rows]
            await self._register.post_each(effects, who=WHO, why=f"{payment.name} was refused by the bank")

    def _effect(self, payout: Payout, instruction: OwnInstruction, words: str, *, is_whole: bool) -> Effect:
        if not is_whole:
            return results.doubted(payout, instruction, why=words)
        return results.failed(
            payout,
            instruction,
            transfer=self._register.ids.new(),
            at=self._register.clock.now(),
            reason="fault",
            code="ERR",
            mark={"result": "matched"},
        )

    async def _open(self, payment: FileRecord, states: list[str]) -> Sequence[tuple[Payout, OwnInstruction]]:
        return await files.payouts_in(
            self._register.pool,
            payment.id,
            states=states,
            communications=["in_file", "sending", "sent", "no_answer"],
            limit=self._settings.posts_at_once,
        )

    async def _words(self, file: FileRecord) -> str:
        content = b""
        async for piece in self._archive.read(file.content_id):
            content = (content + piece)[: 4 * _LONGEST]
        words = scrub(content.decode("gb18030", errors="replace"))  # a bank may quote a card
        return "".join(letter if letter.isprintable() else " " for letter in words).strip()[:_LONGEST]
