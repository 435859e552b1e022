"""Credited, then gone from the chain: frozen for now, credited again when it is back, taken back when it is not."""

import logging
from decimal import Decimal

import pytest

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.deposits import audit_deposits, postings_of, scan_bitcoin, scan_ethereum, statuses, two_spends
from tests.wallets.nodes import Anvil, Bitcoind
from trading.engine.commands import HoldFunds, SettleHold
from trading.engine.enums import Reason
from wallets import services
from wallets.deposits.lost import accounts_with_lost_deposits, has_lost_deposit
from wallets.deposits.pool import bitcoin_pool_fill, ethereum_pool_fill
from wallets.deposits.reversals import TAKEN_BACK
from wallets.ledger.chart import Owner
from wallets.models import Asset, Deposit, WithdrawalRules
from wallets.payouts.progress import withdrawals_advance

ETHER = 10**18
UNITS = 10**8


@pytest.fixture
def address(bitcoind: Bitcoind, btc: Asset, alice: User) -> str:
    bitcoin_pool_fill(asset=btc, node=bitcoind.node, size=3)
    return services.deposit_address_assign(user=alice, asset=btc).address


@pytest.fixture
def ether_address(anvil: Anvil, eth: Asset, books: Books, alice: User) -> str:
    anvil.mine(8)
    scan_ethereum(anvil, eth, books, 1)
    ethereum_pool_fill(asset=eth, size=3)
    return services.deposit_address_assign(user=alice, asset=eth).address


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]


def frozen_since_reversal(user: User) -> bool:
    return WithdrawalRules.objects.filter(user=user, frozen_at__isnull=False).exists()


def credited_ether(anvil: Anvil, eth: Asset, books: Books, address: str) -> str:
    """Pay an ether, let it be credited, and return its bytes."""
    txid = anvil.pay(address, ETHER)
    raw = str(anvil.call("eth_getRawTransactionByHash", txid))
    anvil.mine(3)
    scan_ethereum(anvil, eth, books)
    assert statuses() == ["credited"]
    return raw


def test_while_it_is_gone_its_account_is_frozen_and_operators_hear_it_once(
    anvil: Anvil, eth: Asset, books: Books, alice: User, bob: User, ether_address: str, caplog: pytest.LogCaptureFixture
) -> None:
    credited_ether(anvil, eth, books, ether_address)

    anvil.call("anvil_reorg", 4, [])
    scan_ethereum(anvil, eth, books, 4)

    deposit = Deposit.objects.get()
    assert (deposit.status, deposit.lost_at_height) == ("orphaned", anvil.node.height())
    assert (has_lost_deposit(alice.pk), has_lost_deposit(bob.pk)) == (True, False)
    assert accounts_with_lost_deposits() == {alice.pk}
    assert not frozen_since_reversal(alice)
    assert [text for text in errors(caplog) if "AFTER it was credited" in text] == errors(caplog)
    assert len(errors(caplog)) == 1
    assert audit_deposits() == []


def test_mined_again_it_is_credited_as_before_and_the_freeze_is_gone_by_itself(
    anvil: Anvil, eth: Asset, books: Books, alice: User, ether_address: str
) -> None:
    raw = credited_ether(anvil, eth, books, ether_address)
    anvil.call("anvil_reorg", 4, [])
    scan_ethereum(anvil, eth, books)

    anvil.call("eth_sendRawTransaction", raw)
    anvil.mine(2)
    scan_ethereum(anvil, eth, books)
    on_its_way = statuses(), has_lost_deposit(alice.pk), audit_deposits()
    anvil.mine(1)
    scan_ethereum(anvil, eth, books)

    deposit = Deposit.objects.get()
    assert on_its_way == (["confirming"], True, [])
    assert (deposit.status, deposit.lost_at_height, deposit.reversals) == ("credited", None, 0)
    assert not has_lost_deposit(alice.pk)
    assert not frozen_since_reversal(alice)
    assert postings_of(alice, Reason.DEPOSIT) == [("first", UNITS)]
    assert postings_of(alice, Reason.REVERSAL) == []
    assert audit_deposits() == []


