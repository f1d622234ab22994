from __future__ import annotations

import pytest

from tests.tidy.arguments import randomness, wall_clock
from tests.tidy.source import Source, caught, findings


def test_the_wall_clock_is_read_in_one_place(sources: tuple[Source, ...]) -> None:
    assert findings(wall_clock, sources) == []


def test_chance_comes_from_one_place(sources: tuple[Source, ...]) -> None:
    assert findings(randomness, sources) == []


@pytest.mark.parametrize(
    "text",
    [
        "from datetime import datetime\nx = datetime.now()",
        "from datetime import datetime as when\nx = when.utcnow()",
        "import datetime as dt\nx = dt.datetime.today()",
        "from datetime import date\nx = date.today()",
        "import time\nx = time.time()",
        "from time import time_ns as now\nx = now()",
        "import time\ndef f(now=time.time): ...",
    ],
)
def test_a_reading_of_the_wall_clock_is_caught(text: str) -> None:
    assert len(caught(wall_clock, "gateway/payments/decide.py", text)) == 1
    assert caught(wall_clock, "gateway/kernel/clock.py", text) == []


@pytest.mark.parametrize(
    "text",
    [
        "import time\nx = time.monotonic()",
        "x = clock.now()",
        "from datetime import datetime\nx = datetime.fromisoformat(y)",
    ],
)
def test_a_handed_in_clock_is_left_alone(text: str) -> None:
    assert caught(wall_clock, "gateway/payments/decide.py", text) == []


@pytest.mark.parametrize(
    "text",
    [
        "import random",
        "from random import choice",
        "import secrets",
        "import os\nx = os.urandom(8)",
        "from os import urandom\nx = urandom(8)",
        "import uuid\nx = uuid.uuid4()",
        "from uuid import uuid4\nx = uuid4()",
    ],
)
def test_a_source_of_chance_is_caught(text: str) -> None:
    assert len(caught(randomness, "gateway/payments/decide.py", text)) == 1
    assert caught(randomness, "gateway/kernel/randomness.py", text) == []


def test_a_seeded_world_may_roll_its_dice_but_makes_no_secrets() -> None:
    assert caught(randomness, "gateway/sandbox/bank/faults.py", "import random") == []
    assert caught(randomness, "gateway/bench/load.py", "from random import Random") == []
    assert len(caught(randomness, "gateway/sandbox/bank/faults.py", "import secrets")) == 1
