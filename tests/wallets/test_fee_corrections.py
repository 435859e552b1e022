"""Final transactions that a deep reorganisation took out, and that cost something else when they are mined again."""

import pytest

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.desk import Desk, statuses, stuck
from tests.wallets.nodes import Anvil
from tests.wallets.payouts import UNIT, finish, follow, fresh_address, request, sign, status
from tests.wallets.test_deaths_ethereum import die_once
from trading.engine.enums import Reason
from wallets.ledger.audit import check_database
from wallets.ledger.chart import Owner
from wallets.models import Asset, ChainTransaction, FeeCorrection, Posting
from wallets.payouts import fee_doubts

GWEI = 10**9


def complaints() -> list[str]:
    """Return what the audit says about network fees."""
    return [text for one in check_database() if "network fee" in one.name for text in one.first]


def cost(node: Anvil) -> int:
    """Return the units that the one transaction of ours took, rounded up."""
    record = ChainTransaction.objects.get()
    receipt = node.node.receipts([record.txid])[record.txid]
    assert receipt is not None
    return -(-receipt.fee_wei // UNIT)


def again(node: Anvil, books: Books, base_fee: int) -> None:
    """Take four blocks out of the chain, and have it mined at another price."""
    node.call("anvil_reorg", 4, [])
    node.call("anvil_setNextBlockBaseFeePerGas", hex(base_fee))
    follow(node, books)
    node.mine()


def final(node: Anvil, books: Books, user: User, eth: Asset) -> int:
    """Have a withdrawal paid, and return what is booked for it."""
    node.call("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
    withdrawal = request(user, eth, books, fresh_address(), 200_000_000)
    sign(node, eth)
    finish(node, books, blocks=4)
    assert status(withdrawal) == "confirmed"
    return -books.balance(Owner.NETWORK_FEES, eth.pk)[0]


@pytest.mark.parametrize("base_fee", [GWEI * 15 // 10, 10**6])
def test_what_a_payment_cost_the_second_time_is_booked_once(
    hot: Anvil, eth: Asset, books: Books, rich: User, base_fee: int
) -> None:
    before = final(hot, books, rich, eth)
    again(hot, books, base_fee)
    early = (FeeCorrection.objects.count(), books.balance(Owner.NETWORK_FEES, eth.pk)[0])
    hot.mine(3)
    books.closed = True
    follow(hot, books)  # decided, and the engine is down
    follow(hot, books)
    decided = FeeCorrection.objects.get()
    excused = complaints()
    books.closed = False
    for _ in range(4):
        follow(hot, books)

    assert early == (0, -before)
    assert cost(hot) != before
    assert books.balance(Owner.NETWORK_FEES, eth.pk) == (-cost(hot), 0)
    assert decided.amount == cost(hot) - before
    assert FeeCorrection.objects.get() == decided
    assert excused == complaints() == []
    assert not ChainTransaction.objects.get().fee_in_doubt


def test_a_second_deep_reorganisation_is_corrected_too(hot: Anvil, eth: Asset, books: Books, rich: User) -> None:
    final(hot, books, rich, eth)
    for base_fee in (GWEI * 15 // 10, 10**6):
        again(hot, books, base_fee)
        hot.mine(3)
        for _ in range(4):
            follow(hot, books)

    assert books.balance(Owner.NETWORK_FEES, eth.pk) == (-cost(hot), 0)
    assert [row.number for row in FeeCorrection.objects.order_by("pk")] == [1, 2]
    assert complaints() == []


def test_a_fee_on_its_way_to_the_engine_is_not_changed(hot: Anvil, eth: Asset, books: Books, rich: User) -> None:
    hot.call("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
    request(rich, eth, books, fresh_address(), 200_000_000)
    sign(hot, eth)
    books.closed = True
    finish(hot, books, blocks=4)
    again(hot, books, 10**6)
    follow(hot, books)
    late = [command for command in books.sent if getattr(command, "reason", None) == Reason.NETWORK_FEE]
    books.closed = False
    books.send(late[:1])
    hot.mine(3)
    for _ in range(6):
        follow(hot, books)

    assert books.balance(Owner.NETWORK_FEES, eth.pk) == (-cost(hot), 0)
    assert complaints() == []


def test_another_version_than_the_final_one_is_mined(desk: Desk) -> None:
    asked, first = stuck(desk)
    second = desk.bump()[0]
    desk.send()
    block = desk.chain.mine()[0]
    desk.chain.mine(3)
    desk.follow(3)
    was = statuses(*asked)
    desk.node.root.call("invalidateblock", block)
    desk.mine_only(first.raw)
    desk.chain.mine(3)
    desk.follow(4)

    booked = -desk.books.balance(Owner.NETWORK_FEES, desk.btc.pk)[0]
    assert was == statuses(*asked) == ["confirmed"]
    assert asked[0].transaction_id == first.pk
    assert list(ChainTransaction.objects.order_by("pk").values_list("status", flat=True)) == ["confirmed", "replaced"]
    assert booked == first.network_fee
    assert FeeCorrection.objects.get().amount == -(second.network_fee or 0)
    assert Posting.objects.filter(reason=Reason.NETWORK_FEE).count() == 3
    assert complaints() == []


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ["_settle", "_end"])
def test_a_worker_that_dies_while_it_corrects_books_it_once(
    hot: Anvil, eth: Asset, books: Books, rich: User, step: str, when: str
) -> None:
    final(hot, books, rich, eth)
    again(hot, books, 10**6)
    hot.mine(3)

    def work() -> None:
        for _ in range(4):
            follow(hot, books)

    die_once(work, fee_doubts, step, when)
    work()

    assert books.balance(Owner.NETWORK_FEES, eth.pk) == (-cost(hot), 0)
    assert FeeCorrection.objects.count() == 1
    assert complaints() == []
    assert not ChainTransaction.objects.get().fee_in_doubt
