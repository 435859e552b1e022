"""What the chain says about our transactions."""

import msgspec

from wallets.chains.place import Place


class Finding(msgspec.Struct, frozen=True):
    """What the chain says about one of our transactions. `fee` in units, None while it is not certain."""

    place: Place
    succeeded: bool = True
    fee: int | None = None
