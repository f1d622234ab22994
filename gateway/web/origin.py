"""Where a request comes from: its connection's other end, or what proxies of ours say of it.

A header says what its sender likes: of `X-Forwarded-For` only the part counts that trusted proxies wrote themselves,
from the right (every proxy adds whom it was called by).
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


def origin(peer: str, forwarded_for: str, trusted: Sequence[Network]) -> str:
    """Return the address of the first that no trusted proxy vouches for; empty where it is not known.

    `peer` is the connection's other end, `forwarded_for` the header's value, `trusted` the networks of our proxies.
    """
    nearest = _address(peer)
    if nearest is None:
        return peer
    for text in reversed(forwarded_for.split(",") if forwarded_for.strip() else []):
        if not _is_within(nearest, trusted):
            break
        further = _address(text.strip())
        if further is None:
            break
        nearest = further
    return str(nearest)


def _is_within(address: IPv4Address | IPv6Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address as proxies write it: in brackets, with a port, or plain; IPv4 in IPv6 is IPv4."""
    inner = text[1:].partition("]")[0] if text.startswith("[") else text
    plain = inner.partition(":")[0] if inner.count(":") == 1 else inner
    try:
        address = ip_address(plain.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
