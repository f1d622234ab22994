from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from channels.filebank import FileBank
from channels.instruction import Ask, Instruction, LineState, Payee, ReturnLine
from channels.ports import BadFileError, FileHeader, FileKind
from channels.templates import CellError

SEEDS = Path(__file__).parents[3] / "config/seeds/templates"
PAY, RET = (SEEDS / "pay.json").read_text(), (SEEDS / "ret.json").read_text()
BANK = FileBank({"customer": "TILLGATE01"})
DAY = date(2026, 11, 22)


def payout(number: int, amount: int, name: str = "张三") -> Instruction:
    return Instruction(
        number=f"{number:020d}",
        ask=Ask.PAYOUT,
        business="withdrawal",
        amount_minor=amount,
        unit="CNY",
        occurred_at=datetime(2026, 11, 22, tzinfo=UTC),
        payee=Payee(account="6222020000000001", name=name, bank="ICBC"),
        purpose="withdrawal of X",
    )


def written(*payouts: Instruction) -> bytes:
    amount = sum(one.amount_minor for one in payouts)
    header = FileHeader(customer="TILLGATE01", day=DAY, sequence=3, count=len(payouts), amount_minor=amount, unit="CNY")
    return b"".join(BANK.write(PAY, header, payouts))


def test_a_payment_file_is_what_the_bank_publishes():
    lines = written(payout(1, 50000), payout(2, 1, "欧阳"))
    assert lines == b"\r\n".join(
        [
            b"HTILLGATE0120261122000300000002000000000050001CNY" + b" " * 139,
            b"D0000000100000000000000000001"
            + b"6222020000000001".ljust(32)
            + "张三".encode("gb18030").ljust(60)
            + b"ICBC".ljust(12)
            + b"000000000050000"
            + b"withdrawal of X".ljust(40),
            b"D0000000200000000000000000002"
            + b"6222020000000001".ljust(32)
            + "欧阳".encode("gb18030").ljust(60)
            + b"ICBC".ljust(12)
            + b"000000000000001"
            + b"withdrawal of X".ljust(40),
            b"T00000002000000000050001" + b" " * 164,
            b"",
        ]
    )
    assert {len(line) for line in lines.split(b"\r\n")} == {188, 0}


def test_a_name_that_is_too_long_is_refused_before_anything_is_sent():
    with pytest.raises(CellError, match="detail: name is longer than 60"):
        written(payout(1, 1, "名" * 31))


def test_a_return_file_gives_its_lines():
    head = b"HTILLGATE0120261122000300000002000000000050001CNYRET" + b" " * 136
    good = (
        b"D0000000100000000000000000001WITHDRAWALO000000000050000S0000"
        + "成功".encode("gb18030").ljust(40)
        + b"B000000000000001"
        + b"20261122000000000"
        + b" " * 55
    )
    bad = (
        b"D0000000200000000000000000002WITHDRAWALO000000000000001F51  "
        + b"no funds".ljust(40)
        + b" " * 16
        + b" " * 8
        + b"000000000"
        + b" " * 55
    )
    foot = b"T00000002000000000050001" + b" " * 164
    data = b"\r\n".join([head, good, bad, foot, b""])
    first, second = BANK.read(RET, [data])
    assert first == ReturnLine(
        number="00000000000000000001",
        amount_minor=50000,
        unit="CNY",
        state=LineState.SUCCESS,
        business="withdrawal",
        code="0000",
        text="成功",
        bank_reference="B000000000000001",
        value_on=DAY,
        ask=Ask.PAYOUT,
        place=2,
        offset=190,
    )
    assert (second.state, second.code, second.text, second.value_on) == (LineState.FAILED, "51", "no funds", None)
    with pytest.raises(BadFileError, match="another customer"):
        list(BANK.read(RET, [data.replace(b"TILLGATE01", b"SOMEBODY01")]))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (
            "RETTILLGATE01202611220003.txt",
            FileKind(kind="ret", day=DAY, sequence=3, answers="PAYTILLGATE01202611220003.txt"),
        ),
        ("ACQTILLGATE01202611220001.txt", FileKind(kind="acq", day=DAY, sequence=1, answers=None, is_whole_day=True)),
        ("REJTILLGATE01202611220001.txt", FileKind(kind="rej", day=DAY, sequence=1, answers=None)),
        (
            "ERRTILLGATE01202611220003.txt",
            FileKind(kind="err", day=DAY, sequence=3, answers="PAYTILLGATE01202611220003.txt"),
        ),
        ("RETSOMEBODY01202611220003.txt", None),
        ("RETTILLGATE01202613220003.txt", None),
        ("PAYTILLGATE01202611220003.txt", None),
        ("notes.txt", None),
    ],
)
def test_files_are_recognised_by_name(name, kind):
    assert BANK.recognise(name) == kind


def test_a_payment_file_is_named_by_customer_day_and_sequence():
    header = FileHeader(customer="TILLGATE01", day=DAY, sequence=3, count=0, amount_minor=0, unit="CNY")
    assert BANK.name(header) == "PAYTILLGATE01202611220003.txt"
