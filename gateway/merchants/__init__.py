"""Merchants and terminals as records, the directory that doors read them through, and how they are taken on.

A merchant is a party with a number; a terminal belongs to a merchant. Their facts are edited by the edit shell; a
terminal's keys and batch, and a merchant's state, move through the journal.
"""

from gateway.merchants.directory import Directory
from gateway.merchants.model import BatchState, Merchant, MerchantState, Terminal, TerminalState
from gateway.merchants.onboard import OnboardConflictError, Onboarding

__all__ = [
    "BatchState",
    "Directory",
    "Merchant",
    "MerchantState",
    "OnboardConflictError",
    "Onboarding",
    "Terminal",
    "TerminalState",
]
