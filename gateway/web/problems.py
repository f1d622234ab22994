"""Problems (RFC 9457): how a reason looks over HTTP, from the one answer table."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from aiohttp import web

from gateway.kernel.reasons import ANSWERS, Reason, Retry

CONTENT_TYPE = "application/problem+json"


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a request was not done. `code` is stable; `retry` says what the caller may do.

    never: do not send this again. same_key: send it again with the same Idempotency-Key. new_key: send it changed, with
    a new one. ask: the outcome is not known yet; read the record, do not send again with another key.
    """

    type: str
    title: str
    status: int
    code: Reason
    retry: Retry
    instance: str
    detail: str = ""


def problem(
    reason: Reason,
    detail: str,
    *,
    instance: str,
    types: str,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Return the answer for `reason`.

    `instance` names this request, `types` is the address at which problem types are described; `status` overrides the
    table's where HTTP itself has a closer one (404 for an unknown path, 413 for too large a body).
    """
    answer = ANSWERS[reason]
    shown = Problem(
        type=f"{types}#{reason.value}",
        title=answer.title,
        status=status or answer.http,
        code=reason,
        retry=answer.retry,
        instance=instance,
        detail=detail,
    )
    return web.Response(
        body=msgspec.json.encode(shown), status=shown.status, content_type=CONTENT_TYPE, headers=headers
    )
