"""What workers do about Bitcoin withdrawals, one step at a time, on a real node."""

from datetime import UTC, datetime, timedelta

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.nodes import Bitcoind
from wallets import services
from wallets.models import Asset, ChainTransaction, Withdrawal
from wallets.pace import Pacer
from wallets.payouts.bitcoin import bitcoin_sign
from wallets.payouts.bitcoin_bump import bitcoin_bump
from wallets.payouts.bitcoin_consolidate import bitcoin_consolidate
from wallets.payouts.follow import bitcoin_follow, stored_broadcast
from wallets.payouts.progress import withdrawals_advance

GIFT = 1_000_000_000
AMOUNT = 50_000_000
FEE = 2_000
PAID = AMOUNT - FEE


class Desk:
    """A user with 10 BTC in the books, and a hot wallet with the coins that a test gives it."""

    def __init__(self, chain: Bitcoind, btc: Asset, books: Books, user: User) -> None:
        self.chain = chain
        self.node = chain.node
        self.btc = btc
        self.books = books
        self.user = user

    def ask(self, amount: int = AMOUNT, address: str = "") -> Withdrawal:
        """Ask for a withdrawal, to a fresh address unless one is given, and have its funds held."""
        withdrawal = services.withdrawal_request(
            user_id=self.user.pk,
            asset=self.btc,
            address=address or self.chain.fresh_address(),
            amount=amount,
            send=self.books.send,
        )
        withdrawals_advance(send=self.books.send)
        withdrawal.refresh_from_db()
        assert withdrawal.status == "held"
        return withdrawal

    def fund(self, *coins: int, blocks: int = 3) -> None:
        """Give the hot wallet coins, in satoshis, final unless there are fewer blocks."""
        for address, coin in zip(self.node.addresses_new(len(coins)), coins, strict=True):
            self.chain.pay(address, coin)
        self.chain.mine(blocks)

    def sign(self, *, after_s: float = 0) -> list[ChainTransaction]:
        """Let a signer look, so many seconds from now, and return what it stored."""
        known = set(ChainTransaction.objects.values_list("pk", flat=True))
        bitcoin_sign(asset=self.btc, node=self.node, now=lambda: later(after_s))
        return list(ChainTransaction.objects.exclude(pk__in=known).order_by("pk"))

    def send(self) -> None:
        """Send what is stored and was not sent."""
        stored_broadcast(asset=self.btc, broadcast=self.node.broadcast)
        self.chain.settle()

    def bump(self, *, after_s: float = 601) -> list[ChainTransaction]:
        """Let a signer look for stuck transactions, so many seconds from now, and return what it stored."""
        known = set(ChainTransaction.objects.values_list("pk", flat=True))
        bitcoin_bump(asset=self.btc, node=self.node, now=lambda: later(after_s))
        return list(ChainTransaction.objects.exclude(pk__in=known).order_by("pk"))

    def merge(self) -> list[ChainTransaction]:
        """Let a signer look for small coins, and return what it stored."""
        known = set(ChainTransaction.objects.values_list("pk", flat=True))
        bitcoin_consolidate(asset=self.btc, node=self.node)
        return list(ChainTransaction.objects.exclude(pk__in=known).order_by("pk"))

    def follow(self, times: int = 1) -> None:
        """Look at the chain, and take withdrawals on."""
        self.chain.settle()
        for _ in range(times):
            bitcoin_follow(asset=self.btc, node=self.node, send=self.books.send, pacer=Pacer())
            withdrawals_advance(send=self.books.send)

    def finish(self) -> None:
        """Mine until everything that is in the mempool is final."""
        self.chain.mine(3)
        self.follow(3)

    def mine_only(self, *raws: str) -> str:
        """Mine a block with just these transactions in it and return its hash."""
        made = self.node.root.call("generateblock", self.chain.fresh_address(), list(raws))
        return str(made["hash"])


def later(seconds: float) -> datetime:
    """Return the time so many seconds from now."""
    return datetime.now(UTC) + timedelta(seconds=seconds)


def statuses(*withdrawals: Withdrawal) -> list[str]:
    """Return what became of withdrawals."""
    for withdrawal in withdrawals:
        withdrawal.refresh_from_db()
    return [withdrawal.status for withdrawal in withdrawals]


def stuck(desk: Desk, *amounts: int) -> tuple[list[Withdrawal], ChainTransaction]:
    """Return withdrawals whose one transaction was sent, and that no block has although one was mined since."""
    desk.fund(*[100_000_000] * 3)
    asked = [desk.ask(amount) for amount in amounts or (50_000_000,)]
    record = desk.sign()[0]
    desk.send()
    desk.mine_only()
    return asked, record
