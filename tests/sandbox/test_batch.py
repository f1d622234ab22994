import asyncio
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.sandbox.cards import card_number

DAY = "20261122"
PAY = f"PAYTILLGATE01{DAY}0001.txt"
PAID, REFUSED = card_number("000", 1), card_number("151", 1)
SILENT, LATE = card_number("700", 1), card_number("800", 1)


def number(place: int) -> str:
    return f"{DAY}{place:012d}"


async def test_a_payment_file_is_paid_and_answered_byte_by_byte(
    own_bank: Any, customer_of: Any, sftp_to: Any, put: Any, payment_file: Any
) -> None:
    bank = own_bank()
    sftp = sftp_to(bank)
    put(sftp, PAY, payment_file(1, [(number(1), PAID, 50000), (number(2), REFUSED, 700)]))
    assert await bank.files("RET*") == [f"RETTILLGATE01{DAY}0001.txt"]
    with sftp.open(f"out/RETTILLGATE01{DAY}0001.txt") as file:
        answer = file.read()
    books = await customer_of(bank).books()
    value_on = books[number(1)]["value_on"].replace("-", "").encode()
    expected = [
        b"HTILLGATE01" + DAY.encode() + b"0001" + b"00000002" + b"000000000050700" + b"CNYRET" + b" " * 136,
        b"D00000001" + number(1).encode() + b"WITHDRAWALO000000000050000S00  " + b"done".ljust(40)
        + b"B00000000001    " + value_on + b"000000000" + b" " * 55,
        b"D00000002" + number(2).encode() + b"WITHDRAWALO000000000000700F51  " + b"refused".ljust(40)
        + b"B00000000002    " + value_on + b"000000000" + b" " * 55,
        b"T00000002000000000050700" + b" " * 164,
    ]  # fmt: skip
    assert answer == b"".join(line + b"\r\n" for line in expected)
    assert [(entry["kind"], entry["state"], entry["amount"]) for entry in books.values()] == [
        ("payout", "success", 50000),
        ("payout", "failed", 700),
    ]
    assert sftp.listdir("in") == [PAY]


def _replace(data: bytes, old: bytes, new: bytes) -> bytes:
    assert old in data
    return data.replace(old, new, 1)


BREAKS: list[tuple[str, Any, str]] = [
    ("count", lambda data: _replace(data, b"T00000002", b"T00000003"), "line 4: the count"),
    ("amount", lambda data: _replace(data, b"000000000050700CNY", b"000000000050701CNY"), "line 1: the amount"),
    ("cut", lambda data: data[:-1], "line 4: the file ends"),
    ("cut at a line", lambda data: data[:-190], "line 4: the file ends"),
    ("more", lambda data: data + b"x", "line 4: something follows"),
    ("line end", lambda data: data.replace(b"\r\n", b"\n\n"), "line 1: the line does not end"),
    ("empty", lambda _: b"", "line 1: the file ends"),
    ("no detail", lambda data: _replace(data, b"D00000002", b"X00000002"), "line 3: a detail"),
    ("line number", lambda data: _replace(data, b"D00000002", b"D00000003"), "line 3: the line number"),
    ("date", lambda data: _replace(data, b"TILLGATE0120261122", b"TILLGATE0120261121"), "line 1: the date"),
    ("encoding", lambda data: _replace(data, "张三".encode("gb18030"), b"\xff\xff\xff\xff"), "line 2: name"),
    ("zero", lambda data: _replace(data, b"000000000000700", b"000000000000000"), "line 3: the amount is zero"),
    ("digits", lambda data: _replace(data, b"000000000000700", b"00000000000070 "), "line 3: amount is not"),
]


