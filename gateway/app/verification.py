"""What `tillgate verify` and `tillgate closes` do: books, or an export of them, as the JSON they are shown as."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway.journal import Close, ExportProof, Known, Proof, SignedClose, UnreadableCloseError, verify
from gateway.journal import closes as signed_closes
from gateway.journal.close import read_close
from gateway.journal.exported import check_export, open_to_read
from gateway.kernel.postgres.pool import Database
from gateway.keys.public import BadPublicKeyError, fingerprint, raw_public_key
from gateway.ledger.store import trial_balance


class UnusableError(ValueError):
    """A file that was named cannot be used; the text says which, and why."""


def known_from(keys: Sequence[Path], closes: Sequence[Path]) -> Known:
    """Read public keys in PEM, and closes as `tillgate closes --json` writes them. Raises UnusableError.

    A close is accepted as known only where its own signature is one by a key that is trusted.
    """
    trusted = tuple(_key(path) for path in keys) or None
    return Known(trusted=trusted, closes=tuple(close for path in closes for close in _closes(path, trusted)))


async def prove_books(pool: Database, *, known: Known, write: Path | None) -> dict[str, Any]:
    """Prove the books of a database, writing an export on the way where `write` names one. Raises UnusableError."""
    _refuse_unwritable(write)
    proof = await verify(pool, known=known, write=write)
    faults = [str(fault) for fault in proof.faults]
    return {"trial_balance": await trial_balance(pool), "faults": faults, **_counted(proof), "holds": proof.holds}


def prove_export(path: Path, *, known: Known) -> dict[str, Any]:
    """Check an export without a database; `first` is where the first thing that is wrong stands."""
    with open_to_read(path) as file:
        proof = check_export(file, trusted=known.trusted, known=known.closes)
    faults = [*([str(proof.flaw)] if proof.flaw else []), *proof.missing]
    return {
        "trial_balance": dict(proof.trial_balance),
        "faults": faults,
        "first": _first(proof),
        "batches": proof.batches,
        "transfers": proof.transfers,
        "entries": proof.entries,
        "closes": proof.closes,
        "signed_by": [fingerprint(key) for key in proof.signed_by],
        "holds": proof.holds,
    }


async def list_closes(pool: Database, *, most: int) -> list[dict[str, Any]]:
    """List the newest closes, the oldest of them first."""
    return [signed.shown() for signed in await signed_closes(pool, most=most)]


def _refuse_unwritable(path: Path | None) -> None:
    if path is not None and (path.is_dir() or not path.parent.is_dir()):
        raise UnusableError(f"{path}: an export is a file in a folder that is there")


def _counted(proof: Proof) -> dict[str, Any]:
    return {
        "batches": proof.batches,
        "transfers": proof.books.transfers,
        "entries": proof.books.entries,
        "closes": proof.closes,
        "signed_by": [fingerprint(key) for key in proof.signed_by],
        "unsigned": [day.isoformat() for day in proof.unsigned],
        "erased": proof.erased,
    }


def _first(proof: ExportProof) -> dict[str, Any] | None:
    flaw = proof.flaw
    if flaw is None:
        return None
    where = {"book": flaw.book, "batch": flaw.batch, "line": flaw.line, "entry": flaw.entry}
    return {**where, "file_line": flaw.file_line, "detail": flaw.detail}


def _key(path: Path) -> bytes:
    try:
        return raw_public_key(path.read_bytes())
    except (OSError, BadPublicKeyError) as error:
        raise UnusableError(f"{path}: {error}") from None


def _closes(path: Path, trusted: tuple[bytes, ...] | None) -> list[Close]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return [_close(one, trusted) for one in (found if isinstance(found, list) else [found])]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UnusableError(f"{path}: {error}") from None


def _close(shown: dict[str, Any], trusted: tuple[bytes, ...] | None) -> Close:
    signed = SignedClose(
        line=str(shown["line"]).encode(),
        signature=bytes.fromhex(shown["signature"]),
        public_key=raw_public_key(str(shown["public_key"]).encode()),
    )
    wrong = signed.wrong_signature(trusted)
    if wrong:
        raise UnreadableCloseError(f"the close {wrong}")
    return read_close(signed.line)
