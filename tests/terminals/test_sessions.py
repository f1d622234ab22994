"""Sign-in, echo, sign-off: keys made, kept, handed out, and how long the old ones live."""

from __future__ import annotations

import pytest

from gateway.keys.port import KeyBlock, KeyKind, KeyStoreError
from gateway.keys.software import SoftwareKeyStore

TMK = bytes.fromhex("CA5D92598DCA48CE8A4C76361A9269E9")


async def test_a_sign_in_hands_out_keys_and_the_open_batch(opened, dial, world) -> None:
    world.edit("10000001", batch_no="000037")
    pos = await dial(await opened())
    answer = await pos.sign_in("003")
    assert answer.mti == "0810"
    assert set(answer.fields) == {11, 12, 13, 37, 39, 41, 42, 60, 62}
    assert (answer.text(60), len(answer.octets(62) or b"")) == ("00000037003", 40)
    assert pos.batch == "000037"
    kept = world.terminals["10000001"]
    assert kept.signed_in_at is not None
    assert (kept.previous_mac_key, kept.previous_pin_key) == (None, None)
    assert world.changes[-1].who == "terminal:10000001"


@pytest.mark.parametrize(("code", "length"), [("001", 24), ("003", 40), ("004", 60)])
async def test_the_keys_of_a_sign_in_are_laid_out_by_its_code(opened, dial, code: str, length: int) -> None:
    pos = await dial(await opened())
    answer = await pos.sign_in(code)  # unwraps them and compares the check values
    assert len(answer.octets(62) or b"") == length
    assert (len(pos.mac_key), len(pos.pin_key)) == (8, 8 if code == "001" else 16)
    assert (await pos.ask(pos.sale())).text(39) == "00"


async def test_the_key_slot_of_the_published_example(keys: SoftwareKeyStore) -> None:
    """TMK CA5D…: MAC part B651F9E9BACE9AE1, eight zero bytes in clear, AB7153CA, gives MAC key 5BB5C72CD00B7338."""
    tmk = await keys.load(KeyKind.TERMINAL_MASTER, TMK)
    mac_key = await keys.load(KeyKind.MAC, bytes.fromhex("5BB5C72CD00B7338"))
    wrapped = await keys.wrap(tmk, mac_key)
    assert wrapped.cryptogram.ljust(16, b"\0") + wrapped.check_value == bytes.fromhex(
        "B651F9E9BACE9AE10000000000000000AB7153CA"
    )


@pytest.mark.parametrize(("mti", "code"), [("0800", "005"), ("0800", "002"), ("0800", "999"), ("0820", "201")])
async def test_other_network_codes_are_not_supported(opened, dial, mti: str, code: str) -> None:
    pos = await dial(await opened())
    answer = await pos.ask(pos.network(mti, code))
    assert (answer.mti, answer.text(39)) == (f"{mti[:2]}{int(mti[2]) + 1}0", "40")


async def test_an_echo_needs_no_session_and_no_trace(opened, dial) -> None:
    pos = await dial(await opened())
    answer = await pos.ask(pos.network("0820", "301", f11=""))
    assert (answer.mti, answer.text(39)) == ("0830", "00")
    assert set(answer.fields) == {12, 13, 37, 39, 41, 42, 60}
    assert answer.text(60) == "00000001301"


async def test_a_sign_in_without_a_trace_is_a_format_error(opened, dial) -> None:
    pos = await dial(await opened())
    answer = await pos.ask(pos.network("0800", "003", f11=""))
    assert (answer.text(39), answer.text(44)) == ("30", "11")


async def test_after_a_sign_off_the_session_is_gone(pos, world) -> None:
    assert (await pos.ask(pos.network("0820", "002"))).text(39) == "00"
    assert (await pos.ask(pos.sale())).text(39) == "77"
    assert (await pos.ask(pos.network("0820", "002"))).text(39) == "00"
    assert [change.why for change in world.changes] == ["sign-in 003", "sign-off"]


async def test_old_keys_are_good_until_the_first_message_under_the_new_ones(pos, world) -> None:
    old = pos.mac_key
    await pos.sign_in()
    new = pos.mac_key
    assert new != old
    assert (await pos.ask(pos.sale(), key=old)).text(39) == "00"  # the answer is under the same key
    assert (await pos.ask(pos.sale(), key=new)).text(39) == "00"
    assert (await pos.ask(pos.sale(), key=old)).text(39) == "A0"
    kept = world.terminals["10000001"]
    assert (kept.previous_mac_key, kept.previous_pin_key) == (None, None)