async def test_bad_payment_files_are_answered_by_err_and_nothing_is_paid(
    own_bank: Any, customer_of: Any, payment_file: Any, put: Any, sftp_to: Any
) -> None:
    bank = own_bank()
    sftp = sftp_to(bank)
    for place, (_, spoil, _) in enumerate(BREAKS, start=1):
        good = payment_file(place, [(number(1), PAID, 50000), (number(2), PAID, 700)])
        put(sftp, f"PAYTILLGATE01{DAY}{place:04d}.txt", spoil(good))
    put(sftp, "PAYxyz.txt", b"?")
    await bank.files("ERR*", count=len(BREAKS) + 1)
    for place, (what, _, why) in enumerate(BREAKS, start=1):
        said = (bank.outbox / f"ERRTILLGATE01{DAY}{place:04d}.txt").read_bytes()
        assert said.startswith(why.encode()), what
        assert (len(said), said[-2:]) == (190, b"\r\n")
    assert (bank.outbox / "ERRxyz.txt").read_bytes().startswith(b"the file name")
    assert not list(bank.outbox.glob("RET*"))
    assert await customer_of(bank).books() == {}


async def test_a_name_that_came_before_is_refused_and_nothing_is_paid(
    own_bank: Any, customer_of: Any, payment_file: Any
) -> None:
    bank = own_bank()
    (bank.inbox / "first.part").write_bytes(payment_file(1, [(number(1), PAID, 100)]))
    (bank.inbox / "first.part").rename(bank.inbox / PAY)
    await bank.files("RET*")
    (bank.inbox / "second.part").write_bytes(payment_file(1, [(number(2), PAID, 100)]))
    (bank.inbox / "second.part").replace(bank.inbox / PAY)
    assert await bank.files("ERR*") == [f"ERRTILLGATE01{DAY}0001.txt"]
    assert list(await customer_of(bank).books()) == [number(1)]


async def test_a_number_is_paid_once_however_often_it_comes(
    own_bank: Any, customer_of: Any, payment_file: Any, put: Any, sftp_to: Any, details: Any
) -> None:
    bank = own_bank()
    sftp = sftp_to(bank)
    put(sftp, PAY, payment_file(1, [(number(1), PAID, 100), (number(1), PAID, 100)]))
    await bank.files("RET*0001.txt")
    put(sftp, PAY.replace("0001.txt", "0002.txt"), payment_file(2, [(number(1), PAID, 100), (number(2), PAID, 5)]))
    await bank.files("RET*0002.txt")
    assert [(key, entry["amount"]) for key, entry in (await customer_of(bank).books()).items()] == [
        (number(1), 100),
        (number(2), 5),
    ]
    lines = details((bank.outbox / f"RETTILLGATE01{DAY}0002.txt").read_bytes())
    assert [(line["number"], line["state"]) for line in lines] == [(number(1), "S"), (number(2), "S")]
    assert lines[0]["reference"] == "B00000000001"


async def test_drafts_are_left_alone(own_bank: Any, payment_file: Any, put: Any, sftp_to: Any) -> None:
    bank = own_bank()
    sftp = sftp_to(bank)
    with sftp.open(f"in/{PAY}.part", "wb") as file:
        file.write(payment_file(1, [(number(1), PAID, 100)]))
    put(sftp, PAY.replace("0001.txt", "0002.txt"), payment_file(2, [(number(2), PAID, 100)]))
    assert await bank.files("*") == [f"RETTILLGATE01{DAY}0002.txt"]


async def test_silent_payees_come_with_the_next_return_file(
    own_bank: Any, customer_of: Any, payment_file: Any, put: Any, sftp_to: Any, details: Any
) -> None:
    bank = own_bank()
    sftp, customer = sftp_to(bank), customer_of(bank)
    put(sftp, PAY, payment_file(1, [(number(1), SILENT, 100), (number(2), PAID, 200)]))
    first = await bank.files("RET*0001.txt")
    assert [line["number"] for line in details((bank.outbox / first[0]).read_bytes())] == [number(2)]
    assert (await customer.books())[number(1)]["state"] == "success"
    put(sftp, PAY.replace("0001.txt", "0002.txt"), payment_file(2, [(number(3), PAID, 300)]))
    second = await bank.files("RET*0002.txt")
    lines = details((bank.outbox / second[0]).read_bytes())
    assert [(line["number"], line["state"]) for line in lines] == [(number(1), "S"), (number(3), "S")]
    assert await customer.order("settle-silent", {}) == {"file": None, "lines": 0}


