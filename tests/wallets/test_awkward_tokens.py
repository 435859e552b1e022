"""Tokens that do what tokens should not: each is believed for what its logs say in the last block, and no further."""

import pytest

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.nodes import Anvil
from tests.wallets.programs import behaviour
from tests.wallets.tokens import DOLLAR, UNITS, credits_of, mine_and_scan, scan, states
from wallets import services
from wallets.chains import local
from wallets.chains.place import Place
from wallets.chains.tokens import transfer_call
from wallets.deposits.credits import deposits_credit
from wallets.deposits.rows import Sighting, deposits_see
from wallets.models import Asset, Deposit


def test_a_token_that_returns_false_and_moves_nothing_is_no_deposit(
    anvil: Anvil, usdt: Asset, books: Books, address: str
) -> None:
    """Its transaction succeeds, and there is no log."""
    anvil.send(behaviour(nothing=False, returns_false=True), usdt.contract)
    anvil.mine()
    txid = anvil.pay_token(usdt.contract, address, DOLLAR)

    scan(anvil, books)
    seen = states()
    mine_and_scan(anvil, books)

    receipt = anvil.node.receipts([txid])[txid]
    assert receipt is not None
    assert (receipt.succeeded, receipt.tokens) == (True, ())
    assert (seen, states()) == ([], [])


def test_what_was_seen_and_then_moved_nothing_is_orphaned(
    anvil: Anvil, usdt: Asset, books: Books, address: str
) -> None:
    """When it is mined its token returns false: the transaction succeeds all the same."""
    txid = anvil.pay_token(usdt.contract, address, DOLLAR)
    scan(anvil, books)
    seen = states()

    anvil.send(behaviour(nothing=False, returns_false=True), usdt.contract, sender=4, tip=10**10)
    anvil.mine(3)
    scan(anvil, books)
    scan(anvil, books)

    receipt = anvil.node.receipts([txid])[txid]
    assert receipt is not None
    assert (receipt.succeeded, receipt.tokens) == (True, ())
    assert seen == [("seen", 0)]
    assert [status for status, _ in states()] == ["orphaned"]
    assert books.sent == []


def test_a_token_that_keeps_a_fee_is_credited_with_what_arrived(
    anvil: Anvil, usdt: Asset, books: Books, alice: User, address: str
) -> None:
    """While it waits it shows what was asked for; the block says how much it was."""
    anvil.send(behaviour(fee_bps=100), usdt.contract)
    anvil.mine()
    anvil.pay_token(usdt.contract, address, 50 * DOLLAR)

    scan(anvil, books)
    asked = Deposit.objects.get().amount
    mine_and_scan(anvil, books)

    assert asked == 50 * UNITS
    assert [(row.amount, row.status) for row in Deposit.objects.all()] == [(4_950_000_000, "credited")]
    assert credits_of(alice) == [4_950_000_000]


def test_who_asks_for_tokens_that_he_does_not_have_shows_nobody_a_deposit(
    anvil: Anvil, usdt: Asset, books: Books, address: str
) -> None:
    txid = anvil.send(transfer_call(address, 1_000_000 * DOLLAR), usdt.contract, sender=2)

    scan(anvil, books)
    seen = states()
    mine_and_scan(anvil, books)

    receipt = anvil.node.receipts([txid])[txid]
    assert receipt is not None
    assert receipt.succeeded is False
    assert (seen, states()) == ([], [])


def test_a_transfer_that_fails_after_it_was_seen_is_orphaned(
    anvil: Anvil, usdt: Asset, books: Books, address: str
) -> None:
    """Two payments of the same tokens: each could be made, and only one is."""
    rich = "0x" + "11" * 20
    poor = anvil.node.rpc.call("eth_accounts")[2]
    anvil.pay_token(usdt.contract, poor, DOLLAR)
    anvil.mine()
    late = anvil.send(transfer_call(address, DOLLAR), usdt.contract, sender=2)
    scan(anvil, books)
    seen = states(late)

    nonce = anvil.node.transaction_count(poor)
    replacement = {"from": poor, "to": usdt.contract, "data": transfer_call(rich, DOLLAR), "nonce": hex(nonce)}
    fees = {"maxFeePerGas": hex(10**12), "maxPriorityFeePerGas": hex(10**11), "gas": hex(100_000)}
    anvil.call("eth_sendTransaction", replacement | fees)
    mine_and_scan(anvil, books)

    assert seen == [("seen", 0)]
    assert [status for status, _ in states()] == ["orphaned"]
    assert books.sent == []


