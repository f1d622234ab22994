"""The worked examples of the requirements, posting by posting, in their own tables."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.kernel.reasons import Reason

EXAMPLE_1 = """
| 1a order 1-1 | CNY | channel.due | 80,000.00 | |
| 1a | CNY | merchant.M | | 79,280.00 |
| 1a | CNY | income.commission | | 720.00 |
| 1b order 1-2 | CNY | channel.due | 30,000.00 | |
| 1b | CNY | merchant.M | | 29,730.00 |
| 1b | CNY | income.commission | | 270.00 |
| 1c order 1-3 | CNY | channel.due | 1,000.00 | |
| 1c | CNY | merchant.M | | 985.00 |
| 1c | CNY | income.commission | | 15.00 |
"""

EXAMPLE_2_AND_3 = """
| 2a sale | CNY | channel.due | 10,000.00 | |
| 2a | CNY | merchant.M | | 9,940.00 |
| 2a | CNY | income.merchant_fee | | 60.00 |
| 2b channel cost | CNY | expense.channel_cost | 50.00 | |
| 2b | CNY | channel.fee_owed | | 50.00 |
| 2c profit | CNY | expense.profit_share | 6.00 | |
| 2c | CNY | agent.Y | | 2.40 |
| 2c | CNY | agent.X | | 3.60 |
| 2d the channel settles sale 2a net | CNY | bank | 9,950.00 | |
| 2d | CNY | channel.fee_owed | 50.00 | |
| 2d | CNY | channel.due | | 10,000.00 |
| 3a first refund | CNY | merchant.M | 3,976.00 | |
| 3a | CNY | income.merchant_fee | 24.00 | |
| 3a | CNY | channel.due | | 4,000.00 |
| 3b channel cost back | CNY | channel.fee_owed | 20.00 | |
| 3b | CNY | expense.channel_cost | | 20.00 |
| 3c profit back | CNY | agent.Y | 0.96 | |
| 3c | CNY | agent.X | 1.44 | |
| 3c | CNY | expense.profit_share | | 2.40 |
| 3d second refund | CNY | merchant.M | 5,964.00 | |
| 3d | CNY | income.merchant_fee | 36.00 | |
| 3d | CNY | channel.due | | 6,000.00 |
| 3e channel cost back | CNY | channel.fee_owed | 30.00 | |
| 3e | CNY | expense.channel_cost | | 30.00 |
| 3f profit back | CNY | agent.Y | 1.44 | |
| 3f | CNY | agent.X | 2.16 | |
| 3f | CNY | expense.profit_share | | 3.60 |
"""

EXAMPLE_3_SHORT = """
| 3c2 profit back | CNY | agent.Y.deposit | 0.50 | |
| 3c2 | CNY | advance.Y | 0.46 | |
| 3c2 | CNY | agent.X | 1.44 | |
| 3c2 | CNY | expense.profit_share | | 2.40 |
| 3g next profit of Y | CNY | expense.profit_share | 1.00 | |
| 3g | CNY | advance.Y | | 0.46 |
| 3g | CNY | agent.Y | | 0.54 |
"""

EXAMPLE_4 = """
| 4a submit | CNY | merchant.M | 2,502.00 | |
| 4a | CNY | merchant.M.frozen | | 2,502.00 |
| 4b sent | CNY | merchant.M.frozen | 2,502.00 | |
| 4b | CNY | payout.transit | | 2,502.00 |
| 4c success | CNY | payout.transit | 2,502.00 | |
| 4c | CNY | bank | | 2,500.00 |
| 4c | CNY | income.payout_fee | | 2.00 |
| 4d failure, instead of 4c | CNY | payout.transit | 2,502.00 | |
| 4d | CNY | merchant.M | | 2,502.00 |
"""

EXAMPLE_5 = """
| 5a confirmed | CNY | agent.X | 501.00 | |
| 5a | CNY | agent.X.frozen | | 501.00 |
| 5b sent | CNY | agent.X.frozen | 501.00 | |
| 5b | CNY | payout.transit | | 501.00 |
| 5c success | CNY | payout.transit | 501.00 | |
| 5c | CNY | bank | | 500.00 |
| 5c | CNY | income.withdrawal_fee | | 1.00 |
| 5d failure, instead of 5c | CNY | payout.transit | 501.00 | |
| 5d | CNY | agent.X | | 501.00 |
| 5e returned by the bank after 5c | CNY | bank | 500.00 | |
| 5e | CNY | income.withdrawal_fee | 1.00 | |
| 5e | CNY | agent.X | | 501.00 |
"""

EXAMPLE_6 = """
| 6a earn at A | PA | points.PA.issued | 20,000 | |
| 6a | PA | member.V.PA | | 20,000 |
| 6b spend at B | PA | member.V.PA | 6,000 | |
| 6b | PA | exchange.PA | | 6,000 |
| 6b | PB | exchange.PB | 3,000 | |
| 6b | PB | points.PB.redeemed | | 3,000 |
| 6b | CNY | merchant.A | 60.00 | |
| 6b | CNY | merchant.B | | 59.40 |
| 6b | CNY | income.points_fee | | 0.60 |
| 6c void of 6b, same day | PA | exchange.PA | 6,000 | |
| 6c | PA | member.V.PA | | 6,000 |
| 6c | PB | points.PB.redeemed | 3,000 | |
| 6c | PB | exchange.PB | | 3,000 |
| 6c | CNY | merchant.B | 59.40 | |
| 6c | CNY | income.points_fee | 0.60 | |
| 6c | CNY | merchant.A | | 60.00 |
| 6d return of half of 6b, later, instead of 6c | PA | exchange.PA | 3,000 | |
| 6d | PA | member.V.PA | | 3,000 |
| 6d | PB | points.PB.redeemed | 1,500 | |
| 6d | PB | exchange.PB | | 1,500 |
| 6d | CNY | merchant.B | 29.70 | |
| 6d | CNY | income.points_fee | 0.30 | |
| 6d | CNY | merchant.A | | 30.00 |
| 6e return of 5,000.00 of the purchase 6a | PA | member.V.PA | 5,000 | |
| 6e | PA | points.PA.issued | | 5,000 |
"""

EXAMPLE_6_SHORT = """
| 6f same, if V has only 2,000 PA left | PA | member.V.PA | 2,000 | |
| 6f | PA | arrears.V.PA | 3,000 | |
| 6f | PA | points.PA.issued | | 5,000 |
"""

EXAMPLE_6_MORE = """
| 6g top-up card of 10,000 PS (100 PS = 1.00) sold for 105.00 | CNY | bank | 105.00 | |
| 6g | CNY | points.fund | | 100.00 |
| 6g | CNY | income.card_margin | | 5.00 |
| 6g | PS | points.PS.issued | 10,000 | |
| 6g | PS | member.V.PS | | 10,000 |
| 6h rounding | PA | member.V.PA | 17 | |
| 6h | PA | exchange.PA | | 17 |
| 6h | PB | exchange.PB | 7 | |
| 6h | PB | points.PB.redeemed | | 7 |
| 6h | CNY | merchant.A | 0.14 | |
| 6h | CNY | merchant.B | | 0.14 |
"""

EXAMPLE_7 = """
| 7a T1 in real time | CNY | channel.due | 100.00 | |
| 7a | CNY | merchant.M | | 100.00 |
| 7b T2 in real time | CNY | channel.due | 200.00 | |
| 7b | CNY | merchant.M | | 200.00 |
| 7c T1 matched | CNY | bank | 100.00 | |
| 7c | CNY | channel.due | | 100.00 |
| 7d T2 different | CNY | bank | 190.00 | |
| 7d | CNY | suspense.diff | 10.00 | |
| 7d | CNY | channel.due | | 200.00 |
| 7e X9 unknown | CNY | bank | 75.00 | |
| 7e | CNY | suspense.unknown | | 75.00 |
| 7f T2 resolved: 190.00 was right | CNY | merchant.M | 10.00 | |
| 7f | CNY | suspense.diff | | 10.00 |
| 7g X9 resolved: given back as top-up return | CNY | suspense.unknown | 75.00 | |
| 7g | CNY | bank | | 75.00 |
| 7h T3 in the next file as success | CNY | channel.due | 300.00 | |
| 7h | CNY | merchant.M | | 300.00 |
| 7i T3 matched | CNY | bank | 300.00 | |
| 7i | CNY | channel.due | | 300.00 |
"""


def enter_all(paper: Any, table: Any, *postings: str) -> None:
    """Enter postings whose parties have what they need: each stands in the book just as the table says."""
    for posting in postings:
        assert paper.transfer(table[posting]) == table[posting], posting


def test_example_1_tiered_commission(paper: Any, table: Any) -> None:
    enter_all(paper, table(EXAMPLE_1), "1a", "1b", "1c")
    assert paper.balance("channel.due") == 111_000_00
    assert paper.balance("merchant.M") == -109_995_00
    assert paper.balance("income.commission") == -1_005_00


def test_examples_2_and_3_profit_and_its_clawback(paper: Any, table: Any) -> None:
    book = table(EXAMPLE_2_AND_3)
    enter_all(paper, book, *book.postings)
    everything = "merchant.M", "agent.X", "agent.Y", "income.merchant_fee", "expense.profit_share"
    assert [paper.balance(name) for name in everything] == [0, 0, 0, 0, 0]
    # The channel settled 9,950.00 of a sale that was refunded whole: it has that to come back, and its cost besides.
    assert paper.balance("bank") == 9_950_00
    assert paper.balance("channel.due") == -10_000_00
    assert paper.balance("channel.fee_owed") == 50_00


def test_example_3_clawback_falls_short_and_is_repaid_first(paper: Any, table: Any) -> None:
    asked, expected = table(EXAMPLE_2_AND_3), table(EXAMPLE_3_SHORT)
    paper.give("agent.Y.deposit", 50)
    paper.give("agent.X", 360)
    assert paper.transfer(asked["3c"]) == expected["3c2"]
    assert paper.balance("advance.Y") == 46
    credit = {account: amount for account, amount in expected["3g"].items() if amount > 0}
    agent_y = next(account for account in asked["3c"] if asked["3c"][account] == 96)
    assert paper.transfer({**credit, agent_y: -100}) == expected["3g"]
    assert (paper.balance("advance.Y"), paper.balance("agent.Y")) == (0, -54)


@pytest.mark.parametrize(("last", "left"), [("4c", 0), ("4d", 2_502_00)])
def test_example_4_aggregated_payment(paper: Any, table: Any, last: str, left: int) -> None:
    book = table(EXAMPLE_4)
    paper.give("merchant.M", 2_502_00)
    hold, held = paper.hold("merchant.M", 2_502_00)
    assert held == book["4a"]
    assert paper.use(hold, book["4b"]) == book["4b"]
    enter_all(paper, book, last)
    assert paper.balance("merchant.M") == -left
    assert paper.balance("merchant.M.frozen") == paper.balance("payout.transit") == 0


@pytest.mark.parametrize(
    ("ending", "balance"), [((), 499_00), (("5c",), 499_00), (("5d",), 1_000_00), (("5c", "5e"), 1_000_00)]
)
def test_example_5_withdrawal(paper: Any, table: Any, ending: tuple[str, ...], balance: int) -> None:
    book = table(EXAMPLE_5)
    paper.give("agent.X", 1_000_00)
    hold, held = paper.hold("agent.X", 501_00)
    assert held == book["5a"]
    assert paper.use(hold, book["5b"]) == book["5b"]
    enter_all(paper, book, *ending)
    assert paper.balance("agent.X") == -balance


def test_example_6_points_over_two_merchants(paper: Any, table: Any) -> None:
    book = table(EXAMPLE_6)
    paper.give("merchant.A", 60_00)
    balances = []
    for posting in ("6a", "6b", "6d", "6e"):
        enter_all(paper, book, posting)
        balances.append(-paper.balance("member.V.PA", "PA"))
    assert balances == [20_000, 14_000, 17_000, 12_000]
    assert paper.balance("merchant.B") == -29_70


def test_example_6_void_is_the_exact_mirror(paper: Any, table: Any) -> None:
    book = table(EXAMPLE_6)
    paper.give("merchant.A", 60_00)
    enter_all(paper, book, "6a", "6b", "6c")
    assert paper.balance("member.V.PA", "PA") == -20_000
    assert (paper.balance("merchant.A"), paper.balance("merchant.B")) == (-60_00, 0)
    assert book["6c"] == {account: -amount for account, amount in book["6b"].items()}


def test_example_6_a_member_who_spent_the_points_is_in_arrears(paper: Any, table: Any) -> None:
    paper.give("member.V.PA", 2_000, "PA")
    assert paper.transfer(table(EXAMPLE_6)["6e"]) == table(EXAMPLE_6_SHORT)["6f"]


def test_example_6_card_and_rounding(paper: Any, table: Any) -> None:
    book = table(EXAMPLE_6_MORE)
    paper.give("member.V.PA", 17, "PA")
    paper.give("merchant.A", 14)
    enter_all(paper, book, "6g", "6h")
    assert paper.balance("member.V.PS", "PS") == -10_000
    assert paper.balance("points.fund") == -100_00


def test_example_7_return_file_with_breaks(paper: Any, table: Any) -> None:
    book = table(EXAMPLE_7)
    enter_all(paper, book, "7a", "7b", "7c", "7d", "7e")
    assert paper.balance("bank") == 365_00
    assert (paper.balance("suspense.diff"), paper.balance("suspense.unknown")) == (10_00, -75_00)
    enter_all(paper, book, "7f", "7g", "7h", "7i")
    settled = "channel.due", "suspense.diff", "suspense.unknown"
    assert [paper.balance(name) for name in settled] == [0, 0, 0]
    assert paper.balance("bank") == -paper.balance("merchant.M") == 590_00


def test_a_withdrawal_above_the_balance_is_a_wish_and_refused(paper: Any) -> None:
    paper.give("agent.X", 500_99)
    _, refused = paper.hold("agent.X", 501_00)
    assert refused.reason is Reason.INSUFFICIENT_FUNDS
    assert paper.balance("agent.X") == -500_99
