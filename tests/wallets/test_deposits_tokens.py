"""Deposits of tokens on a real anvil: found by the logs of the one contract that counts, credited once."""

import logging

import pytest
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.nodes import Anvil
from tests.wallets.programs import program
from tests.wallets.tokens import DOLLAR, UNITS, credits_of, mine_and_scan, scan, states
from wallets import services
from wallets.chains import keys, local
from wallets.chains.ethereum import EthereumNode
from wallets.chains.tokens import transfer_call
from wallets.models import Asset, ChainCursor, Deposit, DepositAddress

ETHER = 10**18


def test_tokens_are_seen_counted_up_and_credited_once(
    anvil: Anvil, usdt: Asset, books: Books, alice: User, address: str
) -> None:
    txid = anvil.pay_token(usdt.contract, address, 1_234_567)

    seen = []
    for _ in range(4):
        scan(anvil, books)
        scan(anvil, books)
        seen += states()
        anvil.mine()
    scan(anvil, books)

    assert seen == [("seen", 0), ("confirming", 1), ("confirming", 2), ("credited", 3)]
    assert books.balance(alice.pk, usdt.pk) == (123_456_700, 0)
    assert credits_of(alice) == [123_456_700]
    deposit = Deposit.objects.get()
    assert (deposit.asset, deposit.txid, deposit.output, deposit.dust) == (usdt, txid, 0, 0)
    assert deposit.address.address == address


def test_tokens_and_ether_arrive_at_one_address(
    anvil: Anvil, eth: Asset, usdt: Asset, books: Books, alice: User, address: str
) -> None:
    assert services.deposit_address_assign(user=alice, asset=eth).address == address
    assert services.deposit_address_assign(user=alice, asset=usdt).address == address
    assert DepositAddress.objects.filter(user=alice).count() == 1

    anvil.pay(address, ETHER)
    anvil.pay_token(usdt.contract, address, DOLLAR)
    mine_and_scan(anvil, books)

    assert books.balance(alice.pk, eth.pk) == (UNITS, 0)
    assert books.balance(alice.pk, usdt.pk) == (UNITS, 0)


def test_tokens_of_another_contract_are_nothing(
    anvil: Anvil, usdt: Asset, books: Books, alice: User, address: str
) -> None:
    """Also one that calls itself the same, and writes the very same logs."""
    fake = local.token_deploy(anvil.node, name=usdt.name, symbol=usdt.code, decimals=6)
    anvil.pay_token(fake, address, 1_000_000 * DOLLAR)

    scan(anvil, books)
    mine_and_scan(anvil, books)

    assert fake != usdt.contract
    assert states() == []
    assert books.sent == []


def test_a_transfer_of_nothing_is_nothing(anvil: Anvil, usdt: Asset, books: Books, address: str) -> None:
    anvil.pay_token(usdt.contract, address, 0)

    scan(anvil, books)
    mine_and_scan(anvil, books)

    assert states() == []


def test_what_reaches_nobody_of_ours_is_nothing(anvil: Anvil, usdt: Asset, books: Books, address: str) -> None:
    waiting = DepositAddress.objects.filter(user=None).first()
    assert waiting is not None
    anvil.pay_token(usdt.contract, waiting.address, DOLLAR)
    anvil.pay_token(usdt.contract, "0x" + "11" * 20, DOLLAR)

    scan(anvil, books)
    mine_and_scan(anvil, books)

    assert states() == []


def test_what_the_hot_wallet_moves_itself_is_no_deposit(
    anvil: Anvil, eth: Asset, usdt: Asset, books: Books, address: str
) -> None:
    """Neither ether, such as gas for an address of ours, nor tokens: they were ours before."""
    hot = keys.hot_address()
    anvil.pay(hot, 2 * ETHER)
    anvil.pay_token(usdt.contract, hot, DOLLAR)
    anvil.mine()
    anvil.call("anvil_impersonateAccount", hot)
    gas = {"from": hot, "to": address, "value": hex(ETHER), "gas": hex(21_000)}
    anvil.call("eth_sendTransaction", gas)
    tokens = {"from": hot, "to": usdt.contract, "data": transfer_call(address, DOLLAR), "gas": hex(100_000)}
    anvil.call("eth_sendTransaction", tokens)

    scan(anvil, books)
    mine_and_scan(anvil, books)

    assert anvil.balance(address) == ETHER
    assert states() == []
    assert books.sent == []


def test_two_transfers_in_one_transaction_are_two_deposits(
    anvil: Anvil, usdt: Asset, books: Books, alice: User, bob: User, address: str
) -> None:
    other = services.deposit_address_assign(user=bob, asset=usdt).address
    txid = pay_from_contract(anvil, usdt, [(address, 3 * DOLLAR), (other, 5 * DOLLAR), (address, 3 * DOLLAR)])

    scan(anvil, books)
    mine_and_scan(anvil, books)

    rows = Deposit.objects.filter(txid=txid).order_by("output")
    assert list(rows.values_list("output", "user", "amount", "status")) == [
        (0, alice.pk, 3 * UNITS, "credited"),
        (1, bob.pk, 5 * UNITS, "credited"),
        (2, alice.pk, 3 * UNITS, "credited"),
    ]
    assert books.balance(alice.pk, usdt.pk) == (6 * UNITS, 0)
    assert books.balance(bob.pk, usdt.pk) == (5 * UNITS, 0)


