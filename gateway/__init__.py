"""Tillgate: rules, books and doors of a payment gateway.

Rooms and the one direction in which they may import each other stand in `docs/architecture.md`; `tests/tidy` holds it.
"""
