"""Let the scanner look at Ethereum's blocks again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from wallets.chains.ethereum import EthereumNode
from wallets.chains.jsonrpc import ChainRefused, ChainUnavailable
from wallets.deposits.ethereum import ethereum_rewind
from wallets.models import ChainCursor


class Command(BaseCommand):
    """Put the cursor back."""

    help = "Look at Ethereum's blocks again from a height on. What is known stays as it is; what is not is found."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("height", type=int, help="The first block to look at again.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Put the cursor below the height."""
        try:
            before = ethereum_rewind(node=EthereumNode(), height=options["height"])
        except (ChainUnavailable, ChainRefused) as error:
            raise CommandError(f"the ethereum node: {error}") from None
        except ChainCursor.DoesNotExist:
            raise CommandError("nothing was looked at yet") from None
        except ValueError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"blocks {options['height']} to {before} are looked at again")
