"""Frames: whole, byte by byte, with a second one glued on; keep-alives, limits, envelopes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.iso8583 import (
    CUPS,
    ISO87_ASCII,
    KEEP_ALIVE,
    EnvelopeError,
    FrameError,
    FrameReader,
    frame,
    open_envelope,
)

CONTENT = bytes.fromhex("6000030001 603100311234 0800 0000000000000000")
FRAME = len(CONTENT).to_bytes(2) + CONTENT


def frames(reader: FrameReader) -> list[bytes]:
    found = []
    while (content := reader.next_frame()) is not None:
        found.append(content)
    return found


def test_a_whole_frame() -> None:
    reader = FrameReader(4096)
    reader.feed(FRAME)
    assert frames(reader) == [CONTENT]
    assert reader.held == 0


def test_byte_by_byte() -> None:
    reader = FrameReader(4096)
    found = []
    for octet in FRAME:
        reader.feed(bytes([octet]))
        found += frames(reader)
    assert found == [CONTENT]


def test_a_second_frame_glued_on_and_the_start_of_a_third() -> None:
    reader = FrameReader(4096)
    reader.feed(FRAME + frame(b"\x60second") + FRAME[:5])
    assert frames(reader) == [CONTENT, b"\x60second"]
    assert reader.held == 5
    reader.feed(FRAME[5:])
    assert frames(reader) == [CONTENT]


def test_a_length_of_nothing_is_a_keep_alive() -> None:
    reader = FrameReader(4096)
    reader.feed(KEEP_ALIVE + FRAME + KEEP_ALIVE)
    assert KEEP_ALIVE == b"\0\0"
    assert frames(reader) == [b"", CONTENT, b""]


def test_too_long_a_frame_is_refused_at_its_length() -> None:
    reader = FrameReader(20)
    reader.feed(b"\x00\x14" + bytes(20) + b"\x00\x15")
    assert reader.next_frame() == bytes(20)
    with pytest.raises(FrameError):
        reader.next_frame()


@given(contents=st.lists(st.binary(max_size=60), max_size=8), cuts=st.lists(st.integers(1, 40), max_size=60))
def test_however_a_stream_is_cut_the_frames_are_the_same(contents: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(frame(content) for content in contents)
    reader, found = FrameReader(60), []
    for cut in [*cuts, len(stream)]:
        reader.feed(stream[:cut])
        stream = stream[cut:]
        found += frames(reader)
    assert found == contents


def test_an_answer_goes_back_to_where_the_request_came_from() -> None:
    envelope = open_envelope(CUPS.framing, CONTENT)
    assert (envelope.tpdu.hex(), envelope.header.hex()) == ("6000030001", "603100311234")
    assert envelope.answer(b"\x08\x10") == frame(bytes.fromhex("6000010003 603100311234 0810"))


def test_iso87_ascii_has_neither_tpdu_nor_header() -> None:
    envelope = open_envelope(ISO87_ASCII.framing, b"0800")
    assert (envelope.tpdu, envelope.header, envelope.body) == (b"", b"", b"0800")
    assert envelope.answer(b"0810") == b"\x00\x040810"


@pytest.mark.parametrize("content", [CONTENT[:11], b"\x61" + CONTENT[1:], b"\x60"])
def test_what_is_no_envelope_is_refused(content: bytes) -> None:
    with pytest.raises(EnvelopeError):
        open_envelope(CUPS.framing, content)


def test_an_envelope_does_not_show_its_body() -> None:
    assert "0800" not in repr(open_envelope(ISO87_ASCII.framing, b"0800"))
