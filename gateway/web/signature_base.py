"""The bytes that an HTTP message signature covers (RFC 9421 section 2.5), for requests and for answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.web.structured import InnerList, Item, show_inner_list, show_item


class UncoveredError(ValueError):
    """A component cannot be covered: it is unknown, missing from the message or named twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestParts:
    """What of a request a signature can cover; header names are in lower case, values of one name joined by comma."""

    method: str
    target_uri: str
    headers: Mapping[str, str]

    def value(self, name: str) -> str:
        """Return a component's value. Raises UncoveredError where the request has none."""
        return _value({"@method": self.method, "@target-uri": self.target_uri}, self.headers, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerParts:
    """What of an answer a signature can cover, the request it answers among it."""

    status: int
    headers: Mapping[str, str]
    request: RequestParts

    def value(self, name: str) -> str:
        """Return a component's value. Raises UncoveredError where the answer has none."""
        return _value({"@status": str(self.status)}, self.headers, name)


def signature_base(parts: RequestParts | AnswerParts, covered: InnerList) -> bytes:
    """Return the signature base of `covered` (components, then parameters) over a message.

    Raises:
        UncoveredError: a component is not one of the message, or is named twice.
    """
    lines: list[str] = []
    for item in covered.items:
        line = f"{show_item(item)}: {_of_item(parts, item)}"
        if line in lines:
            raise UncoveredError(f"{show_item(item)} is covered twice")
        lines.append(line)
    lines.append(f'"@signature-params": {show_inner_list(covered)}')
    return "\n".join(lines).encode("utf-8", errors="surrogateescape")


def components(*names: str, of_request: Sequence[str] = ()) -> tuple[Item, ...]:
    """Return items for component names, then those `of_request` with the flag `req`."""
    return (*(Item(name) for name in names), *(Item(name, {"req": True}) for name in of_request))


def _of_item(parts: RequestParts | AnswerParts, item: Item) -> str:
    name, flags = item.value, dict(item.parameters)
    if not isinstance(name, str):
        raise UncoveredError("a component's name is a string")
    of_request = flags.pop("req", False) is True
    if flags:
        raise UncoveredError(f"the parameter {next(iter(flags))} of {name} is not supported")
    if not of_request:
        return parts.value(name)
    if isinstance(parts, RequestParts):
        raise UncoveredError("a request has no request of its own to cover")
    return parts.request.value(name)


def _value(derived: Mapping[str, str], headers: Mapping[str, str], name: str) -> str:
    found = derived.get(name) if name.startswith("@") else headers.get(name)
    if found is None:
        raise UncoveredError(f"{name} is not a component of this message")
    return found.strip(" \t")
