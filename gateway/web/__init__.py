"""What the HTTP doors share: signatures, session tokens, digests, problems, request ids, rates, health and metrics.

Nothing here knows a route or a business word; doors put their routes on top. A request's signature is proven before
anything of its body is read, and every answer of the API is signed.
"""

from gateway.web.answers import AnswerKey, AnswerSigner
from gateway.web.health import Check, add_health
from gateway.web.metrics import add_metrics
from gateway.web.origin import origin
from gateway.web.problems import problem
from gateway.web.proof import Proof, ProofError, Prover, Sessions, refuse_other_body
from gateway.web.rates import Rates
from gateway.web.settings import WebSettings

__all__ = [
    "AnswerKey",
    "AnswerSigner",
    "Check",
    "Proof",
    "ProofError",
    "Prover",
    "Rates",
    "Sessions",
    "WebSettings",
    "add_health",
    "add_metrics",
    "origin",
    "problem",
    "refuse_other_body",
]
