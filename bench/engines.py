"""The engines that are compared, each behind the same few methods.

`prepare` turns commands into what a caller would have at hand; `run` is what is timed: the calls of an engine, the
objects that its interface demands, and its answers kept as they come. Everything else is done after the clock.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Protocol

from bench.oracle import Command, Resting, Trade

Row = tuple[Any, ...]

ENGINES = {
    "mex": "bench.adapters.mex_core:MexCore",
    "mex-100": "bench.adapters.mex_core:MexCoreInHundreds",
    "mex-bare": "bench.adapters.bare_book:BareBook",
    "matching-engine": "bench.adapters.matching_engine_peer:MatchingEnginePeer",
    "liquibook": "bench.adapters.liquibook_peer:LiquibookPeer",
    "liquibook-depth": "bench.adapters.liquibook_peer:LiquibookDepthPeer",
    "nothing": "bench.adapters.nothing:Nothing",
}
"""Engines by name, with module and class: each module needs packages that the others do without."""


class Engine(Protocol):
    """What a run needs of an engine."""

    def prepare(self, commands: Sequence[Command]) -> list[Row]:
        """Return the commands as the engine's caller would hold them."""

    def run(self, rows: Sequence[Row]) -> None:
        """Carry all of them out and keep the answers."""

    def handed_over(self) -> list[Trade]:
        """Return the trades since the last call, and let go of all answers."""

    def rest(self, order: int, is_buy: bool, price: int, quantity: int) -> None:
        """Place an order that stays, and keep nothing but what the engine keeps: to see how much memory that is."""

    def resting(self) -> list[Resting] | None:
        """Return what rests, bids first, each side best first; None from an engine that cannot tell."""


def engine(name: str) -> Engine:
    """Return a new engine. Raises ImportError where its package is not installed."""
    module, _, kind = ENGINES[name].partition(":")
    made: Engine = getattr(import_module(module), kind)()
    return made
