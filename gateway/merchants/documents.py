"""Which documents a merchant needs before it may be reviewed (row X4)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from gateway.merchants.model import Document, DocumentKind, MerchantKind

NEEDED: dict[MerchantKind, frozenset[DocumentKind]] = {
    MerchantKind.ENTERPRISE: frozenset(
        {DocumentKind.BUSINESS_LICENCE, DocumentKind.IDENTITY_CARD, DocumentKind.ACCOUNT_PERMIT, DocumentKind.AGREEMENT}
    ),
    MerchantKind.SOLE_TRADER: frozenset(
        {DocumentKind.BUSINESS_LICENCE, DocumentKind.IDENTITY_CARD, DocumentKind.AGREEMENT}
    ),
    MerchantKind.MICRO: frozenset({DocumentKind.IDENTITY_CARD, DocumentKind.PREMISES_PROOF, DocumentKind.AGREEMENT}),
}


def missing(kind: MerchantKind, documents: Iterable[Document], *, on: date) -> list[DocumentKind]:
    """Return the documents that are needed and not held, or held but no longer valid `on` that day."""
    held = {one.kind for one in documents if one.is_held and (one.valid_until is None or one.valid_until >= on)}
    return sorted(NEEDED[kind] - held)


def complete_until(kind: MerchantKind, documents: Iterable[Document]) -> date | None:
    """Return the last day on which documents that are complete now still are; None where they never lapse."""
    last: dict[DocumentKind, date] = {}
    for one in documents:
        if one.is_held and one.kind in NEEDED[kind]:
            last[one.kind] = max(last.get(one.kind, date.min), one.valid_until or date.max)
    first = min(last.values(), default=date.max)
    return None if first == date.max else first


def mask_number(number: str) -> str:
    """Show the end of a number: four characters, or a third of it where that is less."""
    shown = min(4, len(number) // 3)
    return "*" * (len(number) - shown) + number[len(number) - shown :]
