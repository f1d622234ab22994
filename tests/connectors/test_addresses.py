"""The guard of addresses that people enter."""

from __future__ import annotations

import asyncio
import socket

import pytest

from connectors.addresses import AddressGuard, GuardedResolver, RefusedAddressError


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),  # noqa: S104 - nothing is bound
        *("224.0.0.1", "255.255.255.255", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::"),
        *("::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::", "no address", ""),
        *("fec0::1", "::7f00:1", "::ffff:0:7f00:1", "127.1", "2130706433", "0177.0.0.1"),
    ],
)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert not AddressGuard().permits(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_what_is_public_is_permitted(address: str) -> None:
    assert AddressGuard().permits(address)


def test_networks_of_the_settings_are_permitted() -> None:
    guard = AddressGuard(["10.1.0.0/16"])
    assert guard.permits("10.1.2.3")
    assert not guard.permits("10.2.0.1")
    with pytest.raises(ValueError, match="does not appear to be"):
        AddressGuard(["nowhere"])


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "::1"])
def test_an_address_in_the_place_of_a_name_is_looked_at_too(host: str) -> None:
    with pytest.raises(RefusedAddressError):
        AddressGuard().refuse_literal(host)
    AddressGuard(["127.0.0.0/8", "::1/128"]).refuse_literal(host)
    AddressGuard().refuse_literal("example.org")


@pytest.mark.parametrize("found", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"]])
async def test_a_name_that_leads_inside_is_refused(monkeypatch: pytest.MonkeyPatch, found: list[str]) -> None:
    async def resolved(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 443)) for one in found]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
    with pytest.raises(RefusedAddressError):
        await GuardedResolver(AddressGuard()).resolve("rebound.example", 443)


async def test_a_public_name_gives_the_addresses_to_connect_to(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolved(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 443))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
    (result,) = await GuardedResolver(AddressGuard()).resolve("public.example", 443)
    assert (result["hostname"], result["host"], result["port"]) == ("public.example", "8.8.8.8", 443)


@pytest.mark.parametrize("where", [("127.0.0.1", 443), ("127.1", 443), ("2130706433", 443), ("::1", 443, 0, 0)])
def test_no_socket_is_opened_for_what_is_not_public(where: tuple[object, ...]) -> None:
    with pytest.raises(RefusedAddressError):
        AddressGuard().open_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", where))


def test_a_socket_is_opened_for_what_is_permitted() -> None:
    with AddressGuard(["127.0.0.0/8"]).open_socket(
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 443))
    ) as opened:
        assert opened.family is socket.AF_INET
