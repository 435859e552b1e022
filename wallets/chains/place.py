"""Where a transaction is on its chain.  [pure]"""

import msgspec


class Place(msgspec.Struct, frozen=True):
    """Below 0 confirmations a transaction cannot be mined any more or is unknown; at 0 it waits for a block."""

    confirmations: int
    block_height: int | None = None
    block_hash: str = ""


GONE = Place(-1)
WAITING = Place(0)
