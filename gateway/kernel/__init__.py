"""What every room stands on: money, ids, clock, randomness, reasons, settings, logs, metrics and the database.

The kernel knows no business word beyond money and the reasons a request can be refused for.
"""
