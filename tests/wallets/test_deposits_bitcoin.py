"""Deposits on a real regtest bitcoind: credited once at three confirmations, whatever happens in between."""

import logging
from decimal import Decimal
from pathlib import Path

import pytest

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.nodes import Bitcoind
from trading.engine.enums import Reason
from wallets import services
from wallets.chains.bitcoin import BitcoinNode
from wallets.chains.jsonrpc import ChainUnavailable
from wallets.deposits.bitcoin import bitcoin_scan
from wallets.deposits.pool import bitcoin_pool_fill
from wallets.models import Asset, ChainCursor, Deposit, DepositAddress, Posting


@pytest.fixture
def address(bitcoind: Bitcoind, btc: Asset, alice: User) -> str:
    bitcoin_pool_fill(asset=btc, node=bitcoind.node, size=3)
    return services.deposit_address_assign(user=alice, asset=btc).address


def scan(bitcoind: Bitcoind, btc: Asset, books: Books) -> None:
    bitcoin_scan(asset=btc, node=bitcoind.node, send=books.send)


def states(txid: str = "") -> list[tuple[str, int]]:
    rows = Deposit.objects.filter(txid=txid) if txid else Deposit.objects.all()
    return sorted(rows.values_list("status", "confirmations"))


def credits_of(books: Books, alice: User, btc: Asset) -> int:
    assert books.balance(alice.pk, btc.pk)[0] == sum(
        Posting.objects.filter(credit=alice.pk, reason=Reason.DEPOSIT).values_list("amount", flat=True)
    )
    return Posting.objects.filter(credit=alice.pk, reason=Reason.DEPOSIT).count()


def double_spend(bitcoind: Bitcoind, address: str) -> tuple[str, str]:
    """Return two signed transactions of one coin: to the address, and, with a higher fee, somewhere else."""
    rpc = bitcoind.faucet.rpc
    coin = next(item for item in rpc.call("listunspent", 1) if item["amount"] > 3)
    drafts = []
    for target, fee in ((address, Decimal("0.0001")), (bitcoind.fresh_address(), Decimal("0.002"))):
        change = bitcoind.fresh_address()
        outputs = [{target: Decimal(2)}, {change: coin["amount"] - 2 - fee}]
        inputs = [{"txid": coin["txid"], "vout": coin["vout"], "sequence": 0xFFFFFFFD}]
        raw = rpc.call("createrawtransaction", inputs, outputs)
        drafts.append(str(rpc.call("signrawtransactionwithwallet", raw)["hex"]))
    return drafts[0], drafts[1]


def test_a_deposit_is_seen_counted_up_and_credited_once(
    bitcoind: Bitcoind, btc: Asset, books: Books, alice: User, address: str
) -> None:
    txid = bitcoind.pay(address, 150_000_001)

    seen = []
    for _ in range(4):
        scan(bitcoind, btc, books)
        scan(bitcoind, btc, books)
        seen += states()
        bitcoind.mine()
    scan(bitcoind, btc, books)

    assert seen == [("seen", 0), ("confirming", 1), ("confirming", 2), ("credited", 3)]
    assert books.balance(alice.pk, btc.pk) == (150_000_001, 0)
    assert credits_of(books, alice, btc) == 1
    deposit = Deposit.objects.get()
    assert (deposit.txid, deposit.amount, deposit.dust, deposit.user_id) == (txid, 150_000_001, 0, alice.pk)
    assert deposit.credited_at is not None


