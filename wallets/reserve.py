"""The operator's own coins in the hot wallet, on local chains.

Sweeping a deposit costs a network fee that its owner does not pay. Without coins of our own we would owe users more
than there is, from the first sweep on. So the faucet pays a reserve into each hot wallet once, and the ledger books it.
Elsewhere the operator funds the hot wallet himself.
"""

import logging
from collections.abc import Callable

from django.conf import settings

from mex.money import UNITS, units_from_chain, units_to_chain
from trading.engine.commands import Transfer
from trading.engine.enums import Reason
from wallets.chains import keys, local
from wallets.chains.bitcoin import BitcoinNode, satoshis
from wallets.chains.ethereum import EthereumNode
from wallets.ledger.chart import Owner
from wallets.models import Asset, ChainTransaction, Posting
from wallets.pace import Pacer, Send

log = logging.getLogger(__name__)
LABEL = "reserve"
RESERVE = {"BTC": UNITS // 10, "ETH": UNITS}
"""Units: thousands of sweeps and withdrawals."""


def bitcoin_reserve(*, asset: Asset, node: BitcoinNode, send: Send, pacer: Pacer) -> None:
    """Pay the reserve to an address of its own, and book it when it is in a block.

    Raises ChainUnavailable or ChainRefused.
    """
    if is_reserved(asset):
        return
    known = node.rpc.call("listreceivedbyaddress", 0, True, False)
    own = [str(row["address"]) for row in known if row.get("label") == LABEL]
    address = own[0] if own else str(node.rpc.call("getnewaddress", LABEL, "bech32"))
    reserve_advance(
        asset=asset,
        arrived=satoshis(node.rpc.call("getreceivedbyaddress", address, 1)),
        expected=satoshis(node.rpc.call("getreceivedbyaddress", address, 0)),
        pay=lambda units: local.bitcoin_pay(local.faucet_node(), address, units),
        send=send,
        pacer=pacer,
    )


def ethereum_reserve(*, asset: Asset, node: EthereumNode, send: Send, pacer: Pacer) -> bool:
    """Pay the reserve to the hot wallet and book it; return whether that is done and sweeps may begin.

    Until then nothing else can have paid to the hot wallet. Raises ChainUnavailable or ChainRefused.
    """
    # Where sweeps have begun, swept coins and a reserve could not be told apart any more.
    if is_reserved(asset) or ChainTransaction.objects.filter(asset=asset).exists():
        return True
    hot = keys.hot_address()
    pending = int(node.rpc.call("eth_getBalance", hot, "pending"), 16)
    reserve_advance(
        asset=asset,
        arrived=units_from_chain(node.balances([hot])[hot], asset.chain_decimals)[0],
        expected=units_from_chain(pending, asset.chain_decimals)[0],
        pay=lambda units: local.ethereum_pay(node, hot, units_to_chain(units, asset.chain_decimals)),
        send=send,
        pacer=pacer,
    )
    return False


def is_reserved(asset: Asset) -> bool:
    """Return whether an asset's reserve is booked, or is not ours to pay."""
    if not settings.MEX_LOCAL_CHAINS or asset.code not in RESERVE:
        return True
    return Posting.objects.filter(reference=_reference(asset), reason=Reason.FUNDING).exists()


def reserve_advance(
    *, asset: Asset, arrived: int, expected: int, pay: Callable[[int], str], send: Send, pacer: Pacer
) -> None:
    """Take the reserve one step on: pay it, wait for it, or have it booked.

    arrived: units in blocks; expected: with those that wait for one.
    """
    units = RESERVE[asset.code]
    if arrived >= units:
        send([_booking(asset, units)])
    elif expected < units and pacer.is_due(("reserve", asset.pk)):
        log.info("the faucet pays a reserve of %d units of %s into the hot wallet: %s", units, asset.code, pay(units))


def _booking(asset: Asset, units: int) -> Transfer:
    return Transfer(
        reference=_reference(asset),
        debit=Owner.CHAIN,
        credit=Owner.FUNDING,
        asset=asset.pk,
        amount=units,
        reason=Reason.FUNDING,
    )


def _reference(asset: Asset) -> str:
    return f"reserve:{asset.code}"
