"""The bank's XML, written and read strictly (`docs/sandbox-bank.md`).

Reading allows no entities, no network, no huge trees; a body that is not exactly a `BankAnswer` raises BadMessageError.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from lxml import etree

LARGEST = 64 * 1024
_VERSION = "1.0"


class BadMessageError(ValueError):
    """A body is not a message of this bank; the text never quotes it."""


@dataclass(frozen=True, slots=True)
class BankMessage:
    """Head and body of one message as flat text elements; absent and empty elements are the same."""

    function: str
    number: str
    body: Mapping[str, str] = field(repr=False)

    def get(self, name: str) -> str:
        """Return the text of a body element, empty where it is absent."""
        return self.body.get(name, "")


def write(message: BankMessage, *, customer: str, sent_at: str) -> bytes:
    """Write a request; elements stand in the order of `message.body`."""
    head = _elements(
        {"Function": message.function, "Number": message.number, "Customer": customer, "SentAt": sent_at},
    )
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<BankRequest version="{_VERSION}">'
        f"<Head>{head}</Head><Body>{_elements(message.body)}</Body></BankRequest>"
    )
    return text.encode()


def read(data: bytes) -> BankMessage:
    """Read an answer. Raises BadMessageError for anything else."""
    root = _parse(data)
    if root.tag != "BankAnswer" or root.get("version") != _VERSION or [child.tag for child in root] != ["Head", "Body"]:
        message = "not a BankAnswer of version 1.0 with Head and Body"
        raise BadMessageError(message)
    head, body = _flat(root[0]), _flat(root[1])
    return BankMessage(head.get("Function", ""), head.get("Number", ""), body)


def _parse(data: bytes) -> etree._Element:
    if len(data) > LARGEST:
        message = f"longer than {LARGEST} bytes"
        raise BadMessageError(message)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as fault:
        message = "not well-formed XML"
        raise BadMessageError(message) from fault
    if root.getroottree().docinfo.doctype:  # type: ignore[union-attr]
        message = "a document type is not allowed"
        raise BadMessageError(message)
    return root


def _flat(element: etree._Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for child in element:
        if len(child) or not isinstance(child.tag, str) or child.tag in found:
            message = "elements of Head and Body are single and hold text only"
            raise BadMessageError(message)
        found[child.tag] = (child.text or "").strip()
    return found


def _elements(values: Mapping[str, str]) -> str:
    return "".join(f"<{name}>{escape(value)}</{name}>" for name, value in values.items() if value)
