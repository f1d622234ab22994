"""What a journal knows of the books between batches: true for as long as nobody else writes, which the fence proves."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.journal.decide import Decided
from gateway.journal.state import State, take_back


class Memory:
    """The state after the last decided batch, and the way back from batches that are decided and not yet written.

    `age` rises whenever something had to be taken back: whoever waited meanwhile begins again.
    """

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._open: list[Decided] = []
        # So many of the open batches were decided before pages turned: there is no way back behind that.
        self._behind = 0
        self.state: State | None = None
        self.age = 0

    @property
    def open(self) -> Sequence[Decided]:
        """Batches that are decided and not yet written, the oldest first."""
        return self._open

    def adopt(self, state: State) -> None:
        """Go on from `state`, which stands at the last batch of the book."""
        self.state = state
        state.open, self._open, self._behind = [], [], 0

    def decided(self, decided: Decided) -> None:
        """Note that a batch was decided on the state and is on its way into the book."""
        if self.state is not None and decided.writes:
            self._open.append(decided)
            self.state.open.append(decided.undo)

    def written(self, decided: Decided) -> None:
        """Note that a batch is in the book: there is no way back from it."""
        if self.state is not None and decided in self._open:
            place = self._open.index(decided)
            del self._open[place], self.state.open[place]
            self._behind = max(0, self._behind - 1)

    def turn(self) -> None:
        """Let go of what was not met for long."""
        if self.state is not None:
            self.state.fresh.clear()
            if self.state.turn(self._most):
                self._behind = len(self._open)

    def retreat(self) -> None:
        """Go back to before the oldest batch that is not yet written; where there is no way back, forget everything.

        What was looked up since pages turned stands in the new ones as the open batches had left it.
        """
        self.age += 1
        if self.state is None or not self._open:
            return
        if self._behind:
            self.forget()
            return
        for decided in reversed(self._open):
            take_back(decided.undo)
        self.state.head = self._open[0].before
        self.adopt(self.state)

    def forget(self) -> None:
        """Drop everything: somebody else wrote."""
        self.age += 1
        self.state, self._open, self._behind = None, [], 0