async def test_settle_silent_writes_a_return_file_of_its_own(
    own_bank: Any, customer_of: Any, payment_file: Any, put: Any, sftp_to: Any, details: Any
) -> None:
    bank = own_bank()
    customer = customer_of(bank)
    put(sftp_to(bank), PAY, payment_file(1, [(number(1), SILENT, 100)]))
    await bank.files("RET*")
    said = await customer.order("settle-silent", {}, key="k1")
    assert said["lines"] == 1
    assert said["file"].endswith("9001.txt")
    assert details((bank.outbox / said["file"]).read_bytes())[0]["number"] == number(1)
    assert await customer.order("settle-silent", {}, key="k1") == said
    assert await customer.order("settle-silent", {}) == {"file": None, "lines": 0}


async def test_late_returns(
    own_bank: Any, customer_of: Any, payment_file: Any, put: Any, sftp_to: Any, details: Any
) -> None:
    bank = own_bank()
    customer = customer_of(bank)
    put(sftp_to(bank), PAY, payment_file(1, [(number(1), LATE, 100), (number(2), PAID, 200)]))
    first = await bank.files("RET*")
    assert [line["state"] for line in details((bank.outbox / first[0]).read_bytes())] == ["S", "S"]
    said = await customer.order("late-returns", {})
    lines = details((bank.outbox / said["file"]).read_bytes())
    assert [(line["number"], line["state"], line["code"], line["business"]) for line in lines] == [
        (number(1), "R", "14", "WITHDRAWAL")
    ]
    assert said["file"].startswith("REJTILLGATE01")
    assert (await customer.books())[number(1)]["state"] == "returned"
    assert await customer.order("late-returns", {}) == {"file": None, "lines": 0}


async def test_day_file_has_what_stands_and_the_breaks_asked_for(own_bank: Any, customer_of: Any, details: Any) -> None:
    bank = own_bank()
    customer = customer_of(bank)
    paid = [(await customer.pay(PAID, 100 * place))["Number"] for place in range(1, 7)]
    await customer.pay(REFUSED)
    void, refund = customer.number(), customer.number()
    await customer.ask("VOID", void, Original=paid[3])
    await customer.ask("REFUND", refund, Original=paid[4], Amount=50, Unit="CNY")
    await customer.ask("REVERSE", customer.number(), Original=paid[5])
    breaks = [
        {"kind": "amount_differs", "number": paid[1], "amount": 190},
        {"kind": "missing", "number": paid[2]},
        {"kind": "unknown", "number": number(999), "amount": 75},
    ]
    said = await customer.order("day-file", {"date": "2026-11-22", "breaks": breaks}, key="day")
    assert said == {"file": f"ACQTILLGATE01{DAY}0001.txt", "lines": 7}
    assert await customer.order("day-file", {"date": "2026-11-22", "breaks": breaks}, key="day") == said
    lines = details((bank.outbox / said["file"]).read_bytes())
    assert [(line["number"], line["kind"], line["state"], int(line["amount"])) for line in lines] == [
        (paid[0], "P", "S", 100),
        (paid[1], "P", "S", 190),
        (paid[3], "P", "S", 400),
        (paid[4], "P", "S", 500),
        (void, "V", "S", 400),
        (refund, "R", "S", 50),
        (number(999), "P", "S", 75),
    ]
    assert {line["business"] for line in lines} == {"ACQUIRING"}
    books = await customer.books()
    assert (books[paid[1]]["amount"], books[number(999)]["amount"]) == (190, 75)
    following = await customer.order("day-file", {"date": "2026-11-22", "breaks": []})
    assert following["file"] == f"ACQTILLGATE01{DAY}0002.txt"
    assert [line["number"] for line in details((bank.outbox / following["file"]).read_bytes())] == [paid[2]]
    reversal = await customer.ask("REVERSE", customer.number(), Original=paid[0])
    assert reversal["Code"] == "12"


