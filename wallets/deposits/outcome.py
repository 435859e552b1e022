"""What comes of an asset's deposits once it is known where they stand on the chain."""

from wallets.deposits.credits import deposits_credit
from wallets.deposits.expiry import deposits_expire
from wallets.deposits.reversals import deposits_reverse
from wallets.models import Asset
from wallets.pace import Send


def deposits_finish(*, asset: Asset, height: int, send: Send) -> None:
    """Credit what is deep enough, take back what is gone, give up what nobody mines.

    To be called after the node was asked about every unfinished deposit; `height` is that of the last block looked at.
    """
    deposits_expire(asset=asset)
    deposits_credit(asset=asset, send=send)
    deposits_reverse(asset=asset, height=height, send=send)
