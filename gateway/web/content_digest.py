"""Content-Digest (RFC 9530): the body's digest as a header, so that a signature over headers covers the body."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from gateway.web.structured import Item, StructuredFieldError, read_dictionary, show_item

_ALGORITHMS: Final = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}


def content_digest(body: bytes) -> str:
    """Return the header's value for `body`, by SHA-256."""
    return f"sha-256={show_item(Item(hashlib.sha256(body).digest()))}"


def digest_fault(header: str, body: bytes) -> str | None:
    """Say what is wrong with a Content-Digest header; None where it is the body's.

    Every digest by an algorithm we know must hold, and there must be one.
    """
    try:
        members = read_dictionary(header)
    except StructuredFieldError as error:
        return f"Content-Digest cannot be read: {error}"
    known = [(name, member) for name, member in members.items() if name in _ALGORITHMS]
    if not known:
        return "Content-Digest has neither sha-256 nor sha-512"
    for name, member in known:
        value = member.value if isinstance(member, Item) else None
        if not isinstance(value, bytes) or not hmac.compare_digest(value, _ALGORITHMS[name](body).digest()):
            return f"Content-Digest is not the {name} of the body that arrived"
    return None
