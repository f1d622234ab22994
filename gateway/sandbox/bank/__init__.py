"""The sandbox bank: signed XML over HTTPS, fixed-width files over SFTP, its own books (`docs/sandbox-bank.md`).

Rules: every effect is in the bank's own store before it is answered or a file shows it; a kill at any instant loses and
doubles nothing; what goes wrong is decided by the card, or from the seed and the instruction's number.
"""
