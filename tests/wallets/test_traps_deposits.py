"""How deposits are lost or doubled elsewhere, trap by trap. Those that other modules test are named in TRAPS."""

import importlib
import itertools
import threading
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.deposits import audit_deposits, scan_bitcoin, scan_ethereum, statuses, two_spends
from tests.wallets.nodes import Anvil, Bitcoind
from tests.wallets.payers import pay_on, splitter
from wallets import services
from wallets.deposits.bitcoin import bitcoin_scan
from wallets.deposits.pool import bitcoin_pool_fill, ethereum_pool_fill
from wallets.models import Asset, ChainCursor, ChainTransaction, Deposit, DepositAddress, Posting

ETHER = 10**18
FAR = 3_000
TRAPS = {
    "credited at the tip, without confirmations": (
        "test_deposits_bitcoin.test_a_deposit_is_seen_counted_up_and_credited_once"
    ),
    "several outputs to one address in one transaction": (
        "test_deposits_bitcoin.test_two_outputs_of_one_transaction_to_one_address_are_two_deposits"
    ),
    "a double-spent deposit is in no listing": (
        "test_deposits_bitcoin.test_a_deposit_that_was_spent_elsewhere_is_orphaned_and_returns_with_its_block"
    ),
    "what was counted is forgotten, and counted again": (
        "test_deposits_bitcoin.test_an_unknown_cursor_means_everything_again_and_changes_nothing"
    ),
    "the cursor's block is unknown to the node": (
        "test_deposits_bitcoin.test_an_unknown_cursor_means_everything_again_and_changes_nothing"
    ),
    "a node that goes away in the middle": (
        "test_deposits_bitcoin.test_a_node_that_goes_down_and_comes_back_loses_nothing"
    ),
    "a reorganisation deeper than the confirmations": (
        "test_reversals.test_on_bitcoin_another_spend_that_is_deep_enough_takes_it_back"
    ),
    "a reorganised transaction waits in the mempool": (
        "test_reversals.test_on_bitcoin_it_comes_back_from_the_mempool_or_is_taken_back"
    ),
    "paid by a block, and not to be spent for long": (
        "test_deposits_coinbase.test_what_a_block_pays_is_pending_until_it_can_be_spent"
    ),
    "paid by a block that is lost": (
        "test_deposits_coinbase.test_one_whose_block_is_lost_is_orphaned_and_returns_with_it"
    ),
    "a reorganised transaction is in no pool": (
        "test_deposits_ethereum.test_a_reorganised_deposit_is_orphaned_and_comes_back"
    ),
    "a chain that became shorter": "test_deposits_ethereum.test_a_chain_that_became_shorter_is_followed_back",
    "a node that begins anew": "test_reversals.test_a_node_that_begins_anew_with_fewer_blocks_takes_nothing_back",
    "a failed transaction with a value": "test_deposits_ethereum.test_a_failed_payment_is_no_deposit",
    "never mined": (
        "test_small_and_large_deposits.test_what_nobody_mines_expires_and_comes_back_to_life_when_it_is_mined_after_all"
    ),
    "a payment made by a contract": "test_internal_transfers.test_each_payment_of_a_contract_is_a_deposit_of_its_own",
    "children of a reverted frame carry no error": (
        "test_internal_transfers.test_what_a_frame_paid_that_failed_is_nothing"
    ),
    "a contract that destroys itself": (
        "test_internal_transfers.test_what_a_contract_leaves_when_it_destroys_itself_is_a_deposit"
    ),
    "a fake token": "test_deposits_tokens.test_tokens_of_another_contract_are_nothing",
    "address poisoning with transfers of nothing": "test_deposits_tokens.test_a_transfer_of_nothing_is_nothing",
    "a token that keeps a fee": "test_awkward_tokens.test_a_token_that_keeps_a_fee_is_credited_with_what_arrived",
    "a token that returns false": "test_awkward_tokens.test_a_token_that_returns_false_and_moves_nothing_is_no_deposit",
    "a token that returns nothing": "test_deposits_tokens.test_tokens_are_seen_counted_up_and_credited_once",
    "a log has another number in another block": (
        "test_deposits_tokens.test_a_reorganised_deposit_is_orphaned_comes_back_and_is_credited_once"
    ),
    "gas from the hot wallet": "test_deposits_tokens.test_what_the_hot_wallet_moves_itself_is_no_deposit",
    "more than an integer can hold": (
        "test_deposits_ethereum.test_more_than_can_be_booked_does_not_keep_others_waiting"
    ),
}