@pytest.mark.parametrize(
    "bad",
    [
        {"date": "today"},
        {"breaks": [{"kind": "missing", "number": number(5)}]},
        {"breaks": [{"kind": "amount_differs", "number": number(5), "amount": 1}]},
        {"breaks": [{"kind": "unknown", "number": "1", "amount": 1}]},
        {"breaks": [{"kind": "other"}]},
    ],
)
async def test_orders_that_cannot_be_carried_out_leave_nothing(bank: Any, bank_process: Any, bad: Any) -> None:
    token = {"Authorization": f"Bearer {bank_process.ready['control']['token']}"}
    before = (await bank.books(), sorted(bank_process.outbox.iterdir()))
    assert await bank.status_of("POST", "/control/day-file", json=bad, headers=token) == 422
    assert (await bank.books(), sorted(bank_process.outbox.iterdir())) == before


@pytest.mark.parametrize("kind", ["truncated", "totals", "encoding"])
async def test_bad_files_are_broken_as_asked(bank: Any, bank_process: Any, kind: str) -> None:
    said = await bank.order("bad-file", {"kind": kind})
    data = (bank_process.outbox / said["file"]).read_bytes()
    assert said["file"].startswith("ACQTILLGATE01")
    lines = data.split(b"\r\n")
    match kind:
        case "truncated":
            assert len(data) % 190 != 0
        case "totals":
            assert int(lines[-2][9:24]) == int(lines[0][31:46]) + 1
        case "encoding":
            with pytest.raises(UnicodeDecodeError):
                data.decode("gb18030")


async def test_killed_anywhere_in_a_payment_file_it_is_paid_and_answered_once(
    own_bank: Any, customer_of: Any, payment_file: Any, details: Any, fault_line: Any
) -> None:
    count = 2500
    payees = [(number(place), PAID if place % 3 else REFUSED, place) for place in range(1, count + 1)]
    bank = own_bank("--faults", fault_line.path)
    (bank.inbox / "draft.part").write_bytes(payment_file(1, payees))
    points = ["bank.reading", "bank.read", "bank.paid", "bank.drafted", "bank.published"]
    fault_line.kill_at = [points[0], *points]
    (bank.inbox / "draft.part").rename(bank.inbox / PAY)
    while fault_line.kill_at:
        left = len(fault_line.kill_at)
        await fault_line.struck(left - 1)
        bank.kill()
        await asyncio.to_thread(bank.start)
    (name,) = await bank.files("RET*")
    lines = details((bank.outbox / name).read_bytes())
    assert [line["number"] for line in lines] == [key for key, _, _ in payees]
    assert sum(int(line["amount"]) for line in lines) == sum(amount for _, _, amount in payees)
    books = await customer_of(bank).books()
    assert len(books) == count
    assert sum(entry["amount"] for entry in books.values() if entry["state"] == "success") == sum(
        amount for _, account, amount in payees if account == PAID
    )
    assert await asyncio.to_thread(bank.stop) == ""


async def test_killed_between_decision_and_answer_a_payment_stands_and_is_answered_again(
    own_bank: Any, customer_of: Any, fault_line: Any
) -> None:
    bank = own_bank("--faults", fault_line.path)
    customer = customer_of(bank)
    fault_line.kill_at = ["bank.decided"]
    paying = asyncio.create_task(customer.pay(PAID, 321, number=number(7)))
    await fault_line.struck(0)
    bank.kill()
    with pytest.raises(aiohttp.ClientError):
        await paying
    await asyncio.to_thread(bank.start)
    assert await customer.query(number(7)) == ("SUCCESS", "00")
    assert (await customer.pay(PAID, 321, number=number(7)))["Code"] == "00"
    assert [entry["amount"] for entry in (await customer.books()).values()] == [321]


