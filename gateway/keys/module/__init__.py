"""The PKCS#11 adapter: keys in a hardware module, as blocks that only the module opens.

`sessions` holds the bounded pool of threads with a session each, `token` what one session does, `blocks` how a wrapped
key is kept, `store` the port. Needs the extra `hsm` (python-pkcs11) and the module's own library.
"""

from gateway.keys.module.sessions import CallMeter, NoMeter, Sessions
from gateway.keys.module.store import ModuleKeyStore, make_masters, open_module_store
from gateway.keys.modulesettings import ModuleSettings

__all__ = [
    "CallMeter",
    "ModuleKeyStore",
    "ModuleSettings",
    "NoMeter",
    "Sessions",
    "make_masters",
    "open_module_store",
]
