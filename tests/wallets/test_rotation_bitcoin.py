"""Bitcoin after a rotation, on a real node: old addresses are credited, old coins come to the new keys."""

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.deposits import scan_bitcoin
from tests.wallets.desk import GIFT, Desk, statuses
from tests.wallets.nodes import Bitcoind
from tests.wallets.rotation import audited, own_keys, rotate, verified
from tests.wallets.test_solvency_chains import surplus
from wallets import services, tasks
from wallets.chains import health, keys
from wallets.chains.bitcoin import BitcoinNode, Coin, inputs_of, psbt_sign
from wallets.chains.descriptors import Descriptor
from wallets.chains.psbt import psbt_read
from wallets.chains.watch import WalletForeign, watch_wallet_open
from wallets.chains.watch_history import watch_history
from wallets.cold.sent import offer_accept
from wallets.cold.watch import bitcoin_watch
from wallets.deposits.pool import bitcoin_pool_fill
from wallets.models import Asset, ColdOffer, DepositAddress
from wallets.payouts.bitcoin_consolidate import INPUTS_MAX, coins_to_move

COIN = 100_000_000


@pytest.fixture
def key_file(run_keys: None, settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """Keys that the test can rotate."""
    with own_keys(settings, tmp_path) as path:
        yield path


class OfOwnKeys(Bitcoind):
    """The shared node, with a wallet of the test's keys."""

    def __init__(self, shared: Bitcoind) -> None:
        self.__dict__.update(shared.__dict__)
        self.node = BitcoinNode(shared.url, f"rotation-{secrets.token_hex(4)}")


@pytest.fixture
def chain(bitcoind: Bitcoind, key_file: Path, settings: Settings) -> Iterator[OfOwnKeys]:
    own = OfOwnKeys(bitcoind)
    settings.BITCOIN_RPC_URL, settings.BITCOIN_WALLET = own.url, own.node.wallet
    own.node.wallet_open()
    yield own
    own.node.root.call("unloadwallet", own.node.wallet, False)


@pytest.fixture
def desk(chain: OfOwnKeys, btc: Asset, books: Books, alice: User) -> Desk:
    return Desk(chain, btc, books, alice)


def opened(desk: Desk) -> None:
    """Let a worker start."""
    desk.node.wallet_open(watch_history)


def bitcoin_address(desk: Desk) -> DepositAddress:
    bitcoin_pool_fill(asset=desk.btc, node=desk.node, size=3)
    return services.deposit_address_assign(user=desk.user, asset=desk.btc)


def generations_of(coins: list[Coin]) -> list[int]:
    """Return the generation of each coin, smallest coin first."""
    names = [one.fingerprint for one in keys.generations()]
    ordered = sorted(coins, key=lambda coin: coin.satoshis)
    return [names.index(coin.descriptor.partition("[")[2][:8]) for coin in ordered]


def test_a_user_gets_a_new_bitcoin_address_and_the_old_one_is_credited_for_ever(desk: Desk) -> None:
    old = bitcoin_address(desk)
    desk.chain.pay(old.address, COIN)
    desk.chain.mine(3)
    scan_bitcoin(desk.chain, desk.btc, desk.books)

    rotate()
    opened(desk)
    new = bitcoin_address(desk)
    again = bitcoin_address(desk)
    desk.chain.pay(old.address, 2 * COIN)
    desk.chain.pay(new.address, 4 * COIN)
    desk.chain.mine(3)
    scan_bitcoin(desk.chain, desk.btc, desk.books)

    assert (old.generation, new.generation) == (0, 1)
    assert new == again
    assert new.address in {
        Descriptor.parse(text).address(number, prefix="bcrt")
        for text in keys.bitcoin_descriptors_of(1)[::2]
        for number in range(3)
    }
    assert DepositAddress.objects.filter(generation=0, user=None).count() == 2  # never given out any more
    assert desk.books.balance(desk.user.pk, desk.btc.pk) == (7 * COIN, 0)
    assert surplus(desk.btc) == 0
    assert verified() == {"ok"}
    assert audited() == []


def test_old_bitcoins_come_to_the_new_keys_and_pay_from_there(desk: Desk) -> None:
    desk.books.give(desk.user.pk, desk.btc.pk, GIFT)
    old = bitcoin_address(desk)
    desk.fund(COIN, 2 * COIN)
    before = surplus(desk.btc)
    rotate()
    opened(desk)

    (merger,) = desk.merge()
    assert desk.merge() == []
    desk.send()
    desk.finish()
    merger.refresh_from_db()
    coins = desk.node.coins()
    withdrawal = desk.ask()
    (payment,) = desk.sign()
    desk.send()
    desk.finish()

    assert (merger.kind, merger.status, len(inputs_of(merger.raw))) == ("consolidation", "confirmed", 2)
    assert generations_of(coins) == [1]
    assert statuses(withdrawal) == ["confirmed"]
    assert inputs_of(payment.raw) == (coins[0].outpoint,)
    assert generations_of(desk.node.coins()) == [1]  # the change
    assert surplus(desk.btc) == before == 3 * COIN
    desk.chain.pay(old.address, COIN)  # and whatever comes later
    desk.chain.mine(3)
    (later,) = desk.merge()
    assert len(inputs_of(later.raw)) == 1


def test_what_withdrawals_wait_for_is_not_moved_and_their_change_is_of_the_new_keys(desk: Desk) -> None:
    desk.books.give(desk.user.pk, desk.btc.pk, GIFT)
    desk.fund(COIN, 2 * COIN)
    rotate()
    opened(desk)
    withdrawal = desk.ask(COIN + COIN // 2)

    (merger,) = desk.merge()
    desk.sign()
    desk.send()
    desk.finish()

    assert len(inputs_of(merger.raw)) == 1
    assert merger.network_fee is not None
    assert statuses(withdrawal) == ["confirmed"]
    assert generations_of(desk.node.coins()) == [1, 1]


def test_a_payment_from_before_the_rotation_can_still_be_raised(desk: Desk) -> None:
    desk.books.give(desk.user.pk, desk.btc.pk, GIFT)
    desk.fund(COIN)
    withdrawal = desk.ask()
    (first,) = desk.sign()
    desk.send()
    desk.mine_only()
    rotate()
    opened(desk)

    (second,) = desk.bump()
    desk.send()
    desk.finish()

    assert second.first_version == first
    assert statuses(withdrawal) == ["confirmed"]
    assert generations_of(desk.node.coins()) == [1]


def test_a_merger_from_before_the_rotation_can_still_be_raised(desk: Desk, settings: Settings) -> None:
    settings.BITCOIN_SMALL_COINS_MAX = 3
    desk.fund(*[200_000] * 6)
    (first,) = desk.merge()
    desk.send()
    desk.mine_only()
    rotate()
    opened(desk)

    (second,) = desk.bump()
    desk.send()
    desk.finish()

    second.refresh_from_db()
    assert (second.first_version, second.status) == (first, "confirmed")
    desk.merge()
    desk.send()
    desk.finish()
    assert generations_of(desk.node.coins()) == [1]


def test_a_node_that_lost_its_wallet_after_a_rotation_finds_the_coins_of_all_keys(desk: Desk) -> None:
    desk.books.give(desk.user.pk, desk.btc.pk, GIFT)
    old = bitcoin_address(desk)
    rotate()
    opened(desk)
    new = bitcoin_address(desk)
    desk.chain.pay(old.address, COIN)
    desk.chain.pay(new.address, 2 * COIN)
    desk.chain.mine(3)
    desk.ask(COIN // 2)
    desk.sign()
    desk.send()
    desk.finish()  # there is change of the new keys now
    before = sorted((coin.outpoint, coin.satoshis) for coin in desk.node.coins())

    reborn = BitcoinNode(desk.chain.url, desk.node.wallet + "-again")
    reborn.wallet_open(watch_history)
    try:
        assert sorted((coin.outpoint, coin.satoshis) for coin in reborn.coins()) == before
        listed = reborn.rpc.call("listdescriptors")["descriptors"]
        active = {Descriptor.parse(item["desc"]).text() for item in listed if item["active"]}
        assert len(listed) == 8
        assert active == set(keys.bitcoin_descriptors_of(1))
    finally:
        reborn.root.call("unloadwallet", reborn.wallet, False)


def test_a_wallet_from_before_the_rotation_is_told_to_look_for_coins_of_the_new_keys(desk: Desk) -> None:
    """The node's data comes from a backup: it knows the old keys only, and coins of the new ones are in blocks."""
    before = keys.bitcoin_descriptors()
    bitcoin_address(desk)
    rotate()
    opened(desk)
    new = bitcoin_address(desk)
    desk.chain.pay(new.address, COIN)
    desk.chain.mine(3)

    restored = BitcoinNode(desk.chain.url, desk.node.wallet + "-restored")
    watch_wallet_open(restored.root, restored.rpc, restored.wallet, before)
    try:
        assert restored.coins() == []
        restored.wallet_open(watch_history)
        assert [coin.satoshis for coin in restored.coins()] == [COIN]
        # The node itself goes back two hours, which hides a wrong time from this test.
        made = datetime.fromisoformat(keys.generations()[1].made_at) - timedelta(days=2)
        history = watch_history()
        assert {history[text].since_s for text in keys.bitcoin_descriptors_of(1)} == {int(made.timestamp())}
        assert history[keys.bitcoin_descriptors_of(1)[0]].used == 3
    finally:
        restored.root.call("unloadwallet", restored.wallet, False)


def test_workers_that_run_on_give_out_addresses_of_the_new_keys(desk: Desk) -> None:
    """Nobody has to restart them: they see the new public file, and let the wallet watch the new keys."""
    tasks.bitcoin_node_opened.cache_clear()
    health._said.clear()
    try:
        tasks.fill_address_pools()
        rotate()
        tasks.fill_address_pools()
        tasks.scan_bitcoin()
    finally:
        tasks.bitcoin_node_opened.cache_clear()

    rows = DepositAddress.objects.filter(asset=desk.btc)
    assert set(rows.values_list("generation", flat=True)) == {0, 1}
    assert verified() == {"ok"}


def test_an_address_of_old_keys_is_not_handed_out_by_a_node_that_does_not_know_the_new_ones(desk: Desk) -> None:
    rotate()

    with pytest.raises(WalletForeign, match="not of our keys"):
        bitcoin_pool_fill(asset=desk.btc, node=desk.node, size=3)
    assert DepositAddress.objects.filter(asset=desk.btc).count() == 0


def test_change_to_old_keys_is_refused(desk: Desk) -> None:
    """The node still takes the old keys for its own; whoever knows them would get what is left."""
    desk.books.give(desk.user.pk, desk.btc.pk, GIFT)
    desk.fund(COIN)
    withdrawal = desk.ask()
    rotate()

    assert desk.sign() == []
    assert desk.merge() == []
    assert statuses(withdrawal) == ["held"]
    opened(desk)
    assert len(desk.sign()) == 1


def test_an_offer_to_the_cold_address_from_before_the_rotation_can_be_signed_with_the_old_keys(desk: Desk) -> None:
    desk.fund(COIN, 2 * COIN)
    cold = desk.chain.fresh_address()
    Asset.objects.filter(pk=desk.btc.pk).update(hot_floor=0, hot_ceiling=COIN, cold_address=cold)
    desk.btc.refresh_from_db()
    bitcoin_watch(asset=desk.btc, node=desk.node)
    offer = ColdOffer.objects.get()
    rotate()
    opened(desk)

    merged = desk.merge()
    bitcoin_watch(asset=desk.btc, node=desk.node)
    offer.refresh_from_db()
    record = offer_accept(offer, psbt_sign(psbt_read(offer.unsigned)).raw, hot_address="", node=desk.node)
    desk.send()
    desk.finish()

    record.refresh_from_db()
    assert offer.withdrawn_at is None
    assert (record.status, record.kind) == ("confirmed", "cold")
    assert [set(inputs_of(row.raw)) & set(inputs_of(record.raw)) for row in merged] == [set() for _ in merged]


def test_what_a_move_leaves_where_it_is() -> None:
    coins = [Coin(f"{number:064x}", 0, satoshis, 6) for number, satoshis in enumerate([900, 5_000, 70_000, 1_000])]
    many = [Coin(f"{number:064x}", 0, 10_000, 6) for number in range(INPUTS_MAX + 1)]

    def moved(rate: int, spare: int) -> list[int]:
        return [coin.satoshis for coin in coins_to_move(coins, rate=rate, spare=spare)]

    assert moved(1_000, 10**9) == [70_000, 5_000, 1_000]
    assert moved(3_000, 10**9) == [70_000, 5_000]
    assert moved(20_000, 10**9) == [70_000]
    assert moved(1_000, 69_999) == [5_000, 1_000]
    assert moved(1_000, 0) == moved(1_000, -5) == []
    assert len(coins_to_move(many, rate=1_000, spare=10**9)) == INPUTS_MAX
