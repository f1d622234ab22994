"""The channel kinds there are: a kind is code, a channel is a row (a new bank adds one line here)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from channels.filebank import FileBank
from channels.ports import BatchChannel, RealtimeChannel, Signer, Verifier
from channels.xmlbank import XmlBank

Params = Mapping[str, object]

REALTIME: dict[str, Callable[[Params, Signer, Verifier], RealtimeChannel]] = {"xmlbank": XmlBank}
BATCH: dict[str, Callable[[Params], BatchChannel]] = {"filebank": FileBank}
