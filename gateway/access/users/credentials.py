"""Changing passwords: one's own by the old one, another's by an operator as a one-time password (rows L21, A54)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from gateway.access.order import Order
from gateway.access.users import store
from gateway.access.users.model import Credentials, User, UserRules
from gateway.access.users.passwords import Passwords
from gateway.access.writing import Decision, Pen, Written
from gateway.journal.model import Refused
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.edit import Add, Alter
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason

_WRONG: Final = Refused(Reason.BAD_PASSWORD, "the present password is wrong, or its tries are used up")
_GONE: Final = Refused(Reason.NOT_FOUND, "no such user")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """An operator's reset; the one-time password is shown this once: a repeat of the request does not get it."""

    user: UUID
    one_time_password: str | None = field(repr=False)
    replayed: bool


class PasswordDesk:
    """Sets passwords. A session is good for the password it was opened under, so a change ends all the others."""

    def __init__(self, *, pool: Database, ids: Ids, rules: UserRules, passwords: Passwords) -> None:
        self._pool = pool
        self._rules = rules
        self._passwords = passwords
        self._pen = Pen(pool=pool, ids=ids)

    async def first(self, order: Order, user: UUID, password: str, *, must_change: bool) -> Add:
        """Return the record of a new user's password."""
        row = {"id": user, **await self._row(order, password, must_change=must_change, past=())}
        return Add(store.PASSWORD, row)

    async def change(self, order: Order, *, old: str, new: str) -> Written | Refused:
        """Change the caller's own password by the present one, under the same counted tries as a log-in."""
        found = await store.credentials(self._pool, order.caller.name)
        if found is None or order.caller.session is None:
            return _GONE

        async def decide() -> Decision:
            if not await self.is_right(order, found, old):
                return _WRONG
            past = (found.hash, *found.past)
            refusal = await self._passwords.refusal(new, login=found.login, past=past)
            if refusal is not None:
                return Refused(Reason.BAD_PASSWORD, refusal)
            to = await self._row(order, new, must_change=False, past=past)
            return (Alter(store.PASSWORD, found.user, found.password_version, to),)

        written = await self._pen.write(order, "own password changed", decide)
        if isinstance(written, Written) and not written.replayed:
            own = order.caller.session
            await store.rebind_session(self._pool, own, password_version=found.password_version + 1)
        return written

    async def confirm(self, order: Order, password: str) -> Refused | None:
        """Ask the caller's password again before something grave; None where it is right."""
        found = await store.credentials(self._pool, order.caller.name)
        return None if found is not None and await self.is_right(order, found, password) else _WRONG

    async def reset(self, order: Order, user: User, *, given: str | None = None) -> Reset | Refused:
        """Replace another's password by a one-time one, given or made; it must be changed at the next log-in."""
        password = given or self._passwords.one_time()

        async def decide() -> Decision:
            found = await store.credentials(self._pool, user.login)
            if found is None:
                return _GONE
            past = (found.hash, *found.past)
            refusal = await self._passwords.refusal(password, login=user.login, past=past)
            if refusal is not None:
                return Refused(Reason.BAD_PASSWORD, refusal)
            to = await self._row(order, password, must_change=True, past=past)
            return (Alter(store.PASSWORD, user.id, found.password_version, to),)

        written = await self._pen.write(order, f"password of {user.login} reset", decide)
        if isinstance(written, Refused):
            return written
        shown = None if written.replayed or given else password
        return Reset(user=user.id, one_time_password=shown, replayed=written.replayed)

    async def is_right(self, order: Order, found: Credentials, password: str) -> bool:
        """Check a user's present password, counting the try."""
        most = self._rules.tries_most
        if not await store.take_try(self._pool, found.user, most=most, now=order.at):
            return False
        if await self._passwords.matches(found.hash, password):
            await store.forgive_tries(self._pool, found.user)
            return True
        await store.lock_if_spent(self._pool, found.user, most=most, until=order.at + self._rules.locked_for)
        return False

    async def _row(self, order: Order, password: str, *, must_change: bool, past: tuple[str, ...]) -> dict[str, object]:
        return {
            "hash": await self._passwords.hash(password),
            "past": list(past[: self._rules.password_past]),
            "must_change": must_change,
            "good_until": order.at + self._rules.one_time_for if must_change else None,
            "wrong_tries": 0,
            "locked_until": None,
            "changed_at": order.at,
        }
