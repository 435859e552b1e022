"""Looking for tokens, as a worker does, and what came of it."""

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.nodes import Anvil
from trading.engine.enums import Reason
from wallets.chains import keys
from wallets.chains.ethereum import EthereumNode
from wallets.deposits.ethereum import ethereum_scan
from wallets.models import Asset, Deposit, Posting

DOLLAR = 10**6
UNITS = 10**8


def scan(anvil: Anvil, books: Books, *, node: EthereumNode | None = None, blocks_max: int = 200) -> None:
    ethereum_scan(
        asset=Asset.objects.get(code="ETH"),
        tokens=[Asset.objects.get(code="USDT")],
        node=node or anvil.node,
        hot_address=keys.hot_address(),
        send=books.send,
        blocks_max=blocks_max,
    )


def mine_and_scan(anvil: Anvil, books: Books, blocks: int = 3) -> None:
    anvil.mine(blocks)
    scan(anvil, books)
    scan(anvil, books)


def states(txid: str = "") -> list[tuple[str, int]]:
    rows = Deposit.objects.filter(txid=txid) if txid else Deposit.objects.all()
    return sorted(rows.values_list("status", "confirmations"))


def credits_of(user: User) -> list[int]:
    rows = Posting.objects.filter(credit=user.pk, reason=Reason.DEPOSIT)
    return sorted(rows.values_list("amount", flat=True))
