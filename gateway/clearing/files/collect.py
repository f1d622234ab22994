"""Collecting: instructions that wait are put into a file, each into one at most (compare-and-set on both)."""

from __future__ import annotations

from gateway.clearing.files import store
from gateway.clearing.files.model import FileRecord, FileSettings
from gateway.clearing.files.register import MovedError, Register
from gateway.journal.model import Move
from gateway.payments.payout import Effect

_TURNS = 20


async def collect(register: Register, file: FileRecord, settings: FileSettings) -> FileRecord:
    """Fill a file that is collecting, up to its bound; returns it as it stands then.

    Each change also moves the file, so whoever generates it meanwhile notices. Raises MovedError where others keep
    taking what was read.
    """
    missed = 0
    while file.count < settings.most_per_file:
        room = min(settings.moves_per_change, settings.most_per_file - file.count)
        rows = await store.waiting(register.pool, file.channel_id, unit=file.unit, limit=room)
        if not rows:
            break
        moves = tuple(
            Move("instruction", id_, version, {"communication": "in_file", "file_id": file.id})
            for id_, _, _, version in rows
        )
        taken = {
            "count": file.count + len(rows),
            "amount_minor": file.amount_minor + sum(amount for _, _, amount, _ in rows),
        }
        try:
            file = await register.note(file, taken, why="collected", effect=Effect(records=moves))
        except MovedError:
            missed += 1
            if missed == _TURNS:
                raise
            file = await register.find(file.id)
    return file