def test_a_contract_that_decides_otherwise_in_another_block_is_believed_there(
    anvil: Anvil, usdt: Asset, books: Books, alice: User, address: str
) -> None:
    """The same transaction, mined again under other rules, moves another amount: the last block is right."""
    txid = anvil.pay_token(usdt.contract, address, 50 * DOLLAR)
    raw = anvil.call("eth_getRawTransactionByHash", txid)
    anvil.mine(2)
    scan(anvil, books)
    first = Deposit.objects.get().amount

    anvil.call("anvil_reorg", 2, [])
    anvil.send(behaviour(fee_bps=100), usdt.contract, sender=4)
    anvil.mine()
    anvil.call("eth_sendRawTransaction", raw)
    anvil.mine(2)
    scan(anvil, books)
    corrected = Deposit.objects.get()
    mine_and_scan(anvil, books)

    assert (first, corrected.amount, corrected.status) == (50 * UNITS, 4_950_000_000, "confirming")
    assert states() == [("credited", 5)]
    assert credits_of(alice) == [4_950_000_000]


def sighting(address: str, value: int) -> Sighting:
    return Sighting("0x" + "ab" * 32, 0, address, value, Place(1, 5, "0x" + "cd" * 32))


def test_what_another_block_pays_to_somebody_else_is_his(usdt: Asset, alice: User, bob: User, address: str) -> None:
    other = services.deposit_address_assign(user=bob, asset=usdt).address
    deposits_see(asset=usdt, sightings=[sighting(address, DOLLAR)])

    deposits_see(asset=usdt, sightings=[sighting(other, 2 * DOLLAR)])

    row = Deposit.objects.get()
    assert (row.user, row.address.address, row.amount, row.status) == (bob, other, 2 * UNITS, "confirming")


def test_what_another_block_pays_to_a_stranger_is_orphaned(usdt: Asset, address: str) -> None:
    deposits_see(asset=usdt, sightings=[sighting(address, DOLLAR)])

    deposits_see(asset=usdt, sightings=[sighting("0x" + "11" * 20, DOLLAR)])

    row = Deposit.objects.get()
    assert (row.address.address, row.amount, row.status) == (address, UNITS, "orphaned")


def test_what_is_in_the_ledger_is_not_changed_but_said(
    usdt: Asset, books: Books, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    deposits_see(asset=usdt, sightings=[sighting(address, DOLLAR)])
    Deposit.objects.update(confirmations=3)
    deposits_credit(asset=usdt, send=books.send)

    deposits_see(asset=usdt, sightings=[sighting(address, 2 * DOLLAR)])

    row = Deposit.objects.get()
    assert (row.amount, row.status) == (UNITS, "orphaned")
    assert "AFTER it was credited" in caplog.text


def test_more_than_can_be_booked_does_not_keep_others_waiting(
    anvil: Anvil,
    usdt: Asset,
    books: Books,
    address: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(local, "TOKEN_SUPPLY", 10**30)
    Asset.objects.filter(pk=usdt.pk).update(
        contract=local.token_deploy(anvil.node, name=usdt.name, symbol=usdt.code, decimals=6)
    )
    usdt.refresh_from_db()
    anvil.pay_token(usdt.contract, address, 2**63)
    small = anvil.pay_token(usdt.contract, address, DOLLAR)

    mine_and_scan(anvil, books)

    assert [(row.txid, row.status) for row in Deposit.objects.all()] == [(small, "credited")]
    assert "more than can be booked" in caplog.text


def test_a_token_without_a_contract_is_not_looked_for(
    anvil: Anvil, usdt: Asset, books: Books, alice: User, address: str
) -> None:
    """Nor is what was found before given up: its contract may be named again."""
    txid = anvil.pay_token(usdt.contract, address, DOLLAR)
    anvil.mine()
    scan(anvil, books)
    Asset.objects.filter(pk=usdt.pk).update(contract="")
    anvil.pay_token(usdt.contract, address, 7 * DOLLAR)
    mine_and_scan(anvil, books)
    meanwhile = states()

    Asset.objects.filter(pk=usdt.pk).update(contract=usdt.contract)
    scan(anvil, books)
    scan(anvil, books)

    assert meanwhile == [("confirming", 1)]
    assert [(row.txid, row.status) for row in Deposit.objects.all()] == [(txid, "credited")]
