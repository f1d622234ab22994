"""The keys of our answers."""

from __future__ import annotations

from gateway.access import Open
from gateway.api.bodies import AnswerKeyShown, AnswerKeysShown
from gateway.api.route import Call, Given, Nothing, Route


async def list_keys(call: Call[Nothing, Nothing]) -> Given:
    """Show the keys that answers are signed with."""
    shown = [AnswerKeyShown(keyid=key.keyid, alg=key.algorithm, public_key=key.public_key) for key in call.answer_keys]
    return Given(AnswerKeysShown(keys=shown))


ROUTES = (
    Route(
        method="GET",
        path="/v1/keys",
        operation="listKeys",
        tag="Keys",
        summary="The keys that answers are signed with",
        permission=Open.PUBLIC,
        handle=list_keys,
        answer=AnswerKeysShown,
    ),
)
