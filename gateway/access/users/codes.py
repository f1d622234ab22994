"""One-time codes of an authenticator (RFC 6238, RFC 4226) and the recovery codes for when it is lost."""

from __future__ import annotations

import base64
import hmac
from datetime import datetime
from typing import Final
from urllib.parse import quote

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

from gateway.kernel.randomness import Randomness

STEP_S: Final = 30
DIGITS: Final = 6
_AROUND: Final = (0, -1, 1)
_SECRET_LENGTH: Final = 20
_RECOVERY_CODES, _RECOVERY_LENGTH = 10, 10


def new_secret(randomness: Randomness) -> bytes:
    """Make a secret of 160 bits, as RFC 4226 asks."""
    return randomness.octets(_SECRET_LENGTH)


def code_at(secret: bytes, step: int) -> str:
    """Return the code of a time step."""
    # every authenticator there is knows SHA-1; RFC 6238 rests on its HMAC, which is not broken
    return HOTP(secret, DIGITS, SHA1()).generate(step).decode("ascii")  # noqa: S303


def step_of(secret: bytes, code: str, at: datetime) -> int | None:
    """Return the time step whose code this is: the present one or a neighbour; None where it is none."""
    now = int(at.timestamp()) // STEP_S
    steps = [now + off for off in _AROUND]
    return next((step for step in steps if hmac.compare_digest(code_at(secret, step).encode(), code.encode())), None)


def address(secret: bytes, login: str) -> str:
    """Return the address that an authenticator takes, as text or as a QR code."""
    shown = shown_secret(secret)
    return f"otpauth://totp/Tillgate:{quote(login)}?secret={shown}&issuer=Tillgate&digits={DIGITS}&period={STEP_S}"


def shown_secret(secret: bytes) -> str:
    """Return a secret as people type it."""
    return base64.b32encode(secret).decode("ascii")


def new_recovery_codes(randomness: Randomness) -> list[str]:
    """Make ten recovery codes of 80 bits each; each is good once."""
    return [base64.b32encode(randomness.octets(_RECOVERY_LENGTH)).decode().lower() for _ in range(_RECOVERY_CODES)]
