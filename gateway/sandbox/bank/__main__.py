"""The command `python -m gateway.sandbox.bank`: the bank as its own process."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from gateway.kernel.clock import SystemClock
from gateway.kernel.faults import Faults, NoFaults, ReportedFaults
from gateway.kernel.randomness import SystemRandomness
from gateway.sandbox.bank.house import House, HouseSettings, write_ready

_PARENT_SECONDS = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bank until SIGTERM, SIGINT or, where one is named, until its parent is gone."""
    options = _options(arguments)
    logging.basicConfig(level=logging.WARNING, format="sandbox bank: %(message)s")
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
    settings = HouseSettings(directory=options.directory, customer=options.customer, seed=options.seed)
    faults: Faults = ReportedFaults(options.faults) if options.faults else NoFaults()
    house = House(settings, clock=SystemClock(), randomness=SystemRandomness(), faults=faults)
    asyncio.run(_serve(house, ready=options.ready, parent=options.parent))
    return 0


async def _serve(house: House, *, ready: Path, parent: int | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    try:
        write_ready(ready, await house.start())
        while not stop.is_set() and parent in {None, os.getppid()}:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _PARENT_SECONDS if parent else None)
    finally:
        await house.stop()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m gateway.sandbox.bank",
        description="The sandbox bank.",
        epilog="Example: python -m gateway.sandbox.bank --directory build/bank --ready build/bank/ready.json",
    )
    parser.add_argument("--directory", type=Path, required=True, help="where keys, ports, books and files are kept")
    parser.add_argument("--ready", type=Path, required=True, help="JSON file written once everything answers")
    parser.add_argument("--seed", type=int, default=1, help="decides which faults strike (default 1)")
    parser.add_argument("--customer", type=_customer, default="TILLGATE01", help="10 letters and digits")
    parser.add_argument("--faults", default="", help="Unix socket that is told each fault point")
    parser.add_argument("--parent", type=int, help="stop when this process is no longer the parent")
    return parser.parse_args(arguments)


def _customer(text: str) -> str:
    if not re.fullmatch("[0-9A-Z]{10}", text):
        raise argparse.ArgumentTypeError("a customer is 10 capital letters and digits")
    return text


if __name__ == "__main__":
    sys.exit(main())
