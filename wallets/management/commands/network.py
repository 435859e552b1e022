"""Show the network that mex is set up for, and give assets the confirmations and links that suit it."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from wallets.chains.networks import WrongNetwork, networks_check
from wallets.network_defaults import network_apply, network_differences


class Command(BaseCommand):
    """Show and apply the profile of the network."""

    help = (
        "Show the configured network, whether the nodes are on it, and what assets have differently (docs/networks.md)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--apply", action="store_true", help="Give assets what the network's profile has.")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(
            f"{settings.MEX_NETWORK}: Bitcoin {settings.BITCOIN_NETWORK}, Ethereum chain {settings.ETHEREUM_CHAIN_ID},"
            f" {'our own chains' if settings.MEX_LOCAL_CHAINS else 'public chains'}"
        )
        try:
            silent = networks_check()
        except WrongNetwork as error:
            raise CommandError(str(error)) from error
        for name in ("bitcoin", "ethereum"):
            self.stdout.write(f"{name} node: {'does not answer' if name in silent else 'on this network'}")
        if options["apply"]:
            for code in network_apply():
                self.stdout.write(f"{code} changed")
        for code, columns in network_differences().items():
            for name, (is_now, would_be) in columns.items():
                self.stdout.write(f"{code} {name} is {is_now}, the profile has {would_be}")