def test_two_outputs_of_one_transaction_to_one_address_are_two_deposits(
    bitcoind: Bitcoind, btc: Asset, books: Books, alice: User, address: str
) -> None:
    rpc = bitcoind.faucet.rpc
    coin = next(item for item in rpc.call("listunspent", 1) if item["amount"] > 4)
    script = rpc.call("getaddressinfo", address)["scriptPubKey"]
    change = bitcoind.fresh_address()
    inputs = [{"txid": coin["txid"], "vout": coin["vout"]}]
    raw = rpc.call("createrawtransaction", inputs, [{address: 1}, {change: coin["amount"] - 3 - Decimal("0.001")}])
    # The node refuses to build it (duplicate address), so the second output is put in by hand.
    count_at = raw.index("02", raw.index("ffffffff" if "ffffffff" in raw else "fdffffff") + 8)
    output = (200_000_000).to_bytes(8, "little").hex() + f"{len(script) // 2:02x}" + script
    raw = raw[:count_at] + "03" + output + raw[count_at + 2 :]
    bitcoind.node.root.call("sendrawtransaction", rpc.call("signrawtransactionwithwallet", raw)["hex"])
    bitcoind.mine(3)

    scan(bitcoind, btc, books)
    scan(bitcoind, btc, books)

    assert states() == [("credited", 3), ("credited", 3)]
    assert books.balance(alice.pk, btc.pk) == (300_000_000, 0)


def test_nothing_is_credited_until_the_ledger_has_it(
    bitcoind: Bitcoind, btc: Asset, books: Books, alice: User, address: str
) -> None:
    books.closed = True
    bitcoind.pay(address, 5_000)
    bitcoind.mine(3)

    scan(bitcoind, btc, books)
    scan(bitcoind, btc, books)
    without_engine = states()
    books.closed = False
    scan(bitcoind, btc, books)
    scan(bitcoind, btc, books)

    assert without_engine == [("confirming", 3)]
    assert states() == [("credited", 3)]
    assert len(books.sent) == 3
    assert books.balance(alice.pk, btc.pk) == (5_000, 0)


def test_a_new_worker_goes_on_where_the_last_one_stopped(
    bitcoind: Bitcoind, btc: Asset, books: Books, alice: User, address: str
) -> None:
    bitcoind.pay(address, 7_000)
    scan(bitcoind, btc, books)
    bitcoind.mine(2)
    bitcoind.pay(address, 8_000)
    bitcoind.mine(2)

    bitcoin_scan(asset=btc, node=BitcoinNode(bitcoind.url), send=books.send)
    bitcoind.mine()
    bitcoin_scan(asset=btc, node=BitcoinNode(bitcoind.url), send=books.send)
    bitcoin_scan(asset=btc, node=BitcoinNode(bitcoind.url), send=books.send)

    assert [status for status, _ in states()] == ["credited", "credited"]
    assert books.balance(alice.pk, btc.pk) == (15_000, 0)


def test_a_reorganised_deposit_is_counted_anew_and_credited_once(
    bitcoind: Bitcoind, btc: Asset, books: Books, alice: User, address: str
) -> None:
    txid = bitcoind.pay(address, 9_000)
    block = bitcoind.mine(2)[0]
    scan(bitcoind, btc, books)
    before = states(txid)

    bitcoind.node.root.call("invalidateblock", block)
    bitcoind.settle()
    scan(bitcoind, btc, books)
    between = states(txid)
    bitcoind.mine(3)
    scan(bitcoind, btc, books)
    scan(bitcoind, btc, books)

    assert (before, between, states(txid)) == ([("confirming", 2)], [("seen", 0)], [("credited", 3)])
    assert credits_of(books, alice, btc) == 1


def test_a_deposit_that_was_spent_elsewhere_is_orphaned_and_returns_with_its_block(
    bitcoind: Bitcoind, btc: Asset, books: Books, alice: User, address: str
) -> None:
    to_us, elsewhere = double_spend(bitcoind, address)
    txid = bitcoind.node.root.call("sendrawtransaction", to_us)
    bitcoind.settle()
    scan(bitcoind, btc, books)
    seen = states(txid)

    bitcoind.node.root.call("sendrawtransaction", elsewhere)
    other_block = bitcoind.mine()[0]
    scan(bitcoind, btc, books)
    orphaned = [status for status, _ in states(txid)]
    bitcoind.node.root.call("invalidateblock", other_block)
    bitcoind.node.root.call("generateblock", bitcoind.fresh_address(), [to_us])
    bitcoind.mine(2)
    scan(bitcoind, btc, books)
    scan(bitcoind, btc, books)

    assert seen == [("seen", 0)]
    assert orphaned == ["orphaned"]
    assert [status for status, _ in states(txid)] == ["credited"]
    assert credits_of(books, alice, btc) == 1


