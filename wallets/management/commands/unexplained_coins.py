"""Show ether at addresses of ours that no deposit explains."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from wallets.chains.ethereum import EthereumNode
from wallets.chains.jsonrpc import ChainRefused, ChainUnavailable
from wallets.deposits.unexplained import unexplained_find
from wallets.models import Asset, Chain


class Command(BaseCommand):
    """Compare every address with our books."""

    help = "Ether at addresses of ours that no deposit explains: from contracts, where the node offers no traces."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a line for each address that has too much."""
        coin = Asset.objects.get(chain=Chain.ETHEREUM, is_token=False)
        try:
            found = unexplained_find(coin=coin, node=EthereumNode())
        except (ChainUnavailable, ChainRefused) as error:
            raise CommandError(f"the ethereum node: {error}") from None
        if found is None:
            raise CommandError("the chain moves, or the scanner is behind: try again in a moment")
        for one in found:
            owner = f"user {one.user_id}" if one.user_id else "given to nobody"
            self.stdout.write(f"{one.address} ({owner}): {one.wei} wei")
        self.stdout.write(f"{len(found)} addresses have ether that no deposit explains")
