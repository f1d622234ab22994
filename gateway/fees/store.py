"""The SQL of fee items, instances and their versions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from gateway.fees.book import GENERATION, Rates
from gateway.fees.model import (
    Factor,
    FactorSource,
    Instance,
    Item,
    RateKind,
    Rounding,
    Taker,
    Terms,
    Tier,
    Version,
)
from gateway.kernel.postgres.edit import Editable
from gateway.kernel.postgres.pool import Connection, Database

FEE_ITEM = Editable(
    name="fee_item",
    columns={
        "id": "uuid",
        "code": "text",
        "business": "text",
        "mode": "text",
        "name": "text",
        "unit": "text",
        "state": "text",
        "version": "integer",
    },
)
FEE_FACTOR = Editable(
    name="fee_factor",
    columns={
        "id": "uuid",
        "item_id": "uuid",
        "name": "text",
        "source": "text",
        "address": "text",
        "version": "integer",
    },
)
FEE_INSTANCE = Editable(
    name="fee_instance",
    columns={
        "id": "uuid",
        "item_id": "uuid",
        "party_id": "uuid",
        "place": "integer",
        "fee_type": "text",
        "state": "text",
        "version": "integer",
    },
)
FEE_VERSION = Editable(
    name="fee_version",
    columns={
        "id": "uuid",
        "instance_id": "uuid",
        "number": "integer",
        "effective_from": "timestamptz",
        "kind": "text",
        "condition": "text",
        "expression": "text",
        "ratio": "numeric",
        "fixed_minor": "bigint",
        "tier_factor": "text",
        "minimum_minor": "bigint",
        "maximum_minor": "bigint",
        "rounding": "text",
        "takers": "jsonb",
        "recorded_at": "timestamptz",
        "who": "text",
        "version": "integer",
    },
)
FEE_DETAIL = Editable(
    name="fee_detail",
    columns={
        "id": "uuid",
        "version_id": "uuid",
        "place": "integer",
        "lower": "numeric",
        "upper": "numeric",
        "ratio": "numeric",
        "fixed_minor": "bigint",
        "expression": "text",
        "version": "integer",
    },
)

_ITEMS = "SELECT id, code, business, mode, unit, name FROM fee_item WHERE state = 'active'"
_FACTORS = "SELECT item_id, name, source, address FROM fee_factor ORDER BY item_id, name"
_INSTANCES = """
SELECT i.id, t.code AS item, i.party_id, i.place, i.fee_type
FROM fee_instance i JOIN fee_item t ON t.id = i.item_id
WHERE i.state = 'active' AND t.state = 'active'
"""
_VERSIONS = """
SELECT id, instance_id, number, effective_from, kind, condition, expression, ratio, fixed_minor, tier_factor,
       minimum_minor, maximum_minor, rounding, takers
FROM fee_version ORDER BY instance_id, effective_from
"""
_VERSIONS_OF = """
SELECT id, instance_id, number, effective_from, kind, condition, expression, ratio, fixed_minor, tier_factor,
       minimum_minor, maximum_minor, rounding, takers
FROM fee_version WHERE instance_id = ANY($1::uuid[]) ORDER BY instance_id, effective_from
"""
_DETAILS_OF = """
SELECT d.version_id, d.lower, d.upper, d.ratio, d.fixed_minor, d.expression
FROM fee_detail d JOIN fee_version v ON v.id = d.version_id
WHERE v.instance_id = ANY($1::uuid[]) ORDER BY d.version_id, d.place
"""
_DETAILS = "SELECT version_id, lower, upper, ratio, fixed_minor, expression FROM fee_detail ORDER BY version_id, place"


async def generation(pool: Database) -> int:
    """Return the number that rises with every change of a rate."""
    return int(await pool.fetchval("SELECT number FROM generation WHERE name = $1", GENERATION))


async def rates(pool: Database) -> Rates:
    """Read all active items and rates as one snapshot, with their generation."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        number = await connection.fetchval("SELECT number FROM generation WHERE name = $1", GENERATION)
        items = await _items(connection)
        return Rates(generation=int(number), items=items, instances=await _instances(connection))


