"""A bounded pool of threads, each with its own session to the module; lost ones are opened and logged in anew.

A call that takes too long is answered with StoreUnavailableError, and its thread counts as taken until the module
answers: however slow the module is, no more than the pool's threads and a bounded number of waiting calls hang on it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from pkcs11.exceptions import (
    DeviceError,
    DeviceRemoved,
    FunctionFailed,
    GeneralError,
    KeyHandleInvalid,
    NoSuchToken,
    ObjectHandleInvalid,
    SessionClosed,
    SessionHandleInvalid,
    TokenNotPresent,
    TokenNotRecognised,
    UnwrappingKeyHandleInvalid,
    UserAlreadyLoggedIn,
    UserNotLoggedIn,
    WrappingKeyHandleInvalid,
)

from gateway.kernel.clock import Clock
from gateway.keys.module.token import PKCS11Error, TokenSession, pkcs11
from gateway.keys.modulesettings import ModuleSettings
from gateway.keys.port import KeyStoreError, StoreUnavailableError

# What says that the session or the login is gone: everything is opened anew and the call made once more.
_LOST = (
    DeviceError,
    DeviceRemoved,
    FunctionFailed,
    GeneralError,
    KeyHandleInvalid,
    NoSuchToken,
    ObjectHandleInvalid,
    SessionClosed,
    SessionHandleInvalid,
    TokenNotPresent,
    TokenNotRecognised,
    UnwrappingKeyHandleInvalid,
    UserNotLoggedIn,
    WrappingKeyHandleInvalid,
)
_GONE = (DeviceError, DeviceRemoved, NoSuchToken, TokenNotPresent, TokenNotRecognised)
_T = TypeVar("_T")


class CallMeter(Protocol):
    """Counts the calls of a store; `outcome` is done, refused, unavailable or late."""

    def called(self, operation: str, *, seconds: float, outcome: str) -> None:
        """Count one call."""
        ...


class NoMeter:
    """Counts nothing."""

    def called(self, operation: str, *, seconds: float, outcome: str) -> None:
        """Let it pass."""


class Sessions:
    """The pool."""

    def __init__(self, settings: ModuleSettings, *, clock: Clock, meter: CallMeter) -> None:
        self._settings = settings
        self._clock = clock
        self._meter = meter
        self._threads = ThreadPoolExecutor(settings.sessions, thread_name_prefix="key-module")
        self._local = threading.local()
        self._lock = threading.Lock()
        self._keeper: Any = None
        self._generation = 0
        self._under_way = 0

    async def call(self, operation: str, work: Callable[[TokenSession], _T], *, within_ms: int = 0) -> _T:
        """Do `work` in a session; `within_ms` where it takes longer than others by its nature.

        Raises KeyStoreError where the module refuses, StoreUnavailableError where it cannot be reached or is too slow.
        """
        started, outcome = self._clock.monotonic(), "done"
        try:
            return await self._within(work, within_ms or self._settings.within_ms)
        except StoreUnavailableError:
            outcome = "unavailable"
            raise
        except KeyStoreError:
            outcome = "refused"
            raise
        finally:
            self._meter.called(operation, seconds=self._clock.monotonic() - started, outcome=outcome)

    def close(self) -> None:
        """End the threads and log out; waits for calls under way."""
        self._threads.shutdown(wait=True)
        with self._lock:
            keeper, self._keeper = self._keeper, None
            if keeper is not None:
                _closed(keeper)

    async def _within(self, work: Callable[[TokenSession], _T], within_ms: int) -> _T:
        if self._under_way >= self._settings.sessions + self._settings.waiting:
            raise StoreUnavailableError("the key module is busy: too many calls wait for it")
        self._under_way += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, self._in_thread, work)
        future.add_done_callback(self._ended)
        try:
            return await asyncio.wait_for(asyncio.shield(future), within_ms / 1000)
        except TimeoutError:
            raise StoreUnavailableError("the key module did not answer in time") from None

    def _ended(self, future: asyncio.Future[Any]) -> None:
        self._under_way -= 1
        if not future.cancelled():
            future.exception()

    def _in_thread(self, work: Callable[[TokenSession], _T]) -> _T:
        """Work in this thread's session; where it was lost, open a new one and work once more."""
        try:
            return work(self._session())
        except _LOST:
            return self._once_more(work)
        except PKCS11Error as fault:
            raise KeyStoreError(f"the key module refused: {type(fault).__name__}") from None

    def _once_more(self, work: Callable[[TokenSession], _T]) -> _T:
        try:
            self._local.session = None
            self._log_in_after(self._local.generation)
            return work(self._session())
        except _GONE as fault:
            raise StoreUnavailableError(f"the key module cannot be reached: {type(fault).__name__}") from None
        except PKCS11Error as fault:
            raise KeyStoreError(f"the key module refused: {type(fault).__name__}") from None

    def _session(self) -> TokenSession:
        """Return this thread's session, opened in the present login."""
        if getattr(self._local, "session", None) is None or self._local.generation != self._generation:
            self._local.generation = self._generation
            self._log_in_after(0)
            self._local.generation = self._generation
            raw = self._token().open(rw=True)
            self._local.session = TokenSession(raw, most=self._settings.cached_keys)
        session: TokenSession = self._local.session
        return session

    def _log_in_after(self, generation: int) -> None:
        """Log in where nobody has since `generation`: a login counts for all sessions of the process."""
        with self._lock:
            if self._generation != generation:
                return
            if self._keeper is not None:
                _closed(self._keeper)
            self._keeper = None
            self._keeper = self._logged_in()
            self._generation += 1

    def _logged_in(self) -> Any:
        token = self._token()
        try:
            return token.open(user_pin=self._settings.pin)
        except UserAlreadyLoggedIn:
            return token.open()

    def _token(self) -> Any:
        try:
            return pkcs11.lib(self._settings.library).get_token(token_label=self._settings.token)
        except (RuntimeError, OSError) as fault:
            # a library that cannot be loaded is told by the plain class, whatever a module says by one of its own
            if isinstance(fault, PKCS11Error) and type(fault) is not PKCS11Error:
                raise
            raise StoreUnavailableError(
                f"the library of the key module cannot be loaded: {self._settings.library}"
            ) from None


def _closed(session: Any) -> None:
    """Close a session that may be gone already."""
    try:
        session.close()
    except PKCS11Error:
        return
