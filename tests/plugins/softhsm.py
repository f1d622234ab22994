"""A token of SoftHSM for this process: made when first asked for, gone with the process."""

from __future__ import annotations

import asyncio
import atexit
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from gateway.kernel.clock import SystemClock
from gateway.keys.module import ModuleSettings, make_masters
from tests.plugins.system_parts import where

LABEL, PIN = "tillgate-test", "918273"
_CONFIGURATION = "directories.tokendir = {folder}\nobjectstore.backend = file\nlog.level = ERROR\n"


@cache
def module_settings() -> ModuleSettings:
    """The settings of a token with one master key; the library reads its folder once, so one token serves a process."""
    program = where("softhsm2-util")
    assert program, "marked with system_part, so it is here"
    folder = Path(tempfile.mkdtemp(prefix="tg-token-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    configuration = folder / "softhsm2.conf"
    configuration.write_text(_CONFIGURATION.format(folder=folder))
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    subprocess.run(
        [program, "--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", PIN],
        check=True,
        capture_output=True,
    )
    settings = ModuleSettings(library=str(_library(Path(program))), token=LABEL, pin=PIN, sessions=2)
    with asyncio.Runner() as runner:
        runner.run(make_masters(settings, clock=SystemClock()))
    return settings


def _library(program: Path) -> Path:
    return next((program.parent.parent / "lib").rglob("libsofthsm2.so"))