def test_gone_for_as_many_blocks_as_it_needed_it_is_taken_back_once(
    anvil: Anvil, eth: Asset, books: Books, alice: User, ether_address: str, caplog: pytest.LogCaptureFixture
) -> None:
    credited_ether(anvil, eth, books, ether_address)
    anvil.call("anvil_reorg", 4, [])
    scan_ethereum(anvil, eth, books)

    anvil.mine(2)
    scan_ethereum(anvil, eth, books)
    not_yet = statuses()
    anvil.mine(1)
    scan_ethereum(anvil, eth, books, 4)

    deposit = Deposit.objects.get()
    assert not_yet == ["orphaned"]
    assert (deposit.status, deposit.reversals) == ("reversed", 1)
    assert (deposit.credited_at, deposit.lost_at_height) == (None, None)
    assert postings_of(alice, Reason.REVERSAL) == [("first", UNITS)]
    assert books.balance(alice.pk, eth.pk) == (0, 0)
    assert not has_lost_deposit(alice.pk)
    rules = WithdrawalRules.objects.get(user=alice)
    assert rules.frozen_at is not None
    assert "was taken back" in rules.frozen_because
    assert len([text for text in errors(caplog) if "gone for good" in text]) == 1
    assert audit_deposits() == []


def test_mined_after_it_was_taken_back_it_is_credited_under_a_new_reference_and_can_be_lost_again(
    anvil: Anvil, eth: Asset, books: Books, alice: User, ether_address: str
) -> None:
    raw = credited_ether(anvil, eth, books, ether_address)
    anvil.call("anvil_reorg", 4, [])
    scan_ethereum(anvil, eth, books)
    anvil.mine(3)
    scan_ethereum(anvil, eth, books)
    taken_back = statuses()

    anvil.call("eth_sendRawTransaction", raw)
    scan_ethereum(anvil, eth, books)
    waiting = statuses()
    anvil.mine(3)
    scan_ethereum(anvil, eth, books)
    again = statuses(), postings_of(alice, Reason.DEPOSIT), audit_deposits()
    anvil.call("anvil_reorg", 4, [])
    scan_ethereum(anvil, eth, books)
    anvil.mine(3)
    scan_ethereum(anvil, eth, books)

    assert (taken_back, waiting) == (["reversed"], ["reversed"])
    assert again == (["credited"], [("first", UNITS), ("first:1", UNITS)], [])
    assert statuses() == ["reversed"]
    assert postings_of(alice, Reason.REVERSAL) == [("first", UNITS), ("first:1", UNITS)]
    assert Deposit.objects.get().reversals == 2
    assert books.balance(alice.pk, eth.pk) == (0, 0)
    assert audit_deposits() == []


def test_what_its_owner_has_spent_is_a_loss_of_ours_and_nobody_is_overdrawn(
    anvil: Anvil, eth: Asset, books: Books, alice: User, bob: User, ether_address: str
) -> None:
    credited_ether(anvil, eth, books, ether_address)
    books.take(alice.pk, eth.pk, UNITS - 30)

    anvil.call("anvil_reorg", 4, [])
    scan_ethereum(anvil, eth, books)
    anvil.mine(3)
    scan_ethereum(anvil, eth, books)

    assert statuses() == ["reversed"]
    assert books.balance(alice.pk, eth.pk) == (0, 0)
    assert books.balance(Owner.LOSS, eth.pk) == (30 - UNITS, 0)
    assert postings_of(alice, Reason.LOSS) == [("first", UNITS - 30)]
    assert audit_deposits() == []


def test_what_was_spent_of_a_deposit_that_comes_back_is_given_back_to_the_losses_first(
    anvil: Anvil, eth: Asset, books: Books, alice: User, ether_address: str
) -> None:
    """Credited 1, spent 0.6, taken back, mined again, taken back, mined again: never more than the 0.4 that is left."""
    raw = credited_ether(anvil, eth, books, ether_address)
    books.send([HoldFunds("x" * 32, alice.pk, eth.pk, 60_000_000), SettleHold("x" * 32, 0)])
    seen = []
    for _ in range(2):
        anvil.call("anvil_reorg", 4, [])
        scan_ethereum(anvil, eth, books)
        anvil.mine(3)
        scan_ethereum(anvil, eth, books, 4)
        seen.append((statuses(), books.balance(alice.pk, eth.pk)[0], books.balance(Owner.LOSS, eth.pk)[0]))
        anvil.call("eth_sendRawTransaction", raw)
        anvil.mine(4)
        scan_ethereum(anvil, eth, books, 4)
        seen.append((statuses(), books.balance(alice.pk, eth.pk)[0], books.balance(Owner.LOSS, eth.pk)[0]))

    assert seen == [(["reversed"], 0, -60_000_000), (["credited"], 40_000_000, 0)] * 2
    assert audit_deposits() == []


