from __future__ import annotations

import pytest

from gateway.kernel.randomness import SystemRandomness
from gateway.keys import (
    KeyKind,
    KeyStoreError,
    KeyStoreSettings,
    MacScheme,
    SoftwareKeyStore,
    masters_from_text,
    open_software_store,
)

ONE, TWO = f"1:{'11' * 32}", f"2:{'22' * 32}"


def store(text: str, *, cached_keys: int = 20_000) -> SoftwareKeyStore:
    return SoftwareKeyStore(
        masters=masters_from_text(text), randomness=SystemRandomness(), sandbox=True, cached_keys=cached_keys
    )


async def test_a_new_master_key_takes_over_and_the_old_one_still_opens():
    before, after = store(ONE), store(f"{ONE},{TWO}")
    key = await before.make(KeyKind.MAC, 16)
    sealed = await before.seal("card", b"6222")
    assert await after.export_clear(key) == await before.export_clear(key)
    assert await after.unseal("card", sealed) == b"6222"
    with pytest.raises(KeyStoreError, match="not here"):
        await before.unseal("card", await after.seal("card", b"6222"))


async def test_digests_are_looked_up_under_both_versions():
    before, after = store(ONE), store(f"{ONE},{TWO}")
    old = await before.digest("card", b"6222")
    new = await after.digest("card", b"6222")
    assert (old.version, new.version) == (1, 2)
    assert await after.digests("card", b"6222") == [new, old]


async def test_a_lost_master_key_is_named_with_the_cure():
    key = await store(ONE).make(KeyKind.MAC, 16)
    with pytest.raises(KeyStoreError, match=r"master key [0-9A-F]{10}, which is not here .* restore it"):
        await store(TWO).mac(key, MacScheme.X919, b"data")


async def test_the_ready_keys_are_bounded_and_forgotten_ones_open_again():
    small = store(ONE, cached_keys=3)
    keys = [await small.make(KeyKind.MAC, 16) for _ in range(10)]
    first = [await small.mac(key, MacScheme.X919, b"data") for key in keys]
    assert len(small._open) == 3
    assert [await small.mac(key, MacScheme.X919, b"data") for key in keys] == first


async def test_the_store_of_a_folder_opens_its_keys_after_a_restart(tmp_path):
    settings = KeyStoreSettings(directory=tmp_path / "keys", sandbox=True)
    key = await open_software_store(settings, SystemRandomness()).make(KeyKind.PIN, 16)
    assert len(await open_software_store(settings, SystemRandomness()).export_clear(key)) == 16


async def test_master_keys_from_the_environment_leave_the_folder_alone(tmp_path):
    settings = KeyStoreSettings(directory=tmp_path / "keys", master_keys=ONE)
    await open_software_store(settings, SystemRandomness()).make(KeyKind.MAC, 16)
    assert not (tmp_path / "keys").exists()
    assert "11111111" not in repr(settings)


async def test_an_error_never_carries_the_block():
    key = await store(ONE).make(KeyKind.MAC, 16)
    with pytest.raises(KeyStoreError) as refused:
        await store(TWO).export_clear(key)
    assert key.text[16:] not in str(refused.value)
