"""Deposits on a real anvil: credited once at three confirmations, whatever happens in between."""

import logging
from pathlib import Path

import pytest
from eth_account import Account

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.nodes import Anvil
from trading.engine.enums import Reason
from wallets import services
from wallets.chains import keys
from wallets.chains.ethereum import EthereumNode
from wallets.chains.jsonrpc import ChainUnavailable
from wallets.deposits.ethereum import ethereum_scan
from wallets.deposits.pool import ethereum_pool_fill
from wallets.models import Asset, ChainCursor, Deposit, DepositAddress, Posting

ETHER = 10**18


@pytest.fixture
def address(anvil: Anvil, eth: Asset, books: Books, alice: User) -> str:
    anvil.mine(8)
    scan(anvil, eth, books)
    ethereum_pool_fill(asset=eth, size=3)
    return services.deposit_address_assign(user=alice, asset=eth).address


def scan(anvil: Anvil, eth: Asset, books: Books, blocks_max: int = 200) -> None:
    ethereum_scan(asset=eth, node=anvil.node, hot_address=keys.hot_address(), send=books.send, blocks_max=blocks_max)


def states(txid: str = "") -> list[tuple[str, int]]:
    rows = Deposit.objects.filter(txid=txid) if txid else Deposit.objects.all()
    return sorted(rows.values_list("status", "confirmations"))


def credits_of(user: User) -> int:
    return Posting.objects.filter(credit=user.pk, reason=Reason.DEPOSIT).count()


