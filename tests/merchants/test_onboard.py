from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from gateway.keys import KeyBlock, KeyStore, Vault
from gateway.merchants import Merchant, MerchantState, OnboardConflictError, Onboarding, Terminal, TerminalState
from gateway.parties import PLATFORM, Kind
from gateway.parties import store as parties
from gateway.parties.model import NAME_PURPOSE

CARD = "6222020001234560"


async def test_a_merchant_is_a_party_with_a_number(pool: asyncpg.Pool[Any], merchant: Merchant) -> None:
    party = await parties.party_by_code(pool, Kind.MERCHANT, "m1")
    assert party is not None
    assert (party.id, party.name, party.parent_id) == (merchant.id, "Noodle House", PLATFORM)
    assert (merchant.number, merchant.state, merchant.ripening) == (
        "104110070110814",
        MerchantState.OPEN,
        "batch_settled",
    )


async def test_a_terminal_starts_active_with_its_master_key_and_no_session(terminal: Terminal, tmk: KeyBlock) -> None:
    assert (terminal.state, terminal.tmk) == (TerminalState.ACTIVE, tmk.text)
    assert (terminal.mac_key, terminal.signed_in_at, terminal.batch_no) == (None, None, "000001")
    assert tmk.text not in repr(terminal)


async def test_taking_on_twice_gives_the_same_records(
    onboarding: Onboarding,
    merchant: Merchant,
    terminal: Terminal,
    tmk: KeyBlock,
    pool: asyncpg.Pool[Any],
) -> None:
    assert await onboarding.merchant(code="m1", number=merchant.number, name="Noodle House") == merchant
    assert await onboarding.terminal(number="10000001", merchant=merchant.id, tmk=tmk) == terminal
    agent = await onboarding.party(kind=Kind.AGENT, code="a1", name="Agent")
    assert await onboarding.party(kind=Kind.AGENT, code="a1", name="Agent") == agent
    card = await onboarding.bank_card(party=merchant.id, account=CARD, name="王", bank="ICBC")
    assert await onboarding.bank_card(party=merchant.id, account=CARD, name="王", bank="ICBC") == card
    assert await pool.fetchval("SELECT count(*) FROM record_edit") == 4


async def test_two_at_once_take_on_one(onboarding: Onboarding) -> None:
    took = [onboarding.merchant(code="m2", number="104110070110815", name="Tea House") for _ in range(4)]
    merchants = await asyncio.gather(*took)
    assert len({merchant.id for merchant in merchants}) == 1


async def test_other_facts_under_a_code_that_is_taken_are_refused(
    onboarding: Onboarding,
    merchant: Merchant,
    terminal: Terminal,
    tmk: KeyBlock,
) -> None:
    agent = await onboarding.party(kind=Kind.AGENT, code="a1", name="Agent")
    with pytest.raises(OnboardConflictError, match="another name"):
        await onboarding.party(kind=Kind.AGENT, code="a1", name="Somebody else")
    with pytest.raises(OnboardConflictError, match="another name"):
        await onboarding.merchant(code="m1", number=merchant.number, name="Tea House")
    with pytest.raises(OnboardConflictError, match="was not taken on: party"):
        await onboarding.merchant(code="m1", number="104110070110899", name="Noodle House")
    other = await onboarding.merchant(code="m2", number="104110070110815", name="Tea House", parent=agent.id)
    with pytest.raises(OnboardConflictError, match="another merchant_id"):
        await onboarding.terminal(number=terminal.number, merchant=other.id, tmk=tmk)


@pytest.mark.parametrize(
    ("kind", "above"),
    [
        (Kind.SHOP, Kind.AGENT),
        (Kind.MERCHANT, Kind.MERCHANT),
        (Kind.PLATFORM, Kind.PLATFORM),
        (Kind.CHANNEL, Kind.AGENT),
    ],
)
async def test_the_tree_has_its_order(onboarding: Onboarding, merchant: Merchant, kind: Kind, above: Kind) -> None:
    agent = await onboarding.party(kind=Kind.AGENT, code="a1", name="Agent")
    parent = {Kind.AGENT: agent.id, Kind.MERCHANT: merchant.id, Kind.PLATFORM: PLATFORM}[above]
    with pytest.raises(OnboardConflictError, match=f"kind {kind} cannot stand under {above}"):
        await onboarding.party(kind=kind, code="x", name="x", parent=parent)


@pytest.mark.parametrize(
    ("number", "ripening"),
    [("1041100701108", "at_once"), ("10411007011081!", "at_once"), ("104110070110899", "after_days:0")],
)
async def test_a_number_or_rule_out_of_form_is_refused(onboarding: Onboarding, number: str, ripening: str) -> None:
    with pytest.raises(OnboardConflictError, match="was not taken on: merchant"):
        await onboarding.merchant(code="m9", number=number, name="x", ripening=ripening)


async def test_a_bank_card_is_kept_sealed_and_numbered(
    onboarding: Onboarding,
    merchant: Merchant,
    keys: KeyStore,
    pool: asyncpg.Pool[Any],
) -> None:
    first = await onboarding.bank_card(party=merchant.id, account=CARD, name="王小明", bank="ICBC")
    second = await onboarding.bank_card(party=merchant.id, account="6222021001234569", name="王小明", bank="ICBC")
    assert (first.number, second.number) == (1, 2)
    assert first.mask == "622202******4560"
    assert await Vault(keys).reveal(first.account_sealed) == CARD
    assert (await keys.unseal(NAME_PURPOSE, first.name_sealed)).decode() == "王小明"
    assert await parties.bank_card_by_number(pool, merchant.id, 2) == second
    assert await parties.bank_cards(pool, merchant.id) == [first, second]
    stored = str(await pool.fetch("SELECT c::text FROM bank_card c UNION ALL SELECT l::text FROM record_edit_line l"))
    assert CARD not in stored
    assert "王小明" not in stored
