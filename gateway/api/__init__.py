"""The HTTP API door: signed requests in, signed answers out, described by OpenAPI 3.1.

One table of routes drives everything: what is served, which scope a key needs, what bodies look like, the published
description and its page. The door decodes, proves, and asks the desks of `ports.py`; it decides nothing itself.
"""

from gateway.api.application import Api, build_api
from gateway.api.ports import Desks

__all__ = ["Api", "Desks", "build_api"]
