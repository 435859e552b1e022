"""Ether that contracts pay: found in traces, dropped with the frames that failed, once through every reorganisation."""

import logging

import pytest
from pytest_django.fixtures import Settings

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.deposits import audit_deposits, scan_ethereum, statuses
from tests.wallets.nodes import Anvil
from tests.wallets.payers import destruct, pay_and_revert_inside, pay_on, splitter
from wallets import services
from wallets.chains.jsonrpc import ChainRefused
from wallets.chains.traces import internal_payments
from wallets.deposits.pool import ethereum_pool_fill
from wallets.models import Asset, ChainCursor, Deposit

ETHER = 10**18
UNITS = 10**8
STRANGER = "0x" + "11" * 20


@pytest.fixture
def address(anvil: Anvil, eth: Asset, books: Books, alice: User) -> str:
    anvil.mine(8)
    scan_ethereum(anvil, eth, books, 1)
    ethereum_pool_fill(asset=eth, size=3)
    return services.deposit_address_assign(user=alice, asset=eth).address


def rows() -> list[tuple[int, int, str]]:
    return list(Deposit.objects.order_by("-output").values_list("output", "amount", "status"))


def test_each_payment_of_a_contract_is_a_deposit_of_its_own(
    anvil: Anvil, eth: Asset, books: Books, alice: User, bob: User, address: str
) -> None:
    """Its number counts the payments to strangers, too, and has nothing to do with plain transfers."""
    other = services.deposit_address_assign(user=bob, asset=eth).address
    contract = splitter(anvil)
    txid = pay_on(anvil, contract, 4 * ETHER, [address, STRANGER, other, address])
    plain = anvil.pay(address, ETHER)
    anvil.mine(3)

    scan_ethereum(anvil, eth, books)

    found = Deposit.objects.order_by("-output").values_list("txid", "output", "user", "amount", "status")
    assert list(found) == [
        (plain, -1, alice.pk, UNITS, "credited"),
        (txid, -2, alice.pk, UNITS, "credited"),
        (txid, -4, bob.pk, UNITS, "credited"),
        (txid, -5, alice.pk, UNITS, "credited"),
    ]
    assert books.balance(alice.pk, eth.pk) == (3 * UNITS, 0)
    assert audit_deposits() == []


def test_what_a_frame_paid_that_failed_is_nothing(anvil: Anvil, eth: Asset, books: Books, address: str) -> None:
    """The transaction succeeds, and the payment inside says nothing of its failure."""
    txid = pay_and_revert_inside(anvil, splitter(anvil), ETHER, address)
    anvil.mine(3)

    scan_ethereum(anvil, eth, books)

    receipt = anvil.node.receipts([txid])[txid]
    assert receipt is not None
    assert receipt.succeeded
    assert anvil.balance(address) == 0
    assert statuses() == []


def test_what_a_contract_leaves_when_it_destroys_itself_is_a_deposit(
    anvil: Anvil, eth: Asset, books: Books, alice: User, address: str
) -> None:
    destruct(anvil, ETHER, address)
    anvil.mine(3)

    scan_ethereum(anvil, eth, books)

    assert anvil.balance(address) == ETHER
    assert rows() == [(-2, UNITS, "credited")]


def test_it_goes_away_with_its_block_and_comes_back_with_another(
    anvil: Anvil, eth: Asset, books: Books, alice: User, address: str
) -> None:
    txid = pay_on(anvil, splitter(anvil), ETHER, [address])
    raw = anvil.call("eth_getRawTransactionByHash", txid)
    anvil.mine(2)
    scan_ethereum(anvil, eth, books)
    confirming = statuses()
    anvil.call("anvil_reorg", 2, [])
    scan_ethereum(anvil, eth, books)
    gone = statuses()

    anvil.call("eth_sendRawTransaction", raw)
    anvil.mine(3)
    scan_ethereum(anvil, eth, books)

    assert (confirming, gone) == (["confirming"], ["orphaned"])
    assert rows() == [(-2, UNITS, "credited")]
    assert books.balance(alice.pk, eth.pk) == (UNITS, 0)