@pytest.mark.parametrize("name", TRAPS.values(), ids=TRAPS)
def test_a_trap_has_its_test(name: str) -> None:
    module, function = name.split(".")
    assert callable(getattr(importlib.import_module(f"tests.wallets.{module}"), function))


@pytest.fixture
def address(bitcoind: Bitcoind, btc: Asset, alice: User) -> str:
    bitcoin_pool_fill(asset=btc, node=bitcoind.node, size=3)
    return services.deposit_address_assign(user=alice, asset=btc).address


@pytest.fixture
def ether_address(anvil: Anvil, eth: Asset, books: Books, alice: User) -> str:
    scan_ethereum(anvil, eth, books, 1)
    ethereum_pool_fill(asset=eth, size=3)
    return services.deposit_address_assign(user=alice, asset=eth).address


def test_opencex_a_scanner_that_is_more_than_1000_blocks_behind_stores_the_tip_bitcoin(
    tmp_path: Path, btc: Asset, books: Books, alice: User
) -> None:
    bitcoind = Bitcoind(tmp_path / "bitcoind")
    try:
        bitcoind.start()
        bitcoind.prepare()
        bitcoin_pool_fill(asset=btc, node=bitcoind.node, size=1)
        address = services.deposit_address_assign(user=alice, asset=btc).address
        scan_bitcoin(bitcoind, btc, books)
        for number in range(10):
            bitcoind.pay(address, 10_000 + number)
            for _ in range(FAR // 500):
                bitcoind.mine(50)  # a node's answer must not take too long

        scan_bitcoin(bitcoind, btc, books)
    finally:
        bitcoind.stop()

    assert statuses() == ["credited"] * 10
    assert books.balance(alice.pk, btc.pk) == (100_045, 0)


def test_opencex_a_scanner_that_is_more_than_1000_blocks_behind_stores_the_tip_ethereum(
    anvil: Anvil, eth: Asset, books: Books, alice: User, ether_address: str
) -> None:
    contract = splitter(anvil)
    start = ChainCursor.objects.get(chain="ethereum").height
    for number in range(10):
        anvil.pay(ether_address, (10_000 + number) * 10**10)
        pay_on(anvil, contract, 10**14, [ether_address])
        anvil.call("anvil_mine", hex(FAR // 10))
    heights = [start]

    while heights[-1] < anvil.node.height():
        scan_ethereum(anvil, eth, books, 1)
        heights.append(ChainCursor.objects.get(chain="ethereum").height)
    scan_ethereum(anvil, eth, books)

    steps = [after - before for before, after in itertools.pairwise(heights)]
    assert heights[-1] - start > FAR
    assert max(steps) <= 200
    assert statuses() == ["credited"] * 20
    assert books.balance(alice.pk, eth.pk) == (100_045 + 10 * 10_000, 0)


def test_opencex_nothing_keeps_two_workers_from_recording_a_deposit_twice(
    bitcoind: Bitcoind, btc: Asset, books: Books, alice: User, address: str
) -> None:
    bitcoind.pay(address, 70_000)
    bitcoind.mine(3)
    together = threading.Barrier(4)

    def work() -> None:
        try:
            for _ in range(3):
                together.wait(30)
                bitcoin_scan(asset=btc, node=bitcoind.node, send=lambda commands: None)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    scan_bitcoin(bitcoind, btc, books)

    assert statuses() == ["credited"]
    assert Posting.objects.count() == 1
    assert books.balance(alice.pk, btc.pk) == (70_000, 0)


def test_a_replacement_by_fee_pays_the_same_address_another_transaction(
    bitcoind: Bitcoind, btc: Asset, books: Books, alice: User, address: str
) -> None:
    """Both may be seen; the one that is mined counts, the other one ends as orphaned."""
    first, second = two_spends(bitcoind, address, amount=Decimal("0.7"), other=address)
    replaced = bitcoind.node.root.call("sendrawtransaction", first)
    bitcoind.settle()
    scan_bitcoin(bitcoind, btc, books)
    replacing = bitcoind.node.root.call("sendrawtransaction", second)
    bitcoind.settle()
    scan_bitcoin(bitcoind, btc, books)
    both = statuses(replaced), statuses(replacing)

    bitcoind.mine(3)
    scan_bitcoin(bitcoind, btc, books)

    assert both == (["seen"], ["seen"])
    assert (statuses(replaced), statuses(replacing)) == (["orphaned"], ["credited"])
    assert books.balance(alice.pk, btc.pk) == (70_000_000, 0)


def test_a_transaction_that_the_mempool_dropped_is_mined_later(
    tmp_path: Path, btc: Asset, books: Books, alice: User
) -> None:
    """A node that forgets its mempool, and wallets that send nothing again."""
    bitcoind = Bitcoind(tmp_path / "bitcoind")
    bitcoind.command += ["-persistmempool=0", "-walletbroadcast=0"]
    try:
        bitcoind.start()
        bitcoind.prepare()
        bitcoin_pool_fill(asset=btc, node=bitcoind.node, size=1)
        address = services.deposit_address_assign(user=alice, asset=btc).address
        raw, _ = two_spends(bitcoind, address)
        txid = bitcoind.node.root.call("sendrawtransaction", raw)
        bitcoind.settle()
        scan_bitcoin(bitcoind, btc, books)
        bitcoind.stop()
        bitcoind.start()
        dropped = not bitcoind.is_pending(txid)
        bitcoind.mine(4)
        scan_bitcoin(bitcoind, btc, books)
        waiting = statuses()

        bitcoind.node.root.call("generateblock", bitcoind.fresh_address(), [raw])
        bitcoind.mine(2)
        scan_bitcoin(bitcoind, btc, books)
    finally:
        bitcoind.stop()

    assert (dropped, waiting) == (True, ["seen"])
    assert statuses() == ["credited"]
    assert books.balance(alice.pk, btc.pk) == (200_000_000, 0)


def test_a_deposit_to_a_taproot_address_is_found(bitcoind: Bitcoind, btc: Asset, books: Books, alice: User) -> None:
    taproot = str(bitcoind.node.rpc.call("getnewaddress", "deposit", "bech32m"))
    DepositAddress.objects.create(asset=btc, address=taproot, user=alice)
    bitcoind.pay(taproot, 80_000)
    bitcoind.mine(3)

    scan_bitcoin(bitcoind, btc, books)

    assert taproot.startswith("bcrt1p")
    assert statuses() == ["credited"]
    assert books.balance(alice.pk, btc.pk) == (80_000, 0)


def test_our_own_change_and_consolidations_are_no_deposits(
    bitcoind: Bitcoind, btc: Asset, books: Books, address: str
) -> None:
    own = str(bitcoind.node.rpc.call("getnewaddress", "", "bech32"))
    bitcoind.pay(own, 90_000)
    bitcoind.mine(3)

    scan_bitcoin(bitcoind, btc, books)

    assert statuses() == []


def test_gas_that_an_earlier_hot_wallet_sent_is_no_deposit(
    anvil: Anvil, eth: Asset, books: Books, ether_address: str
) -> None:
    """After its key was changed: what we send is known by what was stored, not by who sends today."""
    for kind in ("gas", "sweep", "filler"):
        txid = anvil.pay(ether_address, ETHER)
        ChainTransaction.objects.create(asset=eth, fee_asset=eth, kind=kind, txid=txid, raw="0x", sender="0xold")
        anvil.mine(1)
    paid = anvil.pay(ether_address, ETHER)
    ChainTransaction.objects.create(asset=eth, fee_asset=eth, kind="withdrawal", txid=paid, raw="0x")
    anvil.mine(3)

    scan_ethereum(anvil, eth, books)

    assert list(Deposit.objects.values_list("txid", "status")) == [(paid, "credited")]
    assert audit_deposits() == []
