"""An engine that does nothing: what the harness itself costs."""

from collections.abc import Sequence

from bench.engines import Row
from bench.oracle import Command, Resting, Trade


class Nothing:
    """Keeps an answer for every command, and that is all."""

    def __init__(self) -> None:
        self._answers: list[object] = []

    def prepare(self, commands: Sequence[Command]) -> list[Row]:
        """Return the commands as they are."""
        return list(commands)

    def run(self, rows: Sequence[Row]) -> None:
        """Look at each command."""
        keep = self._answers.append
        for op, _order, _side, _price, _quantity, _account in rows:
            keep(op)

    def rest(self, order: int, is_buy: bool, price: int, quantity: int) -> None:
        """Do nothing."""

    def handed_over(self) -> list[Trade]:
        """Let go of all answers."""
        self._answers.clear()
        return []

    def resting(self) -> list[Resting] | None:
        """Return that it cannot tell."""
        return None
