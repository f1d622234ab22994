"""Choosing the channel a request goes by: facts in, one choice out, with the reason recorded.

Pure: who reads the facts is `clearing`. This is the first form; rules and health join as more facts and more reasons.
"""
