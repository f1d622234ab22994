"""What an installation decides about approvals."""

from __future__ import annotations

from gateway.access.approvals.kinds import EXPIRES_AFTER

PARAMETERS = (EXPIRES_AFTER,)
