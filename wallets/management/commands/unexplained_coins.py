"""Show coins at addresses of ours that no deposit explains."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mex.errors import MexError
from wallets import selectors
from wallets.chains.bitcoin import BitcoinNode
from wallets.chains.ethereum import EthereumNode
from wallets.chains.jsonrpc import ChainRefused, ChainUnavailable
from wallets.deposits.unexplained import smallest_unit, unexplained_find
from wallets.models import Asset, Chain


class Command(BaseCommand):
    """Compare every address with our books."""

    help = "Coins at addresses of ours that no deposit explains: from contracts, or paid to an address of nobody."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("asset", nargs="*", help="BTC, ETH or a token; all of them where none is named")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a line for each address that has too much."""
        try:
            assets = [selectors.asset_by_code(code) for code in options["asset"]] or list(Asset.objects.order_by("pk"))
        except MexError as error:
            raise CommandError(error.message) from error
        for asset in assets:
            self._show(asset)

    def _show(self, asset: Asset) -> None:
        node = BitcoinNode() if asset.chain == Chain.BITCOIN else EthereumNode()
        try:
            found = unexplained_find(asset=asset, node=node)
        except (ChainUnavailable, ChainRefused) as error:
            raise CommandError(f"the {asset.chain} node: {error}") from None
        if found is None:
            raise CommandError(f"{asset.chain} moves, or the scanner is behind: try again in a moment")
        for one in found:
            owner = f"user {one.user_id}" if one.user_id else "given to nobody"
            self.stdout.write(f"{one.address} ({owner}): {one.value} {smallest_unit(asset)} of {asset.code}")
        self.stdout.write(f"{len(found)} addresses have {asset.code} that no deposit explains")
