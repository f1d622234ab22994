from __future__ import annotations

import os
import socket
import tempfile
import threading
from pathlib import Path

from gateway.kernel.faults import NoFaults, ReportedFaults


def test_a_point_is_reported_and_waits_for_leave() -> None:
    with tempfile.TemporaryDirectory(prefix="tg-") as folder, socket.socket(socket.AF_UNIX) as harness:
        path = str(Path(folder) / "s")
        harness.bind(path)
        harness.listen(1)
        faults = ReportedFaults(path)
        line, _ = harness.accept()
        passed = threading.Event()

        def walk() -> None:
            faults.at("journal.before_write")
            passed.set()

        walker = threading.Thread(target=walk)
        walker.start()
        assert line.recv(100) == f"{os.getpid()} journal.before_write\n".encode()
        assert not passed.is_set()
        line.sendall(b"go\n")
        assert passed.wait(10)
        walker.join()
        line.close()
        # a harness that is gone stops nobody
        faults.at("journal.after_write")
        faults._replies.close()
        faults._line.close()


def test_in_production_a_point_is_nothing() -> None:
    NoFaults().at("anywhere")
