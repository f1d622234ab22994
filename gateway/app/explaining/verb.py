"""The verb itself: frames found, each explained, and held against the books where there are any to be asked."""

from __future__ import annotations

from gateway.app.explaining.against import against_books
from gateway.app.explaining.capture import Captured, CaptureError, captured
from gateway.app.explaining.explanation import Explanation, explain
from gateway.app.keystore import open_keystore
from gateway.kernel.postgres.pool import open_pool
from gateway.kernel.randomness import SystemRandomness
from gateway.kernel.settings import Settings
from gateway.keys import KeyStore, KeyStoreError
from gateway.merchants import Directory
from gateway.terminals.settings import known_dialects


async def explain_frames(
    given: str, *, dialect: str, settings: Settings, dsn: str, password: str | None
) -> list[Explanation]:
    """Explain every frame in what was given; without `dsn` by the frame alone. Raises CaptureError."""
    known = known_dialects(settings.terminals.dialects)
    if dialect not in known:
        raise CaptureError(f"no dialect is called {dialect!r}; there are {', '.join(known)}")
    explained = [explain(known[dialect], each.content, each.where) for each in _frames(given)]
    if not dsn:
        return explained
    pool = await open_pool(dsn, password=password, largest=1)
    try:
        facts, keys = Directory(pool=pool), _keys(settings)
        return [
            await against_books(each, dialect=known[dialect], pool=pool, facts=facts, keys=keys) for each in explained
        ]
    finally:
        await pool.close()


def _frames(given: str) -> list[Captured]:
    found = captured(given)
    if not found:
        raise CaptureError("it holds keep-alives alone")
    return found


def _keys(settings: Settings) -> KeyStore | None:
    """Open the key store where this machine may; without it the MAC stays unchecked, which is said."""
    try:
        return open_keystore(settings, SystemRandomness())
    except KeyStoreError:
        return None