def test_what_a_withdrawal_holds_is_given_back_before_the_deposit_is_taken_back(
    anvil: Anvil, eth: Asset, books: Books, alice: User, ether_address: str
) -> None:
    """Else it would be booked as our loss, and be his again as soon as he cancels it."""
    credited_ether(anvil, eth, books, ether_address)
    withdrawal = services.withdrawal_request(
        user_id=alice.pk, asset=eth, address="0x" + "11" * 20, amount=60_000_000, send=books.send
    )
    withdrawals_advance(send=books.send)

    anvil.call("anvil_reorg", 4, [])
    scan_ethereum(anvil, eth, books)
    anvil.mine(3)
    scan_ethereum(anvil, eth, books)
    held = books.balance(Owner.LOSS, eth.pk)
    for _ in range(2):
        withdrawals_advance(send=books.send)
    scan_ethereum(anvil, eth, books, 2)

    withdrawal.refresh_from_db()
    assert (withdrawal.status, withdrawal.reject_reason) == ("rejected", TAKEN_BACK)
    assert statuses() == ["reversed"]
    assert (held, books.balance(Owner.LOSS, eth.pk), books.balance(alice.pk, eth.pk)) == ((0, 0), (0, 0), (0, 0))
    assert audit_deposits() == []


def test_an_engine_that_is_down_takes_it_back_when_it_is_there_again(
    anvil: Anvil, eth: Asset, books: Books, alice: User, ether_address: str
) -> None:
    """Decided is decided: mined again meanwhile, it is taken back first and then credited anew."""
    raw = credited_ether(anvil, eth, books, ether_address)
    anvil.call("anvil_reorg", 4, [])
    scan_ethereum(anvil, eth, books)
    anvil.mine(3)
    books.closed = True
    scan_ethereum(anvil, eth, books)
    decided = Deposit.objects.get()

    anvil.call("eth_sendRawTransaction", raw)
    anvil.mine(4)
    scan_ethereum(anvil, eth, books)
    meanwhile = Deposit.objects.get()
    books.closed = False
    scan_ethereum(anvil, eth, books, 4)

    assert (decided.status, decided.credited_at is not None, decided.reversals) == ("reversed", True, 0)
    assert (meanwhile.status, meanwhile.confirmations > 0) == ("reversed", True)
    assert frozen_since_reversal(alice)
    assert postings_of(alice, Reason.DEPOSIT) == [("first", UNITS), ("first:1", UNITS)]
    assert postings_of(alice, Reason.REVERSAL) == [("first", UNITS)]
    assert statuses() == ["credited"]
    assert audit_deposits() == []


def test_a_credit_that_was_on_its_way_when_its_block_went_away_is_not_forgotten(
    anvil: Anvil, eth: Asset, books: Books, alice: User, ether_address: str
) -> None:
    """The engine gets it late: it is made certain, then taken back."""
    anvil.pay(ether_address, ETHER)
    anvil.mine(3)
    books.closed = True
    scan_ethereum(anvil, eth, books)
    handed_over = Deposit.objects.get()

    anvil.call("anvil_reorg", 4, [])
    scan_ethereum(anvil, eth, books)
    frozen = has_lost_deposit(alice.pk)
    anvil.mine(3)
    scan_ethereum(anvil, eth, books)
    sent = [command.reason for command in books.sent]
    books.closed = False
    scan_ethereum(anvil, eth, books, 4)

    assert (handed_over.status, handed_over.credited_at is not None) == ("confirming", True)
    assert frozen
    assert Reason.REVERSAL not in sent
    assert postings_of(alice, Reason.DEPOSIT) == postings_of(alice, Reason.REVERSAL) == [("first", UNITS)]
    assert books.balance(alice.pk, eth.pk) == (0, 0)
    assert statuses() == ["reversed"]
    assert audit_deposits() == []