def pay_from_contract(anvil: Anvil, usdt: Asset, payments: list[tuple[str, int]]) -> str:
    """Create a contract that owns tokens and pays them out while it is made; return that transaction's id."""
    sender = anvil.node.rpc.call("eth_accounts")[3]
    nonce = anvil.node.transaction_count(sender)
    contract = created_address(sender, nonce)
    anvil.pay_token(usdt.contract, contract, sum(value for _, value in payments))
    anvil.mine()
    return anvil.send(program([(usdt.contract, transfer_call(to, value)) for to, value in payments]), sender=3)


def created_address(sender: str, nonce: int) -> str:
    assert nonce < 128
    encoded = bytes([0xD6, 0x94]) + bytes.fromhex(sender[2:]) + bytes([nonce or 0x80])
    return str(to_checksum_address(keccak(encoded)[12:]))


def test_a_reorganised_deposit_is_orphaned_comes_back_and_is_credited_once(
    anvil: Anvil, usdt: Asset, books: Books, alice: User, address: str
) -> None:
    """Its log has another number in the new block, where a stranger's transfer comes first."""
    txid = anvil.pay_token(usdt.contract, address, 2 * DOLLAR)
    raw = anvil.call("eth_getRawTransactionByHash", txid)
    anvil.mine(2)
    scan(anvil, books)
    before, first_number = states(), log_number(anvil, txid)

    anvil.call("anvil_reorg", 2, [])
    scan(anvil, books)
    orphaned = [status for status, _ in states()]
    anvil.send(transfer_call("0x" + "11" * 20, 0), usdt.contract, sender=2, tip=10**10)
    anvil.call("eth_sendRawTransaction", raw)
    scan(anvil, books)
    waiting = states()
    mine_and_scan(anvil, books)

    assert (first_number, log_number(anvil, txid)) == (0, 1)
    assert before == [("confirming", 2)]
    assert orphaned == ["orphaned"]
    assert waiting == [("seen", 0)]
    assert states() == [("credited", 3)]
    assert credits_of(alice) == [2 * UNITS]


def log_number(anvil: Anvil, txid: str) -> int:
    receipt = anvil.node.rpc.call("eth_getTransactionReceipt", txid)
    return int(receipt["logs"][0]["logIndex"], 16)


def test_a_chain_that_became_shorter_is_followed_back(
    anvil: Anvil, usdt: Asset, books: Books, alice: User, address: str
) -> None:
    snapshot = anvil.call("evm_snapshot")
    lost = anvil.pay_token(usdt.contract, address, 3 * DOLLAR)
    anvil.mine(2)
    scan(anvil, books)
    before = states(lost)

    anvil.call("evm_revert", snapshot)
    scan(anvil, books)
    after = [status for status, _ in states(lost)]
    kept = anvil.pay_token(usdt.contract, address, 2 * DOLLAR)
    mine_and_scan(anvil, books)

    assert (before, after) == ([("confirming", 2)], ["orphaned"])
    assert states(kept) == [("credited", 3)]
    assert credits_of(alice) == [2 * UNITS]


def test_a_credited_deposit_that_is_gone_is_said_and_one_that_comes_back_is_not_credited_again(
    anvil: Anvil, usdt: Asset, books: Books, alice: User, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    txid = anvil.pay_token(usdt.contract, address, DOLLAR)
    raw = anvil.call("eth_getRawTransactionByHash", txid)
    mine_and_scan(anvil, books, 4)
    before = states()

    anvil.call("anvil_reorg", 4, [])
    scan(anvil, books)
    gone = [status for status, _ in states()]
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    anvil.call("eth_sendRawTransaction", raw)
    mine_and_scan(anvil, books)

    assert (before, gone) == ([("credited", 4)], ["orphaned"])
    assert len(errors) == 1, errors
    assert "AFTER it was credited" in errors[0]
    assert states() == [("credited", 3)]
    assert credits_of(alice) == [UNITS]


def test_a_thousand_blocks_behind_nothing_is_lost(
    anvil: Anvil, usdt: Asset, books: Books, alice: User, address: str
) -> None:
    start = anvil.node.height()
    amounts = []
    for number in range(6):
        amounts.append(DOLLAR + number)
        anvil.pay_token(usdt.contract, address, amounts[-1])
        anvil.call("anvil_mine", hex(200))

    scan(anvil, books)
    first = ChainCursor.objects.get(chain="ethereum").height
    for _ in range(7):
        scan(anvil, books)

    assert first == start + 200
    assert ChainCursor.objects.get(chain="ethereum").height == start + 1_200
    assert credits_of(alice) == [100 * amount for amount in amounts]
    assert books.balance(alice.pk, usdt.pk) == (100 * sum(amounts), 0)


def test_a_block_that_is_gone_before_its_logs_were_read_is_looked_at_again(
    anvil: Anvil, usdt: Asset, books: Books, alice: User, address: str
) -> None:
    class Slow(EthereumNode):
        """A node whose chain is another one by the time that it is asked for logs."""

        def blocks(self, heights):  # type: ignore[no-untyped-def]
            found = super().blocks(heights)
            anvil.call("anvil_reorg", 2, [[raw, 1]])
            return found

    txid = anvil.pay_token(usdt.contract, address, DOLLAR)
    raw = anvil.call("eth_getRawTransactionByHash", txid)
    anvil.mine(2)
    cursor = ChainCursor.objects.get(chain="ethereum")

    scan(anvil, books, node=Slow(anvil.url))

    assert ChainCursor.objects.get(chain="ethereum").height == cursor.height
    assert states() == []
    mine_and_scan(anvil, books)
    assert [status for status, _ in states()] == ["credited"]
    assert credits_of(alice) == [UNITS]
