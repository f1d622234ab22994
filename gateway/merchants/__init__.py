"""Merchants and terminals as records, the directory that doors read them through, and how they are taken on.

A merchant is a party with a number; a terminal belongs to a merchant. Their facts are edited by the edit shell; a
terminal's keys and batch, and a merchant's state, move through the journal. `MerchantOffice` takes merchants on as
drafts and moves them; `Onboarding` makes merchants that are open at once, for a sandbox.
"""

from gateway.merchants.directory import Directory
from gateway.merchants.model import (
    BatchState,
    Document,
    DocumentKind,
    File,
    Merchant,
    MerchantKind,
    MerchantState,
    Shop,
    Terminal,
    TerminalState,
)
from gateway.merchants.office import (
    Amendment,
    MerchantOffice,
    NewDocument,
    NewMerchant,
    NewTerminal,
    Written,
    moved,
    unbound,
)
from gateway.merchants.onboard import OnboardConflictError, Onboarding
from gateway.merchants.states import BY_TWO, MERCHANT_STATES, MerchantEvent

__all__ = [
    "BY_TWO",
    "MERCHANT_STATES",
    "Amendment",
    "BatchState",
    "Directory",
    "Document",
    "DocumentKind",
    "File",
    "Merchant",
    "MerchantEvent",
    "MerchantKind",
    "MerchantOffice",
    "MerchantState",
    "NewDocument",
    "NewMerchant",
    "NewTerminal",
    "OnboardConflictError",
    "Onboarding",
    "Shop",
    "Terminal",
    "TerminalState",
    "Written",
    "moved",
    "unbound",
]