async def rule(pool: Database, item: str, party: UUID) -> Rates:
    """Read one rule as one snapshot: the item, and the rates of it that `party` has and that everybody has."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        number = await connection.fetchval("SELECT number FROM generation WHERE name = $1", GENERATION)
        items = tuple(one for one in await _items(connection) if one.code == item)
        of_rule = "AND t.code = $1 AND (i.party_id = $2 OR i.party_id IS NULL)"
        instances = await connection.fetch(f"{_INSTANCES} {of_rule}", item, party)
        ids = [row["id"] for row in instances]
        details = await connection.fetch(_DETAILS_OF, ids)
        versions = await connection.fetch(_VERSIONS_OF, ids)
        return Rates(generation=int(number), items=items, instances=_joined(instances, versions, details))


async def _items(connection: Connection | Database) -> tuple[Item, ...]:
    factors: defaultdict[UUID, list[Factor]] = defaultdict(list)
    for row in await connection.fetch(_FACTORS):
        source = FactorSource(row["source"])
        factors[row["item_id"]].append(Factor(name=row["name"], source=source, address=row["address"]))
    return tuple(Item(**dict(row.items()), factors=tuple(factors[row["id"]])) for row in await connection.fetch(_ITEMS))


async def _instances(connection: Connection | Database) -> tuple[Instance, ...]:
    details, versions = await connection.fetch(_DETAILS), await connection.fetch(_VERSIONS)
    return _joined(await connection.fetch(_INSTANCES), versions, details)


def _joined(
    instances: Sequence[asyncpg.Record], versions: Sequence[asyncpg.Record], details: Sequence[asyncpg.Record]
) -> tuple[Instance, ...]:
    tiers: defaultdict[UUID, list[Tier]] = defaultdict(list)
    for row in details:
        tiers[row["version_id"]].append(_tier(row))
    known: defaultdict[UUID, list[Version]] = defaultdict(list)
    for row in versions:
        known[row["instance_id"]].append(_version(row, tiers[row["id"]]))
    return tuple(_instance(row, known[row["id"]]) for row in instances)


def _tier(row: asyncpg.Record) -> Tier:
    return Tier(
        lower=row["lower"],
        upper=row["upper"],
        ratio=row["ratio"],
        fixed_minor=row["fixed_minor"],
        expression=row["expression"],
    )


def _version(row: asyncpg.Record, tiers: Sequence[Tier]) -> Version:
    terms = Terms(
        kind=RateKind(row["kind"]),
        takers=tuple(_taker(each) for each in row["takers"]),
        condition=row["condition"],
        expression=row["expression"],
        ratio=row["ratio"],
        fixed_minor=row["fixed_minor"],
        tier_factor=row["tier_factor"],
        tiers=tuple(tiers),
        minimum_minor=row["minimum_minor"],
        maximum_minor=row["maximum_minor"],
        rounding=Rounding(row["rounding"]),
    )
    return Version(id=row["id"], number=row["number"], effective_from=row["effective_from"], terms=terms)


def _taker(shown: Mapping[str, Any]) -> Taker:
    party = shown.get("party")
    return Taker(item=shown["item"], party=None if party is None else UUID(party), weight=shown["weight"])


def _instance(row: asyncpg.Record, versions: Sequence[Version]) -> Instance:
    return Instance(
        id=row["id"],
        item=row["item"],
        party=row["party_id"],
        place=row["place"],
        fee_type=row["fee_type"],
        versions=tuple(versions),
    )


async def item_of(pool: Database, code: str) -> Item | None:
    """Read one active item with its factors."""
    return next((item for item in await _items(pool) if item.code == code), None)


async def instance_of(pool: Database, item: UUID, party: UUID | None, place: int) -> UUID | None:
    """Find the instance of a party (None = everybody's)."""
    found: UUID | None = await pool.fetchval(
        "SELECT id FROM fee_instance WHERE item_id = $1 AND party_id IS NOT DISTINCT FROM $2 AND place = $3",
        item,
        party,
        place,
    )
    return found


async def newest_version(pool: Database, instance: UUID) -> tuple[int, datetime] | None:
    """Return number and time of effect of an instance's newest version."""
    row = await pool.fetchrow(
        "SELECT number, effective_from FROM fee_version WHERE instance_id = $1 ORDER BY number DESC LIMIT 1", instance
    )
    return None if row is None else (row["number"], row["effective_from"])


async def edit_exists(pool: Database, key: str) -> bool:
    """Tell whether an edit with this key was made before."""
    return bool(await pool.fetchval("SELECT EXISTS (SELECT 1 FROM record_edit WHERE key = $1)", key))
