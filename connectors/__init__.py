"""Transports that carry bytes to banks: time-outs, retries and circuits in one place, and no business.

Nothing here imports `gateway` or `channels`.
"""