async def test_sign_ins_that_are_never_used_do_not_push_out_the_keys_in_use(pos) -> None:
    used = pos.mac_key
    for _ in range(4):
        await pos.sign_in()
    assert (await pos.ask(pos.sale(), key=used)).text(39) == "00"


async def test_of_keys_that_were_never_used_the_two_newest_are_good(pos, world) -> None:
    offered = [pos.mac_key]
    assert (await pos.ask(pos.sale())).text(39) == "00"
    for _ in range(3):
        await pos.sign_in()
        offered.append(pos.mac_key)
    used, oldest, before, newest = offered
    assert (await pos.ask(pos.sale(), key=oldest)).text(39) == "A0"
    assert (await pos.ask(pos.sale(), key=used)).text(39) == "00"
    assert (await pos.ask(pos.sale(), key=before)).text(39) == "00"
    assert (await pos.ask(pos.sale(), key=used)).text(39) == "A0"  # the terminal has shown newer ones
    assert (await pos.ask(pos.sale(), key=before)).text(39) == "00"
    assert (await pos.ask(pos.sale(), key=newest)).text(39) == "00"
    assert (await pos.ask(pos.sale(), key=before)).text(39) == "A0"
    kept = world.terminals["10000001"]
    assert (kept.offered_mac_key, kept.offered_pin_key, kept.previous_mac_key) == (None, None, None)


async def test_a_sign_in_after_a_message_under_the_offered_keys_keeps_those(pos) -> None:
    await pos.sign_in()
    offered = pos.mac_key
    await pos.sign_in()
    assert (await pos.ask(pos.sale(), key=offered)).text(39) == "00"
    for _ in range(3):
        await pos.sign_in()
    assert (await pos.ask(pos.sale(), key=offered)).text(39) == "00"


async def test_a_sign_off_ends_every_generation_of_keys(pos) -> None:
    keys = [pos.mac_key]
    for _ in range(2):
        await pos.sign_in()
        keys.append(pos.mac_key)
    assert (await pos.ask(pos.network("0820", "002"))).text(39) == "00"
    assert [(await pos.ask(pos.sale(), key=key)).text(39) for key in keys] == ["77"] * 3


async def test_a_terminal_may_come_back_on_another_connection(opened, dial) -> None:
    door = await opened()
    first = await dial(door)
    await first.sign_in()
    second = await dial(door)
    assert (await second.ask(second.sale(), key=first.mac_key)).text(39) == "00"


async def test_a_record_that_moved_in_between_is_read_and_decided_again(opened, dial, world) -> None:
    pos = await dial(await opened())
    world.before_post = lambda: world.edit("10000001", batch_no="000002")
    await pos.sign_in()
    assert pos.batch == "000002"
    assert (await pos.ask(pos.sale())).text(39) == "00"


async def test_a_terminal_without_a_master_key_cannot_sign_in(opened, dial, world) -> None:
    world.edit("10000001", tmk=None)
    pos = await dial(await opened())
    answer = await pos.ask(pos.network("0800", "003"))
    assert (answer.text(39), answer.text(44)) == ("97", "no master key is loaded")


async def test_a_key_store_that_fails_is_answered_96(
    opened, dial, keys: SoftwareKeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(kind: KeyKind, length: int, **_: object) -> KeyBlock:
        raise KeyStoreError("the module is gone")

    monkeypatch.setattr(keys, "make", refused)
    pos = await dial(await opened())
    assert (await pos.ask(pos.network("0800", "003"))).text(39) == "96"


async def test_books_that_cannot_be_reached_are_answered_91(opened, dial, world, till) -> None:
    pos = await dial(await opened())
    await pos.sign_in()
    world.fault = ConnectionRefusedError()
    assert (await pos.ask(pos.sale())).text(39) == "91"
    assert (await pos.ask(pos.network("0800", "003"))).text(39) == "91"
    assert till.records == []


async def test_iso87_ascii_has_a_double_length_mac_key_and_x9_19(opened, dial) -> None:
    door = await opened(listener={"dialect": "iso87-ascii"})
    pos = await dial(door, number="20000001", dialect="iso87-ascii")
    for code, length in (("003", 16), ("001", 8)):
        await pos.sign_in(code)
        assert len(pos.mac_key) == length
        answer = await pos.ask(pos.sale())
        assert answer.text(39) == "00"
