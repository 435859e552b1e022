"""One look at the hot and cold side of each asset: what tasks call every few seconds."""

from collections.abc import Sequence

from wallets.chains.bitcoin import BitcoinNode
from wallets.chains.ethereum import EthereumNode
from wallets.cold.hot import bitcoin_hot, ethereum_hot, hot_judge
from wallets.cold.offers import bitcoin_offer, ethereum_offer
from wallets.cold.sent import bitcoin_adopt, ethereum_adopt
from wallets.models import Asset


def bitcoin_watch(*, asset: Asset, node: BitcoinNode) -> None:
    """Look after the Bitcoin hot wallet and its offers. Raises ChainUnavailable or ChainRefused."""
    bitcoin_adopt(asset=asset, node=node)
    wallet = bitcoin_hot(asset=asset, node=node)
    hot_judge(asset, wallet)
    bitcoin_offer(asset=asset, node=node, wallet=wallet)


def ethereum_watch(
    *, coin: Asset, tokens: Sequence[Asset], node: EthereumNode, hot_address: str, hot_old: Sequence[str] = ()
) -> None:
    """Look after the hot wallet of ether and tokens, and its offers. Raises ChainUnavailable or ChainRefused.

    `hot_old`: hot wallets from before a rotation of the keys, from which an operator may still have paid.
    """
    for old in hot_old:
        ethereum_adopt(coin=coin, tokens=tokens, node=node, hot_address=old)
    ethereum_adopt(coin=coin, tokens=tokens, node=node, hot_address=hot_address)
    for asset in (coin, *tokens):
        wallet = ethereum_hot(asset=asset, node=node, hot_address=hot_address)
        hot_judge(asset, wallet)
        if not asset.is_token or asset.contract:
            ethereum_offer(asset=asset, node=node, wallet=wallet, hot_address=hot_address)
