"""Knowing a request before it is decided: whose it is, its card as a token, the keyed digest of its content."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Protocol
from uuid import UUID

import msgspec

from gateway.clearing.settings import RoadSettings
from gateway.kernel.clock import Clock
from gateway.kernel.reasons import Reason
from gateway.keys.port import Digest, KeyStore
from gateway.keys.vault import Vault
from gateway.payments.decision import Payee, Request, Unused
from gateway.payments.model import AcquiringRecord, CardData, Transaction
from gateway.payments.operation import KeptCard

_CONTENT, _EXPIRY = "request", "expiry"
_CLOSED, _AT_ONCE, _WITH_BATCH = "closed", "at_once", "batch_settled"
_OF_AN_ORIGINAL = (
    Transaction.VOID,
    Transaction.REFUND,
    Transaction.PREAUTHORISATION_VOID,
    Transaction.COMPLETION,
    Transaction.COMPLETION_VOID,
)


class Merchant(Protocol):
    """A merchant as registered."""

    @property
    def id(self) -> UUID:
        """Its party's id."""
        ...

    @property
    def number(self) -> str:
        """Its 15 characters."""
        ...

    @property
    def state(self) -> str:
        """`open` where it may be paid, `suspended` where it may only be asked about and reversed."""
        ...

    @property
    def ripening(self) -> str:
        """When its money may be withdrawn."""
        ...


class Merchants(Protocol):
    """Registered merchants, from memory; `expects` are the generations they are true at."""

    @property
    def expects(self) -> tuple[tuple[str, int], ...]:
        """Generations for `Change.expects`."""
        ...

    async def merchant(self, number: str) -> Merchant | None:
        """Return the merchant numbered `number`."""
        ...

    async def refresh(self) -> None:
        """Drop what has changed."""
        ...


class Identification:
    """Makes a `Request` of a record."""

    def __init__(self, *, merchants: Merchants, keystore: KeyStore, clock: Clock, settings: RoadSettings) -> None:
        self._merchants = merchants
        self._keystore = keystore
        self._vault = Vault(keystore)
        self._clock = clock
        self._settings = settings

    async def of(self, record: AcquiringRecord) -> Request | Unused:
        """Identify a request; Unused where its merchant or card cannot be one."""
        expects = self._merchants.expects
        merchant = await self._merchants.merchant(record.merchant)
        if merchant is None:
            return Unused(Reason.MERCHANT_UNKNOWN)
        try:
            card = None if record.card is None else await self._kept(record.card)
            prints = await self._prints(record)
        except ValueError:
            return Unused(Reason.BAD_CARD)
        digest = await self._keystore.digest(_CONTENT, content_of(record, b"" if card is None else card.fingerprint))
        now = self._clock.now()
        return Request(
            record=record,
            payee=_payee(merchant),
            digest=digest.value,
            digest_version=digest.version,
            card=card,
            at=now,
            answer_by=now + timedelta(seconds=max(record.answer_by - self._clock.monotonic(), 0)),
            kept_until=now + timedelta(days=self._settings.reference_kept_days),
            expects=expects,
            prints=prints,
        )

    async def afresh(self, request: Request) -> Request:
        """Look at the merchant again as it stands in the books now."""
        await self._merchants.refresh()
        return await self.again(request)

    async def again(self, request: Request) -> Request:
        """Look at the merchant and the clock again: something has changed since, or time has gone by."""
        expects = self._merchants.expects
        merchant = await self._merchants.merchant(request.record.merchant)
        payee = replace(request.payee, state=_CLOSED) if merchant is None else _payee(merchant)
        return replace(request, payee=payee, expects=expects, at=self._clock.now())

    async def is_same(self, request: Request, digest: bytes, version: int) -> bool:
        """Tell whether an earlier digest, maybe under an older key, is of the same content."""
        return any(each == Digest(digest, version) for each in await self._digests(request.record))

    async def _digests(self, record: AcquiringRecord) -> list[Digest]:
        card = record.card
        prints = [Digest(b"", -1)] if card is None else await self._vault.fingerprints(card.pan)
        digests: list[Digest] = []
        for each in prints:
            made = await self._keystore.digests(_CONTENT, content_of(record, each.value))
            digests += [digest for digest in made if card is None or digest.version == each.version]
        return digests

    async def _prints(self, record: AcquiringRecord) -> tuple[Digest, ...]:
        """The fingerprints of a card that must be its original's, which may be of an older key."""
        if record.card is None or record.transaction not in _OF_AN_ORIGINAL:
            return ()
        return tuple(await self._vault.fingerprints(record.card.pan))

    async def _kept(self, card: CardData) -> KeptCard:
        token = await self._vault.keep(card.pan)
        expiry = None if card.expiry is None else await self._keystore.seal(_EXPIRY, card.expiry.encode())
        return KeptCard(
            sealed=token.sealed,
            fingerprint=token.fingerprint,
            version=token.fingerprint_version,
            mask=token.mask,
            expiry_sealed=expiry,
        )


def _payee(merchant: Merchant) -> Payee:
    return Payee(
        id=merchant.id,
        number=merchant.number,
        state=merchant.state,
        ripens_at_once=merchant.ripening == _AT_ONCE,
        ripens_with_batch=merchant.ripening == _WITH_BATCH,
    )


def content_of(record: AcquiringRecord, fingerprint: bytes) -> bytes:
    """What a repeat must have in common with the first, as bytes to be digested."""
    pairs = sorted(record.content)
    return msgspec.json.encode([record.transaction.value, record.merchant, pairs, fingerprint.hex()])
