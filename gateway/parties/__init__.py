"""The tree of parties: everyone and everything that can own an account, and whose subtree a reader may see.

A party is made by an edit and stays where it is in the tree. Channels and bank accounts are parties too, so what a
channel owes and what lies in a bank account stand in the ledger like anything else. This room knows no money.
"""

from gateway.parties.model import PLATFORM, BankCard, Kind, Party, PartyState, Scope
from gateway.parties.passwords import PasswordCheck, PasswordRules, WithdrawalPasswords

__all__ = [
    "PLATFORM",
    "BankCard",
    "Kind",
    "Party",
    "PartyState",
    "PasswordCheck",
    "PasswordRules",
    "Scope",
    "WithdrawalPasswords",
]
