"""The guard of addresses that people enter: a name is resolved, its addresses checked, and only those connected to.

So neither a private address nor a name that turns into one between check and use is ever reached. Source: OWASP on
server-side request forgery; the special ranges are those of the IANA registries (RFC 6890).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

# IPv6 ranges whose addresses lead to an IPv4 address that is not looked at
_TRANSLATED = tuple(IPv6Network(one) for one in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))
AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]


class RefusedAddressError(OSError):
    """A name leads to no address that may be connected to."""


class AddressGuard:
    """Decides which addresses may be connected to: public ones, and those in `allowed` networks."""

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        self._allowed = tuple(ip_network(network) for network in allowed)

    def permits(self, text: str) -> bool:
        """Tell whether the address `text` may be connected to; what is no address may not."""
        try:
            address = ip_address(text.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._allowed) or _is_public(address)

    def refuse_literal(self, host: str) -> None:
        """Refuse a host that is itself an address that may not be connected to. Raises RefusedAddressError."""
        text = host.strip("[]")
        try:
            ip_address(text.partition("%")[0])
        except ValueError:
            return
        if not self.permits(text):
            raise RefusedAddressError("the address may not be connected to: it is not public")

    def open_socket(self, found: AddressInfo) -> socket.socket:
        """Open a socket for one address, as late as can be: whatever way led to it. Raises RefusedAddressError."""
        family, kind, protocol, _, where = found
        if not self.permits(str(where[0])):
            raise RefusedAddressError("the address may not be connected to: it is not public")
        return socket.socket(family, kind, protocol)


class GuardedResolver(AbstractResolver):
    """Resolves names to the addresses that the guard permits; the connection is then made to one of these."""

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Resolve `host`. Raises RefusedAddressError where one of its addresses may not be connected to."""
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        results = [_result(host, port, one) for one in found]
        if not results or not all(self._guard.permits(one["host"]) for one in results):
            raise RefusedAddressError("the name leads to an address that is not public")
        return results

    async def close(self) -> None:
        """Nothing is kept."""


def _result(host: str, port: int, found: tuple[Any, ...]) -> ResolveResult:
    family, _, proto, _, where = found
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(hostname=host, host=str(where[0]), port=port, family=family, proto=proto, flags=flags)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    if isinstance(address, IPv4Address):
        return True
    return not address.is_site_local and not any(address in network for network in _TRANSLATED)
