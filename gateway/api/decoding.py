"""Reading bodies and queries: JSON by type, a file as raw bytes or as a form."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.message import Message
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from gateway.api.bodies import Upload
from gateway.api.route import BadRequestError
from gateway.kernel.ids import BadIdError, read
from gateway.kernel.reasons import Reason

Shape = TypeVar("Shape", bound=msgspec.Struct)

_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{1,70}")
_PARTS_MOST: Final = 16
_EARLIEST, _LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


class JsonBody:
    """A JSON body of one type; fields in `secrets` take no part in comparing repeats."""

    def __init__(self, shape: type[msgspec.Struct], *, secrets: frozenset[str] = frozenset()) -> None:
        self.shape = shape
        self._decoder = msgspec.json.Decoder(shape)
        self._secrets = secrets
        self.content: Mapping[str, Any] = {
            "application/json": {"schema": {"$ref": f"#/components/schemas/{shape.__name__}"}}
        }

    def read(self, body: bytes, headers: Mapping[str, str]) -> Any:
        """Decode. Raises BadRequestError with the field's path where the body is not of the type."""
        if _content_type(headers).get_content_type() != "application/json" and body:
            raise BadRequestError(Reason.FORMAT, "the body is JSON; its Content-Type is application/json")
        try:
            decoded = self._decoder.decode(body or b"{}")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadRequestError(Reason.FORMAT, f"the body cannot be read: {error}") from error
        _refuse_unkeepable(msgspec.to_builtins(decoded, builtin_types=(datetime,)), "body")
        return decoded

    def digested(self, decoded: Any) -> bytes:
        """Return the body in one canonical form, secrets left out."""
        fields = msgspec.to_builtins(decoded)
        kept = {name: value for name, value in fields.items() if name not in self._secrets}
        return msgspec.json.encode(kept, order="sorted")


class FileBody:
    """A file: raw bytes with `channel` and `name` in the query, or a form with the parts channel, name and file."""

    content: Mapping[str, Any] = {
        "application/octet-stream": {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "channel": {"type": "string"},
                    "name": {"type": "string"},
                    "file": {"type": "string", "contentMediaType": "application/octet-stream"},
                },
            }
        },
    }

    def read(self, body: bytes, headers: Mapping[str, str]) -> Upload:
        """Return the file with what came beside it."""
        kind = _content_type(headers)
        if kind.get_content_type() == "application/octet-stream":
            return Upload(content=body)
        boundary = kind.get_param("boundary")
        if kind.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
            raise BadRequestError(Reason.FORMAT, "a file comes as application/octet-stream or multipart/form-data")
        return _of_form(form_parts(body, boundary))

    def digested(self, decoded: Any) -> bytes:
        """Return the file's name, channel and digest."""
        said = [decoded.channel, decoded.name, hashlib.sha256(decoded.content).hexdigest()]
        return msgspec.json.encode(said)


def form_parts(body: bytes, boundary: str) -> list[tuple[Message, bytes]]:
    """Split a form (RFC 7578) into its parts, byte for byte. Raises BadRequestError where it is not whole."""
    if not _BOUNDARY.fullmatch(boundary):
        raise BadRequestError(Reason.FORMAT, "the form's boundary is not allowed")
    line = b"\r\n--" + boundary.encode("ascii")
    _, *pieces = (b"\r\n" + body).split(line, _PARTS_MOST + 1)
    if not pieces or not pieces[-1].startswith(b"--") or len(pieces) > _PARTS_MOST:
        raise BadRequestError(Reason.FORMAT, "the form is cut, or has too many parts")
    return [_part(piece) for piece in pieces[:-1]]


def read_query(shape: type[Shape], pairs: Iterable[tuple[str, str]]) -> Shape:
    """Read a query string by type. Raises BadRequestError where a parameter is unknown, wrong or comes twice."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise BadRequestError(Reason.FORMAT, "a query parameter comes twice")
        found[name] = value
    try:
        given = msgspec.convert(found, shape, strict=False)
    except msgspec.ValidationError as error:
        raise BadRequestError(Reason.FORMAT, f"the query cannot be read: {error}") from error
    _refuse_unkeepable(msgspec.to_builtins(given, builtin_types=(datetime,)), "query")
    return given


def read_id(text: str, *kinds: str) -> UUID:
    """Read an id of one of the kinds. Raises BadRequestError where it is none."""
    prefix = text.rpartition("_")[0]
    try:
        return read(prefix if prefix in kinds else kinds[0], text)
    except BadIdError as error:
        raise BadRequestError(Reason.FORMAT, str(error)) from error


def _refuse_unkeepable(told: Any, where: str) -> None:
    """Refuse what is well formed and has no place in the books: the character NUL, and instants beyond all use."""
    match told:
        case str() if "\0" in told:
            raise BadRequestError(Reason.FORMAT, f"the {where} has the character NUL in a text")
        case datetime() if not _EARLIEST <= told <= _LATEST:
            raise BadRequestError(Reason.FORMAT, f"the {where} has a time before {_EARLIEST:%Y} or after {_LATEST:%Y}")
        case dict():
            for name, value in told.items():
                _refuse_unkeepable(name, where)
                _refuse_unkeepable(value, where)
        case list() | tuple():
            for value in told:
                _refuse_unkeepable(value, where)


def _part(piece: bytes) -> tuple[Message, bytes]:
    head, found, content = piece.partition(b"\r\n\r\n")
    if not head.startswith(b"\r\n") or not found:
        raise BadRequestError(Reason.FORMAT, "a part of the form has no header")
    message = Message()
    for line in head.strip(b"\r\n").split(b"\r\n"):
        name, _, value = line.decode("utf-8", errors="replace").partition(":")
        message[name.strip()] = value.strip()
    return message, content


def _of_form(parts: list[tuple[Message, bytes]]) -> Upload:
    found: dict[str, str] = {}
    content: bytes | None = None
    for header, value in parts:
        name = header.get_param("name", header="content-disposition")
        if name == "file" and content is None:
            content = value
            found.setdefault("name", header.get_filename() or "")
        elif name in {"channel", "name"}:
            found[name] = value.decode("utf-8", errors="replace")
        else:
            raise BadRequestError(Reason.FORMAT, "the form has the parts channel, name and file, each once")
    if content is None:
        raise BadRequestError(Reason.FORMAT, "the form has no part named file")
    return Upload(content=content, channel=found.get("channel"), name=found.get("name"))


def _content_type(headers: Mapping[str, str]) -> Message:
    message = Message()
    message["Content-Type"] = headers.get("content-type", "application/octet-stream")
    return message
