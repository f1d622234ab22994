"""Remote sources that tasks pull from: address and credentials as a record, pages through a port (rows A16, P33).

Rules of the room: a source's secret is sealed by the key store and never shown again; what a source sends is checked
here before anybody works on it; how its pages are fetched (HTTPS, signature, guarded address) is the composition's.
"""

from gateway.tasks.sources.model import NewSource, RemoteSource, SourceState
from gateway.tasks.sources.pages import OpenPages, Page, Pages, gather, read_page
from gateway.tasks.sources.register import SECRET_PURPOSE, BadSourceError, SourceOrder, SourceRegister, said_of

__all__ = [
    "SECRET_PURPOSE",
    "BadSourceError",
    "NewSource",
    "OpenPages",
    "Page",
    "Pages",
    "RemoteSource",
    "SourceOrder",
    "SourceRegister",
    "SourceState",
    "gather",
    "read_page",
    "said_of",
]