async def test_a_late_file_comes_late(own_bank: Any, customer_of: Any, payment_file: Any, until: Any) -> None:
    bank = own_bank()
    customer = customer_of(bank)
    await customer.order("faults", {"late_file": 1000})
    (bank.inbox / "draft.part").write_bytes(payment_file(1, [(number(1), PAID, 100)]))
    (bank.inbox / "draft.part").rename(bank.inbox / PAY)

    async def is_paid() -> bool:
        return number(1) in await customer.books()

    await until(is_paid)
    assert not list(bank.outbox.glob("RET*"))
    await bank.files("RET*")


async def test_sftp_keeps_to_its_folders(bank_process: Any, sftp_to: Any) -> None:
    sftp = sftp_to(bank_process)
    assert sorted(sftp.listdir("/")) == ["in", "out"]
    assert sorted(sftp.listdir("../../..")) == ["in", "out"]
    for path in ("../../ready.json", "/etc/passwd", "in/../../../books.sqlite"):
        with pytest.raises(FileNotFoundError):
            sftp.stat(path)
    for act in (
        lambda: sftp.open("out/new.txt", "wb"),
        lambda: sftp.open("new.txt", "wb"),
        lambda: sftp.mkdir("in/folder"),
        lambda: sftp.remove("in/none.txt"),
        lambda: sftp.rename("in/a.txt", "in/b.txt"),
    ):
        with pytest.raises(PermissionError):
            act()


async def test_sftp_appends_stats_and_never_replaces(bank_process: Any, sftp_to: Any) -> None:
    sftp = sftp_to(bank_process)
    with sftp.open("in/x.part", "wb") as file:
        file.write(b"one")
    with sftp.open("in/x.part", "ab") as file:
        file.write(b"two")
    assert sftp.stat("in/x.part").st_size == 6
    with sftp.open("in/x.part", "rb") as file:
        assert file.read() == b"onetwo"
    sftp.rename("in/x.part", "in/x.dat")
    with sftp.open("in/y.part", "wb") as file:
        file.write(b"other")
    for rename in (sftp.rename, sftp.posix_rename):
        with pytest.raises(OSError):
            rename("in/y.part", "in/x.dat")
    with pytest.raises(PermissionError):
        sftp.open("in/x.dat", "wb")
    sftp.remove("in/y.part")
    assert "y.part" not in sftp.listdir("in")


async def test_sftp_knows_its_customer_by_the_key(bank_process: Any, sftp_to: Any) -> None:
    import paramiko  # noqa: PLC0415 - for the stranger only

    facts = bank_process.ready["sftp"]
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())  # noqa: S507 - the stranger does not care
    stranger = paramiko.ECDSAKey.generate()
    with pytest.raises(paramiko.AuthenticationException):
        client.connect(facts["host"], facts["port"], facts["user"], pkey=stranger, look_for_keys=False)
    client.close()


@pytest.mark.skipif(shutil.which("sftp") is None, reason="needs OpenSSH's client: apt-get install openssh-client")
async def test_openssh_can_use_it(bank_process: Any, tmp_path: Path) -> None:
    facts = bank_process.ready["sftp"]
    key = tmp_path / "key"
    key.write_text(facts["private_key"])
    key.chmod(stat.S_IRUSR)
    (tmp_path / "hosts").write_text(f"[{facts['host']}]:{facts['port']} {facts['host_key']}\n")
    (tmp_path / "file").write_bytes(b"by OpenSSH" * 10000)
    orders = "put file in/o.part\nrename in/o.part in/o.dat\nls -l in\nget in/o.dat back\n"
    options = [f"UserKnownHostsFile={tmp_path}/hosts", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes"]
    command = ["sftp", "-b", "-", "-i", str(key), "-P", str(facts["port"])]
    for option in options:
        command += ["-o", option]
    done = await asyncio.to_thread(
        subprocess.run,
        [*command, f"{facts['user']}@{facts['host']}"],
        input=orders.encode(),
        cwd=tmp_path,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "back").read_bytes() == b"by OpenSSH" * 10000
