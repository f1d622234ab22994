"""Bank cards and withdrawal passwords of the parties, as money out sees them."""

from __future__ import annotations

from uuid import UUID

from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.keys.port import KeyStore
from gateway.keys.vault import Vault
from gateway.parties import PasswordCheck, WithdrawalPasswords
from gateway.parties import store as parties
from gateway.parties.model import NAME_PURPOSE
from gateway.payments.payout.ports import PayeeCard

PAYEE_PURPOSE = "instruction.payee"

_REASONS = {
    PasswordCheck.GOOD: None,
    PasswordCheck.WRONG: Reason.BAD_PIN,
    PasswordCheck.ABSENT: Reason.BAD_PIN,
    PasswordCheck.LOCKED: Reason.PIN_TRIES,
}


class PartyCards:
    """Reads cards from the party room and seals them anew, bound to their use in an instruction."""

    def __init__(self, *, pool: Database, keystore: KeyStore, passwords: WithdrawalPasswords) -> None:
        self._pool = pool
        self._keystore = keystore
        self._vault = Vault(keystore)
        self._passwords = passwords

    async def payee(self, *, party: UUID, card: UUID) -> PayeeCard | None:
        """Return the party's card for an instruction; None where it is not a bound card of the party."""
        scope = await parties.scope_of(self._pool, party)
        found = None if scope is None else await parties.bank_card(self._pool, scope, card)
        if found is None or found.party_id != party or not found.bound:
            return None
        account = await self._vault.reveal(found.account_sealed)
        name = await self._keystore.unseal(NAME_PURPOSE, found.name_sealed)
        return PayeeCard(
            account_sealed=await self._keystore.seal(PAYEE_PURPOSE, account.encode()),
            name_sealed=await self._keystore.seal(PAYEE_PURPOSE, name),
            bank=found.bank,
        )

    async def verify(self, *, party: UUID, password: str) -> Reason | None:
        """Spend one try on the withdrawal password."""
        return _REASONS[await self._passwords.check(party, password)]
