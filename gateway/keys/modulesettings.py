"""Where a hardware module is and how it is used; needs no library, so that settings can be read without one."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleSettings:
    """`library` is the module's PKCS#11 library, `token` the label of ours, `pin` its user PIN.

    `sessions` are opened at most; a call is answered within `within_ms`; `waiting` calls may wait for a free session;
    `cached_keys` are kept unwrapped in each session. `sandbox` and `pin_work` as for the software store.
    """

    library: str
    token: str
    pin: str = field(repr=False)
    sessions: int = 4
    within_ms: int = 2_000
    waiting: int = 1_000
    cached_keys: int = 2_000
    sandbox: bool = False
    pin_work: str = ""
