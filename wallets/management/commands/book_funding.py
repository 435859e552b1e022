"""manage.py book_funding ASSET TXID [--from-cold]: books coins that an operator sent to the hot wallet."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mex.errors import MexError
from mex.money import format_short
from trading.gateway import sender
from wallets import selectors
from wallets.chains import keys
from wallets.chains.bitcoin import BitcoinNode
from wallets.chains.ethereum import EthereumNode
from wallets.chains.jsonrpc import ChainRefused, ChainUnavailable
from wallets.cold.funding import Arrival, arrival_booking, bitcoin_arrival, ethereum_arrival
from wallets.models import Asset, Chain


class Command(BaseCommand):
    """Looks the transaction up on its chain and asks the engine to book what it brought."""

    help = "Book coins that came into the hot wallet: an operator's own, or those that come back from a cold address."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("asset", help="BTC, ETH or a token")
        parser.add_argument("txid", help="the transaction that brought them")
        parser.add_argument("--from-cold", action="store_true", help="they come back from a cold address")

    def handle(self, *args: Any, **options: Any) -> None:
        """Book it, or say why not."""
        txid, from_cold = options["txid"], options["from_cold"]
        try:
            asset = selectors.asset_by_code(options["asset"])
            if asset.chain == Chain.BITCOIN:
                arrival = bitcoin_arrival(asset=asset, node=BitcoinNode(), txid=txid)
            else:
                arrival = _ethereum(asset, txid)
            sender.send([arrival_booking(asset, arrival, from_cold=from_cold)])
        except MexError as error:
            raise CommandError(error.message) from error
        except (ChainUnavailable, ChainRefused, keys.KeysMissing) as error:
            raise CommandError(str(error)) from error
        source = "COLD" if from_cold else "FUNDING"
        self.stdout.write(f"the engine is asked to book {format_short(arrival.units)} {asset.code} from {source}")


def _ethereum(asset: Asset, txid: str) -> Arrival:
    """Return what arrived at the hot wallet, or else at one from before a rotation of the keys."""
    node, hots = EthereumNode(), keys.hot_addresses()
    arrivals = (ethereum_arrival(asset=asset, node=node, txid=txid, hot_address=hot) for hot in reversed(hots))
    found = [arrival for arrival in arrivals if arrival.units]
    return found[0] if found else ethereum_arrival(asset=asset, node=node, txid=txid, hot_address=hots[-1])