def test_a_credited_deposit_that_a_deep_reorganisation_removes_is_said_at_error_level(
    bitcoind: Bitcoind, btc: Asset, books: Books, alice: User, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    to_us, elsewhere = double_spend(bitcoind, address)
    txid = bitcoind.node.root.call("sendrawtransaction", to_us)
    block = bitcoind.mine(3)[0]
    scan(bitcoind, btc, books)
    scan(bitcoind, btc, books)
    credited = [status for status, _ in states(txid)]

    bitcoind.node.root.call("invalidateblock", block)
    bitcoind.node.root.call("sendrawtransaction", elsewhere)
    bitcoind.mine(2)
    scan(bitcoind, btc, books)
    scan(bitcoind, btc, books)

    assert credited == ["credited"]
    deposit = Deposit.objects.get(txid=txid)
    assert (deposit.status, deposit.credited_at is not None) == ("orphaned", True)
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "AFTER it was credited" in errors[0]


def test_an_unknown_cursor_means_everything_again_and_changes_nothing(
    bitcoind: Bitcoind, btc: Asset, books: Books, alice: User, address: str
) -> None:
    bitcoind.pay(address, 6_000)
    bitcoind.mine(3)
    scan(bitcoind, btc, books)
    scan(bitcoind, btc, books)
    before = list(Deposit.objects.values_list("pk", "status"))
    ChainCursor.objects.update(block_hash="ab" * 32)

    scan(bitcoind, btc, books)
    scan(bitcoind, btc, books)

    assert list(Deposit.objects.values_list("pk", "status")) == before
    assert credits_of(books, alice, btc) == 1
    assert ChainCursor.objects.get().block_hash != "ab" * 32


def test_a_node_that_goes_down_and_comes_back_loses_nothing(
    tmp_path: Path, btc: Asset, books: Books, alice: User
) -> None:
    bitcoind = Bitcoind(tmp_path / "bitcoind")
    try:
        bitcoind.start()
        bitcoind.prepare()
        bitcoin_pool_fill(asset=btc, node=bitcoind.node, size=1)
        address = services.deposit_address_assign(user=alice, asset=btc).address
        bitcoind.pay(address, 11_000)
        scan(bitcoind, btc, books)

        bitcoind.stop()
        with pytest.raises(ChainUnavailable):
            scan(bitcoind, btc, books)
        during = states()
        bitcoind.start()
        bitcoind.mine(3)
        scan(bitcoind, btc, books)
        scan(bitcoind, btc, books)
    finally:
        bitcoind.stop()

    assert during == [("seen", 0)]
    assert [status for status, _ in states()] == ["credited"]
    assert books.balance(alice.pk, btc.pk) == (11_000, 0)


def test_what_is_paid_to_an_address_of_nobody_is_not_recorded(
    bitcoind: Bitcoind, btc: Asset, books: Books, address: str
) -> None:
    unassigned = DepositAddress.objects.filter(asset=btc, user=None).first()
    assert unassigned is not None
    bitcoind.pay(unassigned.address, 4_000)
    bitcoind.mine(3)

    scan(bitcoind, btc, books)

    assert not Deposit.objects.exists()


def test_a_thousand_blocks_behind_nothing_is_lost(
    bitcoind: Bitcoind, btc: Asset, books: Books, alice: User, address: str
) -> None:
    scan(bitcoind, btc, books)
    amounts = []
    for number in range(10):
        amounts.append(10_000 + number)
        bitcoind.pay(address, amounts[-1])
        bitcoind.mine(101)

    scan(bitcoind, btc, books)
    scan(bitcoind, btc, books)

    assert sorted(Deposit.objects.values_list("amount", flat=True)) == amounts
    assert books.balance(alice.pk, btc.pk) == (sum(amounts), 0)
    assert ChainCursor.objects.get().tip_height == bitcoind.node.tip()[0]
