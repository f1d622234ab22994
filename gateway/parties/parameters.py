"""What an installation decides about withdrawal passwords (rows A53, A59)."""

from __future__ import annotations

from datetime import timedelta

from gateway.kernel.configuration import Configuration, Parameter
from gateway.parties.passwords import PasswordRules

MOST_TRIES = Parameter(
    code="withdrawal_password.most_tries",
    default=5,
    title_zh="提现密码错误次数上限",
    title_en="Wrong withdrawal passwords in a row that lock it",
    smallest=1,
    largest=20,
    sensitive=True,
)
LOCKED_FOR = Parameter(
    code="withdrawal_password.locked_for_s",
    default=86_400,
    title_zh="提现密码锁定时长",
    title_en="How long a withdrawal password is then locked",
    unit="s",
    smallest=60,
    largest=30 * 86_400,
)
PARAMETERS = (MOST_TRIES, LOCKED_FOR)


def rules_of(configuration: Configuration) -> PasswordRules:
    """Return the rules that hold now."""
    return PasswordRules(
        most_tries=configuration.value(MOST_TRIES), locked_for=timedelta(seconds=configuration.value(LOCKED_FOR))
    )
