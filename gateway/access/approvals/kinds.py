"""What can be approved: each kind says who may decide it, when one person is enough, and what approval does.

A room's records become approvable by one registered `Kind`; keys, templates, routes and hand-entered results register
theirs beside the first ones in the composition root.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from gateway.access.approvals.content import unpack
from gateway.access.approvals.model import Proposal, Ruling
from gateway.journal.model import Change
from gateway.kernel.configuration import Parameter
from gateway.kernel.postgres.edit import Edit, Editable

Effect = Callable[[Proposal, Ruling], Change | Edit]
LIMIT_UNIT = "CNY"
EXPIRES_AFTER = Parameter(
    code="approvals.expire_after_h",
    default=72,
    title_zh="待批提议有效期",
    title_en="How long a proposal waits for a second person",
    unit="h",
    smallest=1,
    largest=24 * 90,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of proposal.

    `permission` is the item its decider needs. `effect` is pure: the change or edit that the approval carries out.
    `limit` is the amount (CNY, minor units, whichever way it goes) up to which one person is enough; None or 0, and
    whatever is in another unit: never. `longest` bounds how long it
    waits, beside the installation's own time.
    """

    code: str
    permission: str
    title_zh: str
    title_en: str
    effect: Effect
    limit: Parameter[int] | None = None
    longest: timedelta | None = None


class Kinds:
    """Every kind, by its code. Raises ValueError where two bear one code."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._known: dict[str, Kind] = {}
        for kind in kinds:
            if kind.code in self._known:
                raise ValueError(f"the kind {kind.code} is registered twice")
            self._known[kind.code] = kind

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._known.values())

    def find(self, code: str) -> Kind | None:
        """Return the kind with this code, None where there is none."""
        return self._known.get(code)

    def decided_with(self, permissions: frozenset[str]) -> frozenset[str]:
        """Return the codes of the kinds that these permissions may decide."""
        return frozenset(kind.code for kind in self if kind.permission in permissions)


def edit_kind(
    *,
    code: str,
    permission: str,
    title_zh: str,
    title_en: str,
    tables: Iterable[Editable],
    longest: timedelta | None = None,
) -> Kind:
    """Make a kind whose content is the very lines of an edit of `tables`."""
    known = {table.name: table for table in tables}

    def effect(proposal: Proposal, ruling: Ruling) -> Edit:
        return Edit(
            id=ruling.id,
            key=f"approval/{proposal.id}",
            who=ruling.who,
            why=ruling.why,
            at=ruling.at,
            said={"digest": proposal.digest},
            lines=unpack(proposal.content, known),
        )

    return Kind(code=code, permission=permission, title_zh=title_zh, title_en=title_en, effect=effect, longest=longest)


def limit_of(kind: str, *, title_zh: str, title_en: str) -> Parameter[int]:
    """Declare the amount (CNY) up to which one person is enough for `kind`; 0: always two."""
    return Parameter(
        code=f"approvals.limit.{kind.replace('.', '_')}",
        default=0,
        title_zh=title_zh,
        title_en=title_en,
        unit="minor",
        smallest=0,
        sensitive=True,
    )
