"""The world a day runs in: addresses and credentials, as `tillgate up --json` writes them."""

from __future__ import annotations

import ssl
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec


class Listener(msgspec.Struct, frozen=True):
    """Where terminals of a dialect connect to."""

    dialect: str
    host: str
    port: int
    tls: bool


class Terminal(msgspec.Struct, frozen=True):
    """A terminal and the number of its merchant; `tmk` in hexadecimal."""

    terminal: str
    merchant: str
    tmk: str
    dialect: str


class Card(msgspec.Struct, frozen=True):
    """A test card and what it triggers."""

    pan: str
    pin: str
    behaviour: str


class ApiKey(msgspec.Struct, frozen=True):
    """A key to sign API requests with (PKCS#8 PEM), and the party it belongs to."""

    keyid: str
    alg: str
    private_key: str
    party: str


class Api(msgspec.Struct, frozen=True):
    """Where the API is, and the keys to it."""

    url: str
    keys: list[ApiKey]


class Bank(msgspec.Struct, frozen=True):
    """Where the bank's books are read; the control interface stands beside them, under the same token."""

    books: str


class World(msgspec.Struct, frozen=True):
    """What of the world a day needs; other parts of the JSON are left aside."""

    listeners: list[Listener]
    terminals: list[Terminal]
    cards: list[Card]
    ca: str
    api: Api
    bank: Bank

    @classmethod
    def read(cls, written: bytes | str | dict[str, Any]) -> World:
        """Read the JSON of `tillgate up --json`. Raises msgspec.ValidationError naming what is missing."""
        if isinstance(written, dict):
            return msgspec.convert(written, type=cls)
        return msgspec.json.decode(written, type=cls)

    @property
    def control(self) -> tuple[str, str]:
        """The address and the token of the bank's control interface."""
        parts = urlsplit(self.bank.books)
        return f"{parts.scheme}://{parts.netloc}", parse_qs(parts.query).get("token", [""])[0]

    def listener(self, dialect: str) -> Listener:
        """Return a listener of `dialect`, one without TLS first. Raises LookupError."""
        found = sorted((one for one in self.listeners if one.dialect == dialect), key=lambda one: one.tls)
        if not found:
            raise LookupError(f"no listener of dialect {dialect}")
        return found[0]

    def tls(self) -> ssl.SSLContext:
        """Return a context that trusts the house's own authority, beside the system's."""
        context = ssl.create_default_context()
        if self.ca:
            context.load_verify_locations(cadata=self.ca)
        return context

    def pans(self, behaviour: str) -> list[str]:
        """Return the cards that trigger `behaviour`. Raises LookupError where there is none."""
        found = [card.pan for card in self.cards if card.behaviour == behaviour]
        if not found:
            raise LookupError(f"no card of behaviour {behaviour}")
        return found
