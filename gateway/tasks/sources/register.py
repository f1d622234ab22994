"""Taking sources on, closing them and opening them again, through the edit shell (rows A16, A90)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.edit import Add, Alter, Edit, Edited, EditRefused, Nonce, apply_edit
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.keys.port import KeyStore
from gateway.tasks.sources import store
from gateway.tasks.sources.model import NewSource, RemoteSource, SourceState

SECRET_PURPOSE = "remote_source.secret"  # noqa: S105 - the purpose's name, not a secret
_CODE = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_KEYID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_ADDRESS = re.compile(r"https://[A-Za-z0-9.\-:\[\]]{1,255}(/[!-~]{0,1500})?")
_SHORTEST_SECRET = 16
_PAGE_MOST = 5000


class BadSourceError(ValueError):
    """A source cannot be taken on or changed as asked; `reason` is why, the text says it, never a secret."""

    def __init__(self, why: str, reason: Reason = Reason.FORMAT) -> None:
        super().__init__(why)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOrder:
    """Who orders, by which key, and what a repeat of the order must have in common with it, without secrets."""

    who: str
    key: str
    said: Mapping[str, object]
    nonce: Nonce | None = None


class SourceRegister:
    """Keeps the remote sources."""

    def __init__(self, *, pool: Database, keystore: KeyStore, clock: Clock, ids: Ids) -> None:
        self._pool = pool
        self._keystore = keystore
        self._clock = clock
        self._ids = ids

    async def add(self, new: NewSource, order: SourceOrder) -> tuple[RemoteSource, bool]:
        """Take a source on and tell whether it is new; the same order again changes nothing.

        Raises BadSourceError.
        """
        _check(new)
        sealed = await self._keystore.seal(SECRET_PURPOSE, new.secret)
        row = {
            "id": self._ids.new(),
            "code": new.code,
            "name": new.name,
            "address": new.address,
            "authorities": new.authorities,
            "keyid": new.keyid,
            "secret": sealed,
            "page_most": new.page_most,
            "created_at": self._clock.now(),
        }
        is_new = await self._edit(order, "source taken on", Add(store.REMOTE_SOURCE, row))
        found = await store.source_by_code(self._pool, new.code)
        if found is None:
            raise BadSourceError(f"there is no source {new.code}")
        return found, is_new

    async def set_state(self, id_: UUID, state: SourceState, order: SourceOrder) -> tuple[RemoteSource, bool]:
        """Close a source, or open it again. Raises BadSourceError, and LookupError where there is none."""
        found = await self._found(id_)
        if found.state is state:
            return found, False
        line = Alter(store.REMOTE_SOURCE, id_, found.version, {"state": state.value})
        is_new = await self._edit(order, f"source {state}", line)
        return await self._found(id_), is_new

    async def find(self, id_: UUID) -> RemoteSource | None:
        """Read a source."""
        return await store.source(self._pool, id_)

    async def by_code(self, code: str) -> RemoteSource | None:
        """Find a source by its code."""
        return await store.source_by_code(self._pool, code)

    async def all(self) -> list[RemoteSource]:
        """List the sources."""
        return await store.sources(self._pool)

    async def _found(self, id_: UUID) -> RemoteSource:
        found = await store.source(self._pool, id_)
        if found is None:
            message = "no such source"
            raise LookupError(message)
        return found

    async def _edit(self, order: SourceOrder, why: str, line: Add | Alter) -> bool:
        edit = Edit(
            id=self._ids.new(),
            key=order.key,
            who=order.who,
            why=why,
            at=self._clock.now(),
            said=order.said,
            lines=(line,),
            nonce=order.nonce,
        )
        result = await apply_edit(self._pool, edit)
        if isinstance(result, EditRefused):
            raise BadSourceError(result.detail, result.reason)
        return isinstance(result, Edited)


def said_of(new: NewSource) -> dict[str, object]:
    """What an order of `new` says, for a repeat to be known by; its secret as a hash."""
    return {
        # a secret of 128 random bits or more is not found from its hash
        "secret": hashlib.sha256(new.secret).hexdigest(),
        "code": new.code,
        "name": new.name,
        "address": new.address,
        "authorities": new.authorities,
        "keyid": new.keyid,
        "page_most": new.page_most,
    }


def _check(new: NewSource) -> None:
    if not _CODE.fullmatch(new.code):
        raise BadSourceError("a code has up to 40 of the characters a-z 0-9 . _ -")
    if not _ADDRESS.fullmatch(new.address) or "#" in new.address:
        raise BadSourceError("an address is https://host[:port]/path, without a user, a password or a fragment")
    if not _KEYID.fullmatch(new.keyid):
        raise BadSourceError("a keyid has 1 to 64 of the characters A-Z a-z 0-9 . _ : -")
    if len(new.secret) < _SHORTEST_SECRET:
        raise BadSourceError(f"a secret has {_SHORTEST_SECRET} bytes or more")
    if not 1 <= new.page_most <= _PAGE_MOST:
        raise BadSourceError(f"a page has 1 to {_PAGE_MOST} rows")
