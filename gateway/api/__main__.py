"""Prints the API's description: `python -m gateway.api > docs/openapi.json`."""

from __future__ import annotations

import sys

import msgspec

from gateway.api.openapi import EXAMPLE_ADDRESS, describe
from gateway.api.routes import ROUTES

text = msgspec.json.format(msgspec.json.encode(describe(ROUTES, EXAMPLE_ADDRESS)), indent=1)
sys.stdout.buffer.write(text + b"\n")
