"""What an operator may set about the HTTP doors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from gateway.web.origin import Network


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """`public_address` is what clients call us by and sign (`https://pay.example.com`, a path prefix allowed).

    A signature is good for `signature_window` before and after its time. `keys_kept` is how long an Idempotency-Key is
    known. Each API key may make `requests_per_s` on average and `burst` at once. `proxies` are the networks of our own
    reverse proxies, whose `X-Forwarded-For` is believed.
    """

    public_address: str
    signature_window: timedelta = timedelta(seconds=300)
    keys_kept: timedelta = timedelta(days=30)
    requests_per_s: int = 50
    burst: int = 100
    body_most: int = 1024 * 1024
    upload_most: int = 64 * 1024 * 1024
    proxies: tuple[Network, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an address that no client could sign."""
        if not self.public_address.startswith(("http://", "https://")) or self.public_address.endswith("/"):
            message = "public_address is the origin that clients call, https://…, without a slash at the end"
            raise ValueError(message)