def test_another_block_in_which_the_contract_pays_somebody_else_does_not_credit_it(
    anvil: Anvil, eth: Asset, books: Books, address: str
) -> None:
    """The very same transaction, when the contract is not there yet: the ether stays with the contract's address."""
    start = anvil.node.height()
    contract = splitter(anvil)
    txid = pay_on(anvil, contract, ETHER, [address], sender=1)
    raw = anvil.call("eth_getRawTransactionByHash", txid)
    anvil.mine(1)
    scan_ethereum(anvil, eth, books)
    before = statuses()

    anvil.call("anvil_reorg", anvil.node.height() - start, [])
    anvil.call("eth_sendRawTransaction", raw)
    anvil.mine(4)
    scan_ethereum(anvil, eth, books, 4)

    receipt = anvil.node.receipts([txid])[txid]
    assert receipt is not None
    assert receipt.succeeded
    assert anvil.balance(address) == 0
    assert before == ["confirming"]
    assert statuses() == ["seen"]
    assert books.sent == []


def test_blocks_of_plain_payments_are_not_traced(anvil: Anvil, eth: Asset, books: Books, address: str) -> None:
    anvil.pay(address, ETHER)
    call = {"from": anvil.node.rpc.call("eth_accounts")[0], "to": STRANGER, "value": hex(1), "gas": hex(21_000)}
    anvil.call("eth_sendTransaction", call)
    anvil.mine(1)
    height = anvil.node.height()
    anvil.call("evm_mine")

    full, empty = anvil.node.blocks([height, height + 1])
    assert not empty.runs_code
    assert full.runs_code == any(
        int(item["gas"], 16) > 21_000
        for item in anvil.node.rpc.call("eth_getBlockByNumber", hex(height), True)["transactions"]
    )


def test_a_node_without_traces_is_used_without_them(
    anvil: Anvil, eth: Asset, books: Books, address: str, settings: Settings
) -> None:
    settings.ETHEREUM_TRACES = False
    pay_on(anvil, splitter(anvil), ETHER, [address])
    anvil.pay(address, ETHER)
    anvil.mine(3)

    scan_ethereum(anvil, eth, books)

    assert rows() == [(-1, UNITS, "credited")]


def test_a_trace_of_a_block_that_is_gone_is_not_taken_for_that_block(anvil: Anvil, eth: Asset, address: str) -> None:
    pay_on(anvil, splitter(anvil), ETHER, [address])
    anvil.mine(1)
    block = anvil.node.blocks([anvil.node.height()])[0]

    anvil.call("anvil_reorg", 1, [])

    with pytest.raises(ChainRefused, match="any more"):
        anvil.node.internal_payments([block])


def frame(path: list[int], *, error: str = "", kind: str = "call", call_type: str = "call") -> dict[str, object]:
    action = {"from": STRANGER, "to": STRANGER, "value": "0x5", "callType": call_type}
    return {"transactionHash": "0x1", "traceAddress": path, "type": kind, "action": action} | (
        {"error": error} if error else {}
    )


def test_frames_below_a_failed_one_are_dropped_and_its_neighbours_are_not() -> None:
    frames = [frame([]), frame([0], error="Reverted"), frame([0, 0]), frame([0, 0, 1]), frame([1]), frame([10])]

    assert [payment.place for payment in internal_payments(frames)] == [0, 1]


def test_only_calls_move_ether() -> None:
    """A delegate call shows the value of the call around it, and a reward is in no transaction."""
    reward = {"type": "reward", "traceAddress": [], "action": {"value": "0x5"}}
    frames = [frame([]), frame([0], call_type="delegatecall"), frame([1], call_type="callcode"), reward]

    assert internal_payments(frames) == ()


def test_a_transaction_that_failed_paid_nothing() -> None:
    assert internal_payments([frame([], error="Reverted"), frame([0])]) == ()


def test_a_node_that_offers_no_traces_is_asked_once(anvil: Anvil, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(method: str, *args: object) -> object:
        asked.append(method)
        raise ChainRefused(-32601, "Method not found", method)

    monkeypatch.setattr(anvil.node.rpc, "call", refuse)

    assert [anvil.node.offers_traces() for _ in range(3)] == [False] * 3
    assert asked == ["trace_block"]


def test_catching_up_finds_them_too(
    anvil: Anvil, eth: Asset, books: Books, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    contract = splitter(anvil)
    for _ in range(3):
        pay_on(anvil, contract, ETHER, [address])
        anvil.call("anvil_mine", hex(120))

    with caplog.at_level(logging.WARNING):
        scan_ethereum(anvil, eth, books, 5)

    assert ChainCursor.objects.get(chain="ethereum").height == anvil.node.height()
    assert rows() == [(-2, UNITS, "credited")] * 3
