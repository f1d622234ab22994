"""The description as served: `/openapi.json`, and `/docs`, a page made from it without any outside asset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web

from gateway.kernel.reasons import ANSWERS

_POLICY: Final = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_GUARDS: Final = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}


def add_pages(app: web.Application, description: Mapping[str, Any]) -> None:
    """Serve the description and its page; both are made once."""
    _serve(app, "/openapi.json", msgspec.json.encode(description), "application/json")
    _serve(app, "/docs", page(description).encode(), "text/html; charset=utf-8")
    _serve(app, "/docs/style.css", _STYLE.encode(), "text/css; charset=utf-8")


def page(description: Mapping[str, Any]) -> str:
    """Return the description as one HTML page."""
    info = description["info"]
    return "".join(
        (
            "<!doctype html><html lang=en><meta charset=utf-8>",
            "<meta name=viewport content='width=device-width, initial-scale=1'>",
            f"<title>{escape(info['title'])}</title><link rel=stylesheet href='/docs/style.css'><main>",
            f"<h1>{escape(info['title'])} <small>{escape(info['version'])}</small></h1>",
            f"<p>{escape(info['description'])}</p><p><a href='/openapi.json'>openapi.json</a></p>",
            *_operations(description),
            "<h2 id=problems>Problems</h2>",
            "<table><tr><th>code<th>HTTP<th>retry<th>meaning</tr>",
            *_problems(),
            "</table><h2 id=schemas>Bodies</h2>",
            *_schemas(description["components"]["schemas"]),
            "</main></html>",
        )
    )


def _operations(description: Mapping[str, Any]) -> Iterator[str]:
    for tag in description["tags"]:
        yield f"<h2>{escape(tag['name'])}</h2>"
        for path, methods in description["paths"].items():
            for method, operation in methods.items():
                if tag["name"] in operation["tags"]:
                    yield from _operation(path, method, operation)


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> Iterator[str]:
    permission = operation.get("x-permission")
    yield f"<section id='{escape(operation['operationId'])}'>"
    yield f"<h3><b>{method.upper()}</b> <code>{escape(path)}</code></h3><p>{escape(operation['summary'])}."
    yield f" Permission <code>{escape(permission)}</code>.</p>" if permission else " Public.</p>"
    if operation["parameters"]:
        yield "<table><tr><th>parameter<th>in<th>form</tr>"
        for one in operation["parameters"]:
            needed = "" if one["required"] else " (optional)"
            form = escape(_form(one["schema"]))
            yield f"<tr><td><code>{escape(one['name'])}</code>{needed}<td>{one['in']}<td>{form}</tr>"
        yield "</table>"
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<p>Body: {_reference(content['schema'])} <small>{escape(kind)}</small></p>"
        if "example" in content:
            example = msgspec.json.format(msgspec.json.encode(content["example"]), indent=2).decode()
            yield f"<pre>{escape(example)}</pre>"
    yield "<table><tr><th>HTTP<th>answer</tr>"
    for status, answer in operation["responses"].items():
        shape = next(iter(answer["content"].values()))["schema"]
        yield f"<tr><td>{status}<td>{_reference(shape)} {escape(answer['description'])}</tr>"
    yield "</table></section>"


def _problems() -> Iterator[str]:
    for reason, answer in ANSWERS.items():
        yield f"<tr id='{reason.value}'><td><code>{reason.value}</code><td>{answer.http}"
        yield f"<td>{answer.retry.value}<td>{escape(answer.title)}</tr>"


def _schemas(schemas: Mapping[str, Any]) -> Iterator[str]:
    for name, schema in schemas.items():
        yield f"<section id='schema-{escape(name)}'><h3>{escape(name)}</h3>"
        yield f"<p>{escape(schema.get('description', ''))}</p>"
        if "properties" in schema:
            yield "<table><tr><th>field<th>form</tr>"
            for field, form in schema["properties"].items():
                needed = "" if field in schema.get("required", []) else " (optional)"
                yield f"<tr><td><code>{escape(field)}</code>{needed}<td>{_reference(form)}</tr>"
            yield "</table>"
        yield "</section>"


def _reference(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f"<a href='#schema-{name}'>{name}</a>"
    if "anyOf" in schema:
        return " or ".join(_reference(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_reference(schema['items'])}"
    return escape(_form(schema))


def _form(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_form(one) for one in schema["anyOf"])
    form = str(schema.get("format") or schema.get("type") or "any")
    shown = [f"{name} {schema[name]}" for name in ("pattern", "minimum", "maximum", "default") if name in schema]
    return ", ".join([form, *shown])


def _serve(app: web.Application, path: str, body: bytes, kind: str) -> None:
    async def give(_request: web.Request) -> web.Response:
        return web.Response(body=body, headers={**_GUARDS, hdrs.CONTENT_TYPE: kind})

    app.router.add_get(path, give)


_STYLE: Final = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1rem; }
section { border-top: 1px solid #8884; padding: .5rem 0 1rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid #8883; }
code, pre { font-family: ui-monospace, monospace; }
pre { background: #8882; padding: .6rem; overflow-x: auto; }
"""
