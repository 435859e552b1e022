"""Ether that no deposit explains is noticed, and credited when the scanner looks again at a node with traces."""

import logging
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.deposits import scan_bitcoin, scan_ethereum, statuses
from tests.wallets.desk import Desk
from tests.wallets.nodes import Anvil
from tests.wallets.payers import pay_on, splitter
from tests.wallets.payouts import UNIT, coin, finish, follow
from tests.wallets.test_fee_corrections import GWEI, again
from tests.wallets.tokens import DOLLAR, mine_and_scan
from wallets.chains import health, keys
from wallets.deposits.ethereum import ethereum_rewind, ethereum_scan
from wallets.deposits.unexplained import Unexplained, unexplained_find, unexplained_tell
from wallets.models import Asset, ChainCursor, ChainTransaction, Deposit, DepositAddress, FeeCorrection
from wallets.payouts.ethereum_sweeps import ethereum_sweep

ETHER = 10**18


def found(anvil: Anvil, asset: Asset | None = None) -> list[tuple[str, int | None, int]] | None:
    rows = unexplained_find(asset=asset or coin(), node=anvil.node)
    return None if rows is None else [(row.address, row.user_id, row.value) for row in rows]


def test_what_a_contract_pays_is_noticed_without_traces_and_credited_with_them(
    anvil: Anvil,
    eth: Asset,
    usdt: Asset,
    books: Books,
    alice: User,
    address: str,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    health._said.clear()
    settings.ETHEREUM_TRACES, settings.ETHEREUM_RPC_URL = False, anvil.url
    contract, start = splitter(anvil), anvil.node.height()
    pay_on(anvil, contract, ETHER, [address])
    anvil.pay(address, 2 * ETHER + 7)
    anvil.mine(4)
    scan_ethereum(anvil, eth, books)
    noticed = found(anvil)
    for _ in range(3):
        unexplained_tell(asset=eth, node=anvil.node)
    printed = StringIO()
    call_command("unexplained_coins", "ETH", stdout=printed)

    settings.ETHEREUM_TRACES = True
    call_command("rescan_ethereum", str(start), stdout=StringIO())
    scan_ethereum(anvil, eth, books)

    assert noticed == [(address, alice.pk, ETHER)]
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == [f"{ETHER} wei of ETH at {address} are no deposit that we know of"]
    assert printed.getvalue().splitlines() == [
        f"{address} (user {alice.pk}): {ETHER} wei of ETH",
        "1 addresses have ETH that no deposit explains",
    ]
    assert statuses() == ["credited", "credited"]
    assert books.balance(alice.pk, eth.pk) == (3 * 10**8, 0)
    assert found(anvil) == []


def test_looking_again_leaves_what_is_known_as_it_is(
    anvil: Anvil, eth: Asset, books: Books, usdt: Asset, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither while the scanner is on its way, nor for deposits above it that still count."""
    anvil.pay(address, ETHER)
    anvil.mine(30)
    anvil.pay(address, ETHER)
    anvil.mine(1)
    scan_ethereum(anvil, eth, books)
    before = statuses()
    ethereum_rewind(node=anvil.node, height=2)
    ethereum_scan(asset=eth, node=anvil.node, hot_address=keys.hot_address(), send=books.send, blocks_max=8)
    on_its_way = statuses()
    scan_ethereum(anvil, eth, books)

    assert before == on_its_way == statuses() == ["credited", "confirming"]
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert ChainCursor.objects.get(chain="ethereum").height == anvil.node.height()


def test_the_cursor_is_put_back_only_to_what_was_looked_at(
    anvil: Anvil, eth: Asset, usdt: Asset, books: Books, address: str, settings: Settings
) -> None:
    settings.ETHEREUM_RPC_URL = anvil.url
    with pytest.raises(CommandError, match="end with"):
        call_command("rescan_ethereum", "1000")

    call_command("rescan_ethereum", "0", stdout=StringIO())
    anvil.pay(address, ETHER)
    anvil.mine(3)
    scan_ethereum(anvil, eth, books)

    assert statuses() == ["credited"]


def test_sweeps_and_their_gas_are_explained(
    anvil: Anvil, eth: Asset, usdt: Asset, books: Books, alice: User, address: str
) -> None:
    anvil.pay(keys.hot_address(), ETHER)
    anvil.pay_token(usdt.contract, address, 50 * DOLLAR)
    mine_and_scan(anvil, books)
    checked = []
    for _ in range(3):
        ethereum_sweep(asset=coin(), node=anvil.node, tokens=[usdt])
        finish(anvil, books)
        mine_and_scan(anvil, books, blocks=1)
        checked.append(found(anvil))
    anvil.pay(address, ETHER)
    mine_and_scan(anvil, books)
    ethereum_sweep(asset=coin(), node=anvil.node, tokens=[usdt])
    in_motion = found(anvil)
    finish(anvil, books)
    mine_and_scan(anvil, books, blocks=1)

    kinds = sorted(ChainTransaction.objects.values_list("kind", "status"))
    assert kinds == [("gas", "confirmed"), ("sweep", "confirmed"), ("sweep", "confirmed")]
    assert (checked, in_motion, found(anvil)) == ([[], [], []], [], [])


def test_what_came_to_an_address_of_nobody_is_noticed(
    anvil: Anvil, eth: Asset, usdt: Asset, books: Books, address: str
) -> None:
    waiting = DepositAddress.objects.filter(user=None).first()
    assert waiting is not None
    anvil.pay(waiting.address, 5)
    mine_and_scan(anvil, books)

    assert found(anvil) == [(waiting.address, None, 5)]


def test_nothing_is_said_while_the_scanner_is_behind_or_the_chain_moves(
    anvil: Anvil, eth: Asset, usdt: Asset, books: Books, address: str
) -> None:
    anvil.mine(2)
    scan_ethereum(anvil, eth, books)
    ChainCursor.objects.update(tip_height=1_000)
    behind = found(anvil)
    scan_ethereum(anvil, eth, books)

    anvil.call("anvil_reorg", 1, [])

    assert behind is None
    assert found(anvil) is None


@pytest.mark.parametrize("base_fee", [GWEI * 15 // 10, 10**6])
def test_what_a_sweep_cost_the_second_time_is_explained(
    anvil: Anvil, eth: Asset, usdt: Asset, books: Books, address: str, base_fee: int
) -> None:
    """A deep reorganisation has it mined again at another price: what is left at the address is another amount."""
    anvil.pay(keys.hot_address(), ETHER)
    anvil.pay(address, ETHER)
    mine_and_scan(anvil, books)
    anvil.call("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
    ethereum_sweep(asset=coin(), node=anvil.node)
    finish(anvil, books, blocks=4)
    again(anvil, books, base_fee)
    scan_ethereum(anvil, eth, books)
    in_doubt = found(anvil)
    mine_and_scan(anvil, books)
    for _ in range(4):
        follow(anvil, books)
    scan_ethereum(anvil, eth, books)
    corrected = found(anvil)
    anvil.call("anvil_impersonateAccount", address)
    anvil.call("anvil_setBalance", address, hex(int(anvil.call("eth_getBalance", address, "latest"), 16) + UNIT * 2))

    assert FeeCorrection.objects.count() == 1
    assert (in_doubt, corrected) == ([], [])
    mine_and_scan(anvil, books, blocks=1)
    assert [row[0] for row in found(anvil) or ()] == [address], "and two units more are not"


def test_tokens_that_no_deposit_explains_are_noticed(
    anvil: Anvil, eth: Asset, usdt: Asset, books: Books, alice: User, address: str
) -> None:
    """Deposits and sweeps are explained; what came before the scanner knew, or to nobody's address, is not."""
    waiting = DepositAddress.objects.filter(user=None).first()
    assert waiting is not None
    anvil.call("anvil_setBalance", address, hex(ETHER // 10))
    seen = []
    anvil.pay_token(usdt.contract, address, 50 * DOLLAR)
    mine_and_scan(anvil, books)
    seen.append(found(anvil, usdt))
    ethereum_sweep(asset=eth, node=anvil.node, tokens=[usdt])
    seen.append(found(anvil, usdt))  # on its way
    finish(anvil, books)
    mine_and_scan(anvil, books, blocks=1)
    seen.append(found(anvil, usdt))
    anvil.pay_token(usdt.contract, waiting.address, 7)
    mine_and_scan(anvil, books)

    assert list(ChainTransaction.objects.values_list("kind", "status")) == [("sweep", "confirmed")]
    assert seen == [[], [], []]
    assert found(anvil, usdt) == [(waiting.address, None, 7)]
    Deposit.objects.filter(asset=usdt).delete()
    assert (address, alice.pk, 50 * DOLLAR) in (found(anvil, usdt) or []), "and what was swept came from somewhere"
    Asset.objects.filter(pk=usdt.pk).update(contract="")
    assert found(anvil, Asset.objects.get(pk=usdt.pk)) == []


def test_bitcoins_that_no_deposit_explains_are_noticed(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """Paid to an address that nobody was given: no user has them, and the audit only knows that there are too many."""
    health._said.clear()
    mine, nobodys = desk.node.addresses_new(2)
    given = DepositAddress.objects.create(asset=desk.btc, user=desk.user, address=mine)
    DepositAddress.objects.create(asset=desk.btc, address=nobodys)
    never_looked = unexplained_find(asset=desk.btc, node=desk.node)
    scan_bitcoin(desk.chain, desk.btc, desk.books)
    desk.chain.pay(mine, 10**6)
    desk.chain.pay(desk.node.change_address(), 10**6)  # the operator's own: no deposit is expected there
    first, second = desk.chain.pay(nobodys, 7_000), desk.chain.pay(nobodys, 8_000)
    desk.chain.mine(10)
    not_looked_at = unexplained_find(asset=desk.btc, node=desk.node)
    scan_bitcoin(desk.chain, desk.btc, desk.books)

    for _ in range(2):
        unexplained_tell(asset=desk.btc, node=desk.node)

    assert (never_looked, not_looked_at, first != second) == (None, [], True)
    assert unexplained_find(asset=desk.btc, node=desk.node) == [Unexplained(nobodys, None, 15_000)]
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == [f"15000 satoshis of BTC at {nobodys} are no deposit that we know of"]
    Deposit.objects.filter(address=given).delete()
    assert Unexplained(mine, desk.user.pk, 10**6) in (unexplained_find(asset=desk.btc, node=desk.node) or [])
