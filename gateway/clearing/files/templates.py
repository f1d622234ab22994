"""File templates in the database: drafted, tested on a sample, activated, rolled back (rows C76-C79).

A file is read or written by the version that is active when it is parsed or generated; which one is kept with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from channels.instruction import Ask, Instruction, Payee
from channels.ports import BadFileError, BatchChannel, FileHeader
from gateway.clearing.files import store
from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.edit import Add, Alter, Edit, Edited, EditRefused, apply_edit
from gateway.kernel.postgres.pool import Database

OUTGOING_KIND = "pay"


class NotDraftedError(Exception):
    """The edit shell refused the draft: why."""


@dataclass(frozen=True, slots=True)
class Activated:
    """The template is active from the next file on."""

    template: UUID


@dataclass(frozen=True, slots=True)
class NotActivated:
    """The sample did not pass, or the version is not known: why."""

    why: str


class FileTemplates:
    """Adds, tests and activates templates through the edit shell."""

    def __init__(self, *, pool: Database, ids: Ids, clock: Clock) -> None:
        self._pool = pool
        self._ids = ids
        self._clock = clock

    async def draft(self, *, channel_kind: str, kind: str, body: str, sample: bytes, who: str, key: str) -> UUID:
        """Add a version; it is used only once it is activated. The same key gives the same version again."""
        known = await store.templates(self._pool, channel_kind, kind)
        template = self._ids.new()
        row = {
            "id": template,
            "channel_kind": channel_kind,
            "kind": kind,
            "number": max((each["number"] for each in known), default=0) + 1,
            "body": body,
            "sha256": hashlib.sha256(body.encode()).digest(),
            "state": "draft",
            "sample": sample,
            "created_by": who,
            "created_at": self._clock.now(),
            "activated_by": "",
            "activated_at": None,
            "version": 1,
        }
        said = {"template": f"{channel_kind}/{kind}", "sha256": hashlib.sha256(body.encode()).hexdigest()}
        result = await apply_edit(
            self._pool, self._edit(key, who, "template drafted", said, Add(store.FILE_TEMPLATE, row))
        )
        if isinstance(result, EditRefused):
            raise NotDraftedError(result.detail)
        if isinstance(result, Edited):
            return template
        known = await store.templates(self._pool, channel_kind, kind)
        return UUID(str(next(each["id"] for each in known if each["sha256"] == row["sha256"])))

    async def activate(
        self, template: UUID, *, language: BatchChannel, who: str, key: str, needs_sample: bool = True
    ) -> Activated | NotActivated:
        """Make a version the active one, after its sample has passed; rolling back is activating an earlier version."""
        row = await store.template(self._pool, template)
        if row is None:
            return NotActivated("no such template")
        if needs_sample and not row["sample"]:
            return NotActivated("a template is activated only with a sample that it passes")
        failing = trial(language, row["kind"], row["body"], row["sample"])
        if failing is not None:
            return NotActivated(failing)
        known = await store.templates(self._pool, row["channel_kind"], row["kind"])
        lines = [
            Alter(store.FILE_TEMPLATE, each["id"], each["version"], {"state": "retired"})
            for each in known
            if each["state"] == "active" and each["id"] != template
        ]
        to = {"state": "active", "activated_by": who, "activated_at": self._clock.now()}
        lines.append(Alter(store.FILE_TEMPLATE, template, row["version"], to))
        said = {"template": str(template), "activated": True}
        result = await apply_edit(self._pool, self._edit(key, who, "template activated", said, *lines))
        if isinstance(result, EditRefused):
            return NotActivated(result.detail)
        return Activated(template)

    async def seed(
        self, *, channel_kind: str, bodies: Mapping[str, str], samples: Mapping[str, bytes], language: BatchChannel
    ) -> None:
        """Give a channel kind its first templates; kinds that have one already are left as they are."""
        for kind, body in bodies.items():
            if await store.active_template(self._pool, channel_kind, kind) is None:
                key = f"seed:{channel_kind}/{kind}"
                template = await self.draft(
                    channel_kind=channel_kind,
                    kind=kind,
                    body=body,
                    sample=samples.get(kind, b""),
                    who="system:seed",
                    key=key,
                )
                outcome = await self.activate(
                    template, language=language, who="system:seed", key=f"{key}:activate", needs_sample=False
                )
                if isinstance(outcome, NotActivated):
                    message = f"the seeded template {channel_kind}/{kind} does not pass its sample: {outcome.why}"
                    raise ValueError(message)

    def _edit(self, key: str, who: str, why: str, said: Mapping[str, object], *lines: Add | Alter) -> Edit:
        at = self._clock.now()
        return Edit(id=self._ids.new(), key=key, who=who, why=why, at=at, said=said, lines=lines)


def trial(language: BatchChannel, kind: str, body: str, sample: bytes) -> str | None:
    """Try a template: an outgoing one writes a payment, any other reads its sample; returns why it does not pass."""
    try:
        if kind == OUTGOING_KIND:
            written = b"".join(language.write(body, _EXAMPLE_HEADER, [_EXAMPLE]))
            return None if not sample or written == sample else "what it writes is not the sample"
        lines = list(language.read(body, [sample] if sample else []))
    except BadFileError as fault:
        return str(fault) if sample else None
    except ValueError as fault:
        return str(fault)
    return None if lines or not sample else "the sample has no line that it reads"


_EXAMPLE_HEADER = FileHeader(
    customer="TILLGATE01", day=date(2026, 11, 22), sequence=1, count=1, amount_minor=50_000, unit="CNY"
)
_EXAMPLE = Instruction(
    number="20261122000000000001",
    ask=Ask.PAYOUT,
    business="withdrawal",
    amount_minor=50_000,
    unit="CNY",
    occurred_at=datetime.fromisoformat("2026-11-22T02:00:00+00:00"),
    payee=Payee(account="6222021000000000000", name="张三", bank="102100099996"),
    purpose="WITHDRAWAL 20261122000000000001",
)
