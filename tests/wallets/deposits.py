"""What tests of deposits do and look at."""

from decimal import Decimal

from django.db import connection

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.nodes import Anvil, Bitcoind
from trading.engine.enums import Reason
from wallets.chains import keys
from wallets.deposits.bitcoin import bitcoin_scan
from wallets.deposits.ethereum import ethereum_scan
from wallets.ledger.checks import deposits as checks
from wallets.models import Asset, Deposit, Posting


def scan_bitcoin(bitcoind: Bitcoind, btc: Asset, books: Books, times: int = 2) -> None:
    """Look as workers do; what is sent is seen at the second look."""
    for _ in range(times):
        btc.refresh_from_db()
        bitcoin_scan(asset=btc, node=bitcoind.node, send=books.send)


def scan_ethereum(anvil: Anvil, eth: Asset, books: Books, times: int = 2) -> None:
    """Look as workers do; what is sent is seen at the second look."""
    for _ in range(times):
        eth.refresh_from_db()
        ethereum_scan(asset=eth, node=anvil.node, hot_address=keys.hot_address(), send=books.send)


def statuses(txid: str = "") -> list[str]:
    """Return the status of each deposit, in the order of their arrival."""
    rows = Deposit.objects.filter(txid=txid) if txid else Deposit.objects.all()
    return list(rows.order_by("pk").values_list("status", flat=True))


def postings_of(user: User, reason: Reason) -> list[tuple[str, int]]:
    """Return the number of the deposit with its generation, and the amount, of each posting of a reason."""
    rows = Posting.objects.filter(reason=reason, debit=user.pk) | Posting.objects.filter(reason=reason, credit=user.pk)
    first = Deposit.objects.order_by("pk").first()
    assert first is not None
    return [
        (row.reference.replace(f"deposit:{first.pk}", "first"), row.amount) for row in rows.distinct().order_by("pk")
    ]


def audit_deposits() -> list[str]:
    """Return the names of the audit's checks of deposits that find a difference."""
    wrong = []
    for check in checks.CHECKS:
        assert isinstance(check.differences, str)
        with connection.cursor() as cursor:
            cursor.execute(check.differences)
            wrong += [f"{check.name}: {row}" for row in cursor.fetchall()]
    return wrong


def two_spends(bitcoind: Bitcoind, address: str, *, amount: Decimal = Decimal(2), other: str = "") -> tuple[str, str]:
    """Return two signed transactions of one coin: to the address, and, with a higher fee, to another one."""
    rpc = bitcoind.faucet.rpc
    coin = next(item for item in rpc.call("listunspent", 1) if item["amount"] > amount + 1)
    drafts = []
    for target, fee in ((address, Decimal("0.0001")), (other or bitcoind.fresh_address(), Decimal("0.002"))):
        outputs = [{target: amount}, {bitcoind.fresh_address(): coin["amount"] - amount - fee}]
        inputs = [{"txid": coin["txid"], "vout": coin["vout"], "sequence": 0xFFFFFFFD}]
        raw = rpc.call("createrawtransaction", inputs, outputs)
        drafts.append(str(rpc.call("signrawtransactionwithwallet", raw)["hex"]))
    return drafts[0], drafts[1]
