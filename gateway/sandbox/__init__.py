"""The sandbox: a bank, terminals and a whole business day, seeded, on code of its own so that it can disagree with us.

Rules: nothing here imports channels, connectors, ledger or journal, nor any door or key store; messages, files and
message authentication codes are built a second time from their specifications. Only test cards, test keys and
loopback addresses.
"""
