"""The second factor of a user: proposed, confirmed by a first code, taken away; each code is good once."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from gateway.access.order import Order
from gateway.access.users import codes, store
from gateway.access.users.model import TOTP_PURPOSE, Totp
from gateway.access.writing import Decision, Pen, Written
from gateway.journal.model import Refused
from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.edit import Add, Alter
from gateway.kernel.postgres.pool import Database
from gateway.kernel.randomness import Randomness
from gateway.kernel.reasons import Reason
from gateway.keys.port import KeyStore

_RECOVERY_PURPOSE = "user.recovery"
_WRONG_CODE = Refused(Reason.BAD_PASSWORD, "this is not the authenticator's code of now, or it was used")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A secret for an authenticator, shown to its user; it counts once a code of it was given back."""

    secret: str = field(repr=False)
    address: str = field(repr=False)


class SecondFactor:
    """One-time codes. Their secret is sealed by the key store, recovery codes are kept as keyed digests."""

    def __init__(self, *, pool: Database, keystore: KeyStore, clock: Clock, ids: Ids, randomness: Randomness) -> None:
        self._pool = pool
        self._keystore = keystore
        self._clock = clock
        self._randomness = randomness
        self._pen = Pen(pool=pool, ids=ids)

    async def is_on(self, user: UUID) -> bool:
        """Whether this user's log-in needs a code."""
        found = await store.totp(self._pool, user)
        return found is not None and found.state == "active"

    async def take(self, user: UUID, code: str) -> bool:
        """Check a code, or a recovery code, and use it up."""
        found = await store.totp(self._pool, user)
        if found is None or found.state != "active":
            return False
        if len(code) > codes.DIGITS:
            digests = await self._keystore.digests(_RECOVERY_PURPOSE, _recovery(user, code))
            return await store.take_recovery(self._pool, user, [digest.value for digest in digests])
        return await self._step(user, found, code) is not None

    async def propose(self, order: Order, user: UUID) -> Proposed | Refused:
        """Make a secret, in place of one that was never confirmed; a repeat is shown the same one."""

        async def decide() -> Decision:
            found = await store.totp(self._pool, user)
            if found is not None and found.state == "active":
                return Refused(Reason.WRONG_STATE, "there is an authenticator; take it away first")
            sealed = await self._keystore.seal(TOTP_PURPOSE, codes.new_secret(self._randomness))
            to = {"secret_sealed": sealed, "state": "proposed", "last_step": 0, "recovery": [], "changed_at": order.at}
            if found is None:
                return (Add(store.TOTP, {"id": user, **to}),)
            return (Alter(store.TOTP, user, found.version, to),)

        written = await self._pen.write(order, "authenticator proposed", decide)
        return written if isinstance(written, Refused) else await self._proposed(order, user)

    async def confirm(self, order: Order, user: UUID, code: str) -> list[str] | Refused:
        """Switch codes on by a first code; returns the recovery codes, shown this once (a repeat gets none)."""
        made = codes.new_recovery_codes(self._randomness)

        async def decide() -> Decision:
            found = await store.totp(self._pool, user)
            if found is None or found.state != "proposed":
                return Refused(Reason.WRONG_STATE, "no authenticator was proposed")
            step = await self._step(user, found, code)
            if step is None:
                return _WRONG_CODE
            kept = [(await self._keystore.digest(_RECOVERY_PURPOSE, _recovery(user, one))).value for one in made]
            to = {"state": "active", "recovery": kept, "last_step": step, "changed_at": order.at}
            return (Alter(store.TOTP, user, found.version, to),)

        written = await self._pen.write(order, "authenticator confirmed", decide)
        if isinstance(written, Refused):
            return written
        return [] if written.replayed else made

    async def drop(self, order: Order, user: UUID, *, why: str) -> Written | Refused:
        """Take the authenticator away."""

        async def decide() -> Decision:
            found = await store.totp(self._pool, user)
            if found is None or found.state == "off":
                return Refused(Reason.WRONG_STATE, "there is no authenticator")
            return (Alter(store.TOTP, user, found.version, {"state": "off", "recovery": [], "changed_at": order.at}),)

        return await self._pen.write(order, why, decide)

    async def _step(self, user: UUID, found: Totp, code: str) -> int | None:
        secret = await self._keystore.unseal(TOTP_PURPOSE, found.secret_sealed)
        step = codes.step_of(secret, code, self._clock.now())
        return step if step is not None and await store.take_step(self._pool, user, step) else None

    async def _proposed(self, order: Order, user: UUID) -> Proposed | Refused:
        found = await store.totp(self._pool, user)
        if found is None or found.state != "proposed":
            return Refused(Reason.WRONG_STATE, "the authenticator was confirmed, or taken away, since")
        secret = await self._keystore.unseal(TOTP_PURPOSE, found.secret_sealed)
        return Proposed(secret=codes.shown_secret(secret), address=codes.address(secret, order.caller.name))


def _recovery(user: UUID, code: str) -> bytes:
    return user.bytes + code.strip().lower().encode()
