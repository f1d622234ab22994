"""Pages of a source: the port they come through, how one is read, and how a chunk is gathered of them (row A16)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import msgspec

from gateway.tasks.batch.kind import SourceError
from gateway.tasks.sources.model import RemoteSource

CURSOR_MOST = 500
_EMPTY_PAGES_MOST = 20


class Pages(Protocol):
    """A source that is open."""

    async def fetch(self, cursor: str, limit: int) -> bytes:
        """Return the body of `GET {address}?cursor=&limit=`. Raises SourceError."""
        ...


OpenPages = Callable[[RemoteSource], AbstractAsyncContextManager[Pages]]


class _Body(msgspec.Struct, frozen=True):
    items: list[msgspec.Raw]
    next: str | None = None
    total: int | None = None


_BODY = msgspec.json.Decoder(_Body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Items as they were sent, the cursor behind them (None: there is nothing more), and how many there are in all."""

    items: Sequence[bytes]
    next: str | None
    total: int | None = None


def read_page(body: bytes, *, limit: int) -> Page:
    """Read one page. Raises SourceError where it is not one, or longer than was asked for."""
    try:
        read = _BODY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise SourceError("a page is no JSON object with items and next") from None
    if len(read.items) > limit:
        raise SourceError(f"a page has {len(read.items)} items where {limit} were asked for")
    if read.next is not None and not 0 < len(read.next) <= CURSOR_MOST:
        raise SourceError(f"a cursor has 1 to {CURSOR_MOST} characters")
    if read.next is not None and not read.next.isprintable():
        raise SourceError("a cursor has printable characters only")
    total = read.total if read.total is None or read.total >= 0 else None
    return Page(items=[bytes(item) for item in read.items], next=read.next, total=total)


async def gather(pages: Pages, *, cursor: str, size: int, page_most: int) -> Page:
    """Gather up to `size` items beyond `cursor`, page by page; fewer only where the source has no more.

    Raises SourceError, also where a source turns in circles.
    """
    items: list[bytes] = []
    empty, total, passed = 0, None, {cursor}
    while len(items) < size:
        limit = min(page_most, size - len(items))
        page = read_page(await pages.fetch(cursor, limit), limit=limit)
        items += page.items
        total = page.total if page.total is not None else total
        if page.next is None:
            return Page(items=items, next=None, total=total)
        empty = 0 if page.items else empty + 1
        if page.next in passed or empty > _EMPTY_PAGES_MOST:
            raise SourceError("the source turns in circles: its cursor does not move on")
        cursor = page.next
        passed.add(cursor)
    return Page(items=items, next=cursor, total=total)
