"""Payouts on Ethereum, as workers do them, and what came of it."""

from eth_account import Account

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.nodes import Anvil
from wallets import services
from wallets.models import Asset, ChainTransaction, Withdrawal
from wallets.pace import Pacer
from wallets.payouts.ethereum import ethereum_sign
from wallets.payouts.ethereum_follow import ethereum_follow
from wallets.payouts.follow import stored_broadcast
from wallets.payouts.progress import withdrawals_advance

ETHER = 10**18
UNIT = 10**10


def fresh_address() -> str:
    return str(Account.create().address)


def coin() -> Asset:
    return Asset.objects.get(code="ETH")


def request(user: User, asset: Asset, books: Books, address: str, amount: int) -> Withdrawal:
    """Ask for a withdrawal and have its funds held."""
    withdrawal = services.withdrawal_request(
        user_id=user.pk, asset=asset, address=address, amount=amount, send=books.send
    )
    withdrawals_advance(send=books.send)
    return withdrawal


def sign(node: Anvil, asset: Asset) -> None:
    ethereum_sign(asset=asset, node=node.node)


def send_stored(node: Anvil) -> None:
    stored_broadcast(asset=coin(), broadcast=node.node.broadcast)


def follow(node: Anvil, books: Books) -> None:
    ethereum_follow(asset=coin(), node=node.node, send=books.send, pacer=Pacer())
    withdrawals_advance(send=books.send)


def finish(node: Anvil, books: Books, blocks: int = 3) -> None:
    """Mine until everything that was sent is final, and note it."""
    send_stored(node)
    node.mine(blocks)
    for _ in range(3):
        follow(node, books)


def status(withdrawal: Withdrawal) -> str:
    withdrawal.refresh_from_db()
    return withdrawal.status


def rows() -> list[tuple[str, int | None, str]]:
    """Return kind, nonce and status of everything that was signed, in the order in which it was."""
    return list(ChainTransaction.objects.order_by("pk").values_list("kind", "nonce", "status"))
