"""The codec's benchmark, tiny: every form gives the same bytes, and what is printed has its shape."""

from __future__ import annotations

from gateway.bench.codec import PYISO8583, TABLE, CodecScale, bench_codec
from gateway.kernel.clock import SystemClock


def test_every_case_stands_beside_its_references() -> None:
    said: list[str] = []
    report = bench_codec(CodecScale(rounds=2, messages=5), said.append, SystemClock())
    assert [case.case for case in report.cases] == [
        f"{dialect} 0200, decode and encode{macs}" for dialect in ("cups", "iso87-ascii") for macs in ("", ", two MACs")
    ]
    for case in report.cases:
        assert [one.name for one in case.references] == [PYISO8583, TABLE]
        assert case.value > 0
    assert len(said) == 4
