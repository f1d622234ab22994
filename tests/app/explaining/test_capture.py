"""Frames found in hexadecimal, in files, and in captures of the line."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from channels.iso8583 import frame
from gateway.app.explaining.capture import CaptureError, captured

FIRST, SECOND = bytes.fromhex("600003000060310031123408000000"), b"another content"


def packet(sequence: int, payload: bytes, *, port: int = 40_000) -> bytes:
    tcp = struct.pack(">HHIIBBHHH", port, 8583, sequence, 0, 5 << 4, 0, 0, 0, 0) + payload
    ip = struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, 1, 2) + tcp
    return bytes(12) + b"\x08\x00" + ip + bytes(6)  # Ethernet fills short packets up


def pcap(*packets: bytes, order: str = "<", link: int = 1) -> bytes:
    head = struct.pack(f"{order}IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    return head + b"".join(struct.pack(f"{order}IIII", 0, 0, len(each), len(each)) + each for each in packets)


def contents(given: str) -> list[bytes]:
    return [each.content for each in captured(given)]


@pytest.mark.parametrize("form", ["{}", "0x{}", " {}\n"])
def test_hexadecimal_with_or_without_a_length(form: str) -> None:
    assert contents(form.format(frame(FIRST).hex())) == [FIRST]
    assert contents(form.format(FIRST.hex(" "))) == [FIRST]


def test_files_of_frames_of_digits_and_several_frames(tmp_path: Path) -> None:
    binary, text = tmp_path / "frames.bin", tmp_path / "frames.txt"
    binary.write_bytes(frame(FIRST) + frame(b"") + frame(SECOND))
    text.write_text((frame(FIRST) + frame(SECOND)).hex(" ").upper(), encoding="ascii")
    assert contents(str(binary)) == contents(str(text)) == [FIRST, SECOND]


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_capture_is_put_in_order_and_what_came_twice_counts_once(tmp_path: Path, order: str) -> None:
    stream = frame(FIRST) + frame(SECOND)
    start = 2**32 - 5
    pieces = [(0, stream[:4]), (9, stream[9:]), (4, stream[4:9]), (4, stream[4:9])]
    file = tmp_path / "line.pcap"
    file.write_bytes(pcap(*(packet((start + at) % 2**32, piece) for at, piece in pieces), b"\x00" * 20, order=order))
    found = captured(str(file))
    assert [each.content for each in found] == [FIRST, SECOND]
    assert found[0].where == "port 40000 to 8583, frame 1"


def test_what_is_cut_short_is_said(tmp_path: Path) -> None:
    file = tmp_path / "frames.bin"
    file.write_bytes(frame(FIRST) + frame(SECOND)[:-3])
    assert [each.where for each in captured(str(file))] == [
        "frames.bin, frame 1",
        "frames.bin, cut short after frame 1",
    ]


@pytest.mark.parametrize("given", ["", "not hexadecimal", "123", "/nowhere/frames.bin"])
def test_what_is_no_capture_is_refused(given: str) -> None:
    with pytest.raises(CaptureError):
        captured(given)


def test_an_unknown_link_and_an_empty_capture_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "line.pcap"
    for data, why in ((pcap(link=147), "link type 147"), (pcap()[:10], "cut short"), (pcap(), "no frame")):
        file.write_bytes(data)
        with pytest.raises(CaptureError, match=why):
            captured(str(file))
