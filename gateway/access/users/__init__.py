"""Users: people who log in, what they may do, how they prove who they are, and for how long.

Names, phone numbers and secrets of one-time codes are kept sealed, passwords as Argon2id hashes, recovery codes and
session tokens as digests only. Rights are read with the session at every request, so what changes counts at once in
every process. Records are edited through the edit shell; sessions, counted tries and taken codes are its bookkeeping.
"""
