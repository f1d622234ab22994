"""The published description: OpenAPI 3.1, made from the table of routes and the types of bodies and queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from gateway.access import Open
from gateway.api.decoding import JsonBody
from gateway.api.route import Nothing, Route
from gateway.kernel.reasons import ANSWERS, Reason
from gateway.web.problems import CONTENT_TYPE, Problem

VERSION: Final = "1.0.0"
EXAMPLE_ADDRESS: Final = "https://gateway.example"

_TEMPLATE: Final = "#/components/schemas/{name}"
_PROVEN: Final = (Reason.BAD_SIGNATURE, Reason.SESSION_ENDED, Reason.NOT_PERMITTED, Reason.TOO_MANY_REQUESTS)
_ALWAYS: Final = (Reason.FORMAT, Reason.FAULT, Reason.UNREACHABLE, Reason.INTERCEPTED)
_CHANGING: Final = (Reason.MISSING_KEY, Reason.KEY_REUSED, Reason.BUSY, Reason.NO_ANSWER)
_SIGNATURE: Final = (
    "HTTP Message Signatures (RFC 9421) over @method and @target-uri, with a body also content-digest (RFC 9530), with"
    " an Idempotency-Key also idempotency-key; parameters created, keyid, alg and, for POST, nonce. Answers are signed"
    " too, under a key of /v1/keys."
)
_SESSION: Final = "The token of POST /v1/sessions; a user's request needs no signature."


def describe(routes: Sequence[Route], address: str) -> dict[str, Any]:
    """Return the description of `routes` served at `address`, ready for JSON."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    shapes = [Problem, *(shape for route in routes for shape in _shapes(route))]
    _, schemas = msgspec.json.schema_components(dict.fromkeys(shapes), ref_template=_TEMPLATE)
    whole = {
        "openapi": "3.1.0",
        "info": {"title": "Tillgate HTTP API", "version": VERSION, "license": _LICENSE, "description": _SIGNATURE},
        "servers": [{"url": address}],
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in routes)],
        "security": [{"signature": []}, {"session": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "signature": {"type": "apiKey", "in": "header", "name": "Signature", "description": _SIGNATURE},
                "session": {"type": "http", "scheme": "bearer", "description": _SESSION},
            },
            "headers": _HEADERS,
            "schemas": {_published(name): schema for name, schema in sorted(schemas.items())},
        },
    }
    named: dict[str, Any] = _renamed(whole)
    return named


def refusals(route: Route) -> list[Reason]:
    """Return every reason that a route may end with, by HTTP status."""
    found = [*_ALWAYS, *route.refusals]
    found += _PROVEN if route.permission is not Open.PUBLIC else ()
    found += _CHANGING if route.changes else ()
    return sorted(dict.fromkeys(found), key=lambda reason: (ANSWERS[reason].http, reason))


def _published(name: str) -> str:
    """Return the name a shape is known by outside: `WithdrawalShown` is a Withdrawal there."""
    return name.removesuffix("Shown")


def _renamed(value: Any) -> Any:
    """Return a description whose titles and references use the published names."""
    if isinstance(value, dict):
        return {
            key: _published(part) if key in {"title", "$ref"} and isinstance(part, str) else _renamed(part)
            for key, part in value.items()
        }
    return [_renamed(part) for part in value] if isinstance(value, list) else value


def _operation(route: Route) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "operationId": route.operation,
        "tags": [route.tag],
        "summary": route.summary,
        "parameters": [*_path_parameters(route), *_query_parameters(route)],
        "responses": _responses(route),
    }
    if route.permission is Open.PUBLIC:
        shown["security"] = []
    else:
        shown["x-permission"] = route.permission.value
    if route.changes:
        shown["parameters"].append({**_IDEMPOTENCY_KEY, "required": not route.key_is_optional})
    if route.decoder is not None:
        content = {name: dict(form) for name, form in route.decoder.content.items()}
        if route.example is not None:
            content["application/json"]["example"] = route.example
        is_needed = not isinstance(route.decoder, JsonBody) or route.decoder.shape is not Nothing
        shown["requestBody"] = {"required": is_needed, "content": content}
    return shown


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    found = []
    for name in route.places:
        kinds = route.ids.get(name)
        pattern = f"^({'|'.join(kinds)})_[0-9a-hjkmnp-tv-z]{{26}}$" if kinds else f"^{route.words[name]}$"
        schema = {"type": "string", "pattern": pattern}
        found.append({"name": name, "in": "path", "required": True, "schema": schema})
    return found


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    _, schemas = msgspec.json.schema_components([route.query], ref_template=_TEMPLATE)
    shape = schemas[route.query.__name__]
    required = shape.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": schema}
        for name, schema in shape.get("properties", {}).items()
    ]


def _responses(route: Route) -> dict[str, Any]:
    answer = {"application/json": {"schema": {"$ref": _TEMPLATE.format(name=route.answer.__name__)}}}
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in _answer_headers(route)}
    found: dict[str, Any] = {"200": {"description": "Done", "headers": headers, "content": answer}}
    by_status: dict[int, list[Reason]] = {}
    for reason in refusals(route):
        by_status.setdefault(ANSWERS[reason].http, []).append(reason)
    if route.method == "POST":
        by_status[413] = [Reason.FORMAT]
    for status, reasons in sorted(by_status.items()):
        texts = "; ".join(f"`{reason.value}`: {ANSWERS[reason].title}" for reason in reasons)
        content = {CONTENT_TYPE: {"schema": {"$ref": _TEMPLATE.format(name="Problem")}}}
        found[str(status)] = {"description": texts, "content": content}
    return found


def _answer_headers(route: Route) -> Iterable[str]:
    return ("X-Request-Id", "Idempotency-Replayed") if route.changes else ("X-Request-Id",)


def _shapes(route: Route) -> list[type[msgspec.Struct]]:
    body = [route.decoder.shape] if isinstance(route.decoder, JsonBody) else []
    return [route.answer, *body]


_LICENSE: Final = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
_HEADERS: Final = {
    "X-Request-Id": {"description": "Names this request in our logs", "schema": {"type": "string"}},
    "Idempotency-Replayed": {
        "description": "true where this is the answer of a request that was done before",
        "schema": {"type": "string", "const": "true"},
    },
}
_IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "Of the caller's choice; the same key with the same content gives the first answer again",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