def test_a_deposit_is_seen_counted_up_and_credited_once(
    anvil: Anvil, eth: Asset, books: Books, alice: User, address: str
) -> None:
    txid = anvil.pay(address, 15 * ETHER // 10 + 123)

    seen = []
    for _ in range(4):
        scan(anvil, eth, books)
        scan(anvil, eth, books)
        seen += states()
        anvil.mine()
    scan(anvil, eth, books)

    assert seen == [("seen", 0), ("confirming", 1), ("confirming", 2), ("credited", 3)]
    assert books.balance(alice.pk, eth.pk) == (150_000_000, 0)
    assert credits_of(alice) == 1
    deposit = Deposit.objects.get()
    assert (deposit.txid, deposit.amount, deposit.dust) == (txid, 150_000_000, 123)


def test_less_than_one_unit_is_recorded_and_never_credited(
    anvil: Anvil, eth: Asset, books: Books, alice: User, address: str
) -> None:
    anvil.pay(address, 10**10 - 1)
    anvil.mine(5)

    scan(anvil, eth, books)
    scan(anvil, eth, books)

    deposit = Deposit.objects.get()
    assert (deposit.status, deposit.amount, deposit.dust) == ("confirming", 0, 10**10 - 1)
    assert books.sent == []


def test_more_than_can_be_booked_does_not_keep_others_waiting(
    anvil: Anvil, eth: Asset, books: Books, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A chain of one's own can mint any number: 2^63 units are no deposit, and no reason to stop looking."""
    giant = Account.create()
    anvil.call("anvil_setBalance", giant.address, hex(10**30))
    anvil.call("anvil_impersonateAccount", giant.address)
    huge = {"from": giant.address, "to": address, "value": hex(2**63 * 10**10), "gas": hex(21_000)}
    anvil.call("eth_sendTransaction", huge)
    small = anvil.pay(address, 10**18)

    with caplog.at_level(logging.ERROR):
        scan(anvil, eth, books)

    assert [deposit.txid for deposit in Deposit.objects.all()] == [small]
    assert "more than can be booked" in caplog.text


def test_a_replaced_transaction_is_orphaned(anvil: Anvil, eth: Asset, books: Books, address: str) -> None:
    txid = anvil.pay(address, ETHER)
    scan(anvil, eth, books)
    seen = states(txid)

    anvil.call("anvil_dropTransaction", txid)
    scan(anvil, eth, books)

    assert (seen, [status for status, _ in states(txid)]) == ([("seen", 0)], ["orphaned"])


def test_a_reorganised_deposit_is_orphaned_and_comes_back(
    anvil: Anvil, eth: Asset, books: Books, alice: User, address: str
) -> None:
    txid = anvil.pay(address, ETHER)
    raw = anvil.call("eth_getRawTransactionByHash", txid)
    anvil.mine(2)
    scan(anvil, eth, books)
    before = states()

    anvil.call("anvil_reorg", 2, [])
    scan(anvil, eth, books)
    orphaned = [status for status, _ in states()]
    anvil.call("eth_sendRawTransaction", raw)
    scan(anvil, eth, books)
    waiting = states()
    anvil.mine(3)
    scan(anvil, eth, books)
    scan(anvil, eth, books)

    assert before == [("confirming", 2)]
    assert orphaned == ["orphaned"]
    assert waiting == [("seen", 0)]
    assert states() == [("credited", 3)]
    assert credits_of(alice) == 1


def test_a_chain_that_became_shorter_is_followed_back(
    anvil: Anvil, eth: Asset, books: Books, alice: User, address: str
) -> None:
    snapshot = anvil.call("evm_snapshot")
    lost = anvil.pay(address, 3 * ETHER)
    anvil.mine(2)
    scan(anvil, eth, books)
    before = states(lost)

    anvil.call("evm_revert", snapshot)
    scan(anvil, eth, books)
    after = [status for status, _ in states(lost)]
    kept = anvil.pay(address, 2 * ETHER)
    anvil.mine(3)
    scan(anvil, eth, books)
    scan(anvil, eth, books)

    assert (before, after) == ([("confirming", 2)], ["orphaned"])
    assert states(kept) == [("credited", 3)]
    assert books.balance(alice.pk, eth.pk) == (200_000_000, 0)


def test_a_credited_deposit_that_a_deep_reorganisation_removes_is_said_at_error_level(
    anvil: Anvil, eth: Asset, books: Books, alice: User, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    anvil.pay(address, ETHER)
    anvil.mine(4)
    scan(anvil, eth, books)
    scan(anvil, eth, books)
    before = states()

    anvil.call("anvil_reorg", 5, [])
    scan(anvil, eth, books)
    scan(anvil, eth, books)

    deposit = Deposit.objects.get()
    assert before == [("credited", 4)]
    assert (deposit.status, deposit.credited_at is not None) == ("orphaned", True)
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1, errors
    assert "AFTER it was credited" in errors[0]


def test_a_credited_deposit_that_is_mined_again_is_not_credited_again(
    anvil: Anvil, eth: Asset, books: Books, alice: User, address: str
) -> None:
    txid = anvil.pay(address, ETHER)
    raw = anvil.call("eth_getRawTransactionByHash", txid)
    anvil.mine(3)
    scan(anvil, eth, books)
    scan(anvil, eth, books)

    anvil.call("anvil_reorg", 4, [[raw, 1]])
    anvil.mine(2)
    scan(anvil, eth, books)
    scan(anvil, eth, books)

    assert [status for status, _ in states()] == ["credited"]
    assert credits_of(alice) == 1


def test_a_failed_payment_is_no_deposit(anvil: Anvil, eth: Asset, books: Books, address: str) -> None:
    # Code at the address that always reverts makes the payment fail while its value stands in the block.
    anvil.call("anvil_setCode", address, "0x60006000fd")
    accounts = anvil.node.rpc.call("eth_accounts")
    payment = {"from": accounts[1], "to": address, "value": hex(ETHER), "gas": hex(50_000)}
    txid = anvil.call("eth_sendTransaction", payment)
    scan(anvil, eth, books)
    anvil.mine(4)

    scan(anvil, eth, books)
    scan(anvil, eth, books)

    assert anvil.node.receipts([str(txid)])[str(txid)].succeeded is False
    assert [status for status, _ in states()] in ([], ["orphaned"])
    assert books.sent == []


def test_a_thousand_blocks_behind_nothing_is_lost(
    anvil: Anvil, eth: Asset, books: Books, alice: User, address: str
) -> None:
    amounts = []
    for number in range(6):
        amounts.append(10**8 + number)
        anvil.pay(address, amounts[-1] * 10**10)
        anvil.call("anvil_mine", hex(200))

    scan(anvil, eth, books, blocks_max=200)
    first = ChainCursor.objects.get(chain="ethereum").height
    for _ in range(7):
        scan(anvil, eth, books, blocks_max=200)

    assert first == 208
    assert ChainCursor.objects.get(chain="ethereum").height == 1_208
    assert sorted(Deposit.objects.values_list("amount", flat=True)) == amounts
    assert books.balance(alice.pk, eth.pk) == (sum(amounts), 0)


def test_a_worker_that_was_overtaken_writes_nothing(
    anvil: Anvil, eth: Asset, books: Books, alice: User, address: str
) -> None:
    class Slow(EthereumNode):
        """A node whose blocks arrive when somebody else has moved the cursor."""

        def blocks(self, heights):  # type: ignore[no-untyped-def]
            found = super().blocks(heights)
            anvil.call("anvil_reorg", 2, [])
            scan(anvil, eth, books)
            return found

    anvil.pay(address, ETHER)
    anvil.mine(2)
    ethereum_scan(asset=eth, node=Slow(anvil.url), hot_address=keys.hot_address(), send=books.send)
    anvil.mine(3)
    scan(anvil, eth, books)

    assert "credited" not in [status for status, _ in states()]
    assert books.sent == []


def test_a_node_that_goes_down_and_comes_back_loses_nothing(
    tmp_path: Path, eth: Asset, books: Books, alice: User
) -> None:
    anvil = Anvil(tmp_path / "kept", "--state", str(tmp_path / "kept.json"))
    try:
        anvil.start()
        scan(anvil, eth, books)
        ethereum_pool_fill(asset=eth, size=1)
        address = services.deposit_address_assign(user=alice, asset=eth).address
        anvil.pay(address, ETHER)
        anvil.mine()
        scan(anvil, eth, books)

        anvil.stop()
        with pytest.raises(ChainUnavailable):
            scan(anvil, eth, books)
        during = states()
        anvil.start()
        anvil.mine(2)
        scan(anvil, eth, books)
        scan(anvil, eth, books)
    finally:
        anvil.stop()

    assert during == [("confirming", 1)]
    assert states() == [("credited", 3)]


def test_addresses_wait_for_the_scanner(eth: Asset) -> None:
    ethereum_pool_fill(asset=eth, size=3)

    assert not DepositAddress.objects.exists()


def test_addresses_are_derived_from_the_public_branch_alone(
    anvil: Anvil, eth: Asset, books: Books, key_file: Path
) -> None:
    scan(anvil, eth, books)
    key_file.rename(key_file.with_name("elsewhere"))

    ethereum_pool_fill(asset=eth, size=3)

    key_file.with_name("elsewhere").rename(key_file)
    addresses = list(DepositAddress.objects.order_by("derivation_index").values_list("address", flat=True))
    assert addresses == [_address_of(keys.deposit_key(index)) for index in range(3)]


def _address_of(key: bytes) -> str:
    return str(Account.from_key(key).address)
