import pytest

from gateway.sandbox.cards import CARDS, PayeeBehaviour, card_behaviour, card_number, check_digit, payee_behaviour


def test_check_digit_of_a_published_number() -> None:
    assert check_digit("7992739871") == "3"  # the worked number of ISO/IEC 7812-1's usual illustration


@pytest.mark.parametrize(
    ("trigger", "words"),
    [
        ("000", "approve"),
        ("151", "decline:51"),
        ("200", "drop"),
        ("305", "delay:500"),
        ("399", "delay:9900"),
        ("400", "twice"),
        ("500", "garble"),
        ("600", "lost"),
    ],
)
def test_digits_7_to_9_choose(trigger: str, words: str) -> None:
    behaviour = card_behaviour(card_number(trigger, 7))
    assert behaviour is not None
    assert behaviour.words() == words


@pytest.mark.parametrize(
    "pan",
    [
        "6222020000000000",  # the check digit would be 7
        "4111111111111111",  # another bank's
        card_number("700", 1),  # nothing is meant by 700 for a payer
        "",
        "622202000",
        "62220200000000000000000000000",
        "６２２２０２００００００００１７",
    ],
)
def test_no_card_of_this_bank(pan: str) -> None:
    assert card_behaviour(pan) is None


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        ("000", PayeeBehaviour()),
        ("151", PayeeBehaviour(code="51")),
        ("700", PayeeBehaviour(silent=True)),
        ("800", PayeeBehaviour(returned_late=True)),
    ],
)
def test_payees(trigger: str, expected: PayeeBehaviour) -> None:
    assert payee_behaviour(card_number(trigger, 1)) == expected


def test_an_account_that_triggers_nothing_is_paid() -> None:
    assert payee_behaviour("6217").code == "00"
    assert payee_behaviour("6228480402564890018").code == "00"


def test_the_list_has_every_behaviour_once_and_good_numbers() -> None:
    behaviours = [card.behaviour for card in CARDS]
    assert {"approve", "decline:51", "drop", "delay:500", "twice"} <= set(behaviours)
    assert len({card.pan for card in CARDS}) == len(CARDS)
    assert all(check_digit(card.pan[:-1]) == card.pan[-1] and len(card.pan) == 16 for card in CARDS)