def test_a_node_that_begins_anew_with_fewer_blocks_takes_nothing_back(
    anvil: Anvil, eth: Asset, books: Books, alice: User, ether_address: str
) -> None:
    """It must come to where the chain was, and further: on its way it finds the deposit."""
    snapshot = anvil.call("evm_snapshot")
    raw = credited_ether(anvil, eth, books, ether_address)
    anvil.mine(20)
    scan_ethereum(anvil, eth, books)

    anvil.call("evm_revert", snapshot)
    anvil.mine(1)
    scan_ethereum(anvil, eth, books)
    lost_at = Deposit.objects.get().lost_at_height
    anvil.call("eth_sendRawTransaction", raw)
    anvil.mine(4)
    scan_ethereum(anvil, eth, books)

    assert lost_at is not None
    assert lost_at > anvil.node.height() - 5 + 2
    assert statuses() == ["credited"]
    assert postings_of(alice, Reason.REVERSAL) == []
    assert audit_deposits() == []


def test_on_bitcoin_another_spend_that_is_deep_enough_takes_it_back(
    bitcoind: Bitcoind, btc: Asset, books: Books, alice: User, address: str
) -> None:
    to_us, elsewhere = two_spends(bitcoind, address)
    bitcoind.node.root.call("sendrawtransaction", to_us)
    block = bitcoind.mine(3)[0]
    scan_bitcoin(bitcoind, btc, books)
    credited = statuses()

    bitcoind.node.root.call("invalidateblock", block)
    bitcoind.node.root.call("sendrawtransaction", elsewhere)
    bitcoind.mine(2)
    scan_bitcoin(bitcoind, btc, books)
    lost = statuses(), has_lost_deposit(alice.pk), audit_deposits()
    bitcoind.mine(1)
    scan_bitcoin(bitcoind, btc, books, 3)

    assert credited == ["credited"]
    assert lost == (["orphaned"], True, [])
    assert statuses() == ["reversed"]
    assert postings_of(alice, Reason.REVERSAL) == [("first", 2 * UNITS)]
    assert books.balance(alice.pk, btc.pk) == (0, 0)
    assert frozen_since_reversal(alice)
    assert audit_deposits() == []


def test_on_bitcoin_it_comes_back_from_the_mempool_or_is_taken_back(
    bitcoind: Bitcoind, btc: Asset, books: Books, alice: User, address: str
) -> None:
    """After a reorganisation it waits in the mempool; blocks that leave it there count against it."""
    to_us, _ = two_spends(bitcoind, address, amount=Decimal("1.5"))
    txid = bitcoind.node.root.call("sendrawtransaction", to_us)
    block = bitcoind.mine(3)[0]
    scan_bitcoin(bitcoind, btc, books)

    bitcoind.node.root.call("invalidateblock", block)
    bitcoind.settle()
    scan_bitcoin(bitcoind, btc, books)
    waiting = statuses(), has_lost_deposit(alice.pk)
    for _ in range(7):
        bitcoind.node.root.call("generateblock", bitcoind.fresh_address(), [])
    scan_bitcoin(bitcoind, btc, books, 3)
    taken_back = statuses(txid)
    bitcoind.mine(3)
    scan_bitcoin(bitcoind, btc, books, 3)

    assert waiting == (["seen"], True)
    assert taken_back == ["reversed"]
    assert statuses(txid) == ["credited"]
    assert postings_of(alice, Reason.DEPOSIT) == [("first", 150_000_000), ("first:1", 150_000_000)]
    assert books.balance(alice.pk, btc.pk) == (150_000_000, 0)
    assert audit_deposits() == []


def test_a_reorganisation_below_the_cursor_is_noticed_whatever_the_confirmations_are_now(
    bitcoind: Bitcoind, btc: Asset, books: Books, alice: User, address: str
) -> None:
    """Credited at three, when an operator asks for six: the cursor is deeper than what goes away."""
    to_us, elsewhere = two_spends(bitcoind, address)
    bitcoind.node.root.call("sendrawtransaction", to_us)
    bitcoind.mine(1)
    block = bitcoind.mine(2)[0]
    scan_bitcoin(bitcoind, btc, books)
    Asset.objects.filter(pk=btc.pk).update(confirmations=6)
    scan_bitcoin(bitcoind, btc, books)

    parent = bitcoind.node.root.call("getblockheader", block)["previousblockhash"]
    bitcoind.node.root.call("invalidateblock", parent)
    bitcoind.node.root.call("sendrawtransaction", elsewhere)
    bitcoind.mine(1)
    scan_bitcoin(bitcoind, btc, books)

    assert statuses() == ["orphaned"]
    assert has_lost_deposit(alice.pk)
