"""Small coins made one while fees are low, and never at the cost of withdrawals."""

import pytest
from pytest_django.fixtures import Settings

from tests.wallets.desk import Desk, statuses
from wallets.chains.bitcoin import Coin, inputs_of
from wallets.ledger.chart import Owner
from wallets.models import ChainTransaction
from wallets.payouts import bitcoin_build
from wallets.payouts import bitcoin_consolidate as module
from wallets.payouts.bitcoin_build import merger_build
from wallets.payouts.bitcoin_consolidate import INPUTS_MAX, coins_to_merge

SMALL = 200_000
COIN = 100_000_000


@pytest.fixture(autouse=True)
def few(settings: Settings) -> None:
    """Let four small coins be too many."""
    settings.BITCOIN_SMALL_COINS_MAX = 3


def test_small_coins_become_one_and_the_fee_is_booked(desk: Desk) -> None:
    desk.fund(*[SMALL] * 6, COIN, blocks=3)

    record = desk.merge()[0]
    while_running = desk.merge()
    desk.send()
    desk.finish()

    record.refresh_from_db()
    assert while_running == []
    assert (record.kind, record.status, len(inputs_of(record.raw))) == ("consolidation", "confirmed", 3)
    coins = sorted(coin.satoshis for coin in desk.node.coins())
    assert record.network_fee is not None
    assert coins == [SMALL, SMALL, SMALL, 3 * SMALL - record.network_fee, COIN]
    assert desk.books.balance(Owner.NETWORK_FEES, desk.btc.pk)[0] == -record.network_fee


def test_nothing_is_merged_when_fees_are_high_or_coins_are_few(
    desk: Desk, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.fund(*[SMALL] * 4, blocks=3)
    monkeypatch.setattr(type(desk.node), "fee_estimate", lambda node, blocks: 30_000)
    dear = desk.merge()
    monkeypatch.undo()
    settings.BITCOIN_SMALL_COINS_MAX = 4
    few_coins = desk.merge()
    settings.BITCOIN_SMALL_COINS_MAX, settings.BITCOIN_CONSOLIDATE_BELOW = 3, 0
    never = desk.merge()
    settings.BITCOIN_CONSOLIDATE_BELOW = 3

    assert (dear, few_coins, never) == ([], [], [])
    assert len(desk.merge()) == 1


def test_coins_that_are_not_final_or_promised_are_not_merged(desk: Desk) -> None:
    desk.fund(*[SMALL] * 4, blocks=3)
    desk.ask(150_000)
    payment = desk.sign()[0]

    too_few = desk.merge()
    desk.fund(*[SMALL] * 4, blocks=1)
    not_final = desk.merge()
    desk.chain.mine(2)
    merged = desk.merge()

    assert (too_few, not_final) == ([], [])
    assert not set(inputs_of(payment.raw)) & set(inputs_of(merged[0].raw))


def test_a_merger_leaves_coins_for_withdrawals_and_can_be_raised_too(desk: Desk) -> None:
    desk.fund(*[SMALL] * 8, blocks=3)
    merger = desk.merge()[0]
    withdrawal = desk.ask(500_000)
    desk.sign()
    desk.send()
    desk.mine_only()

    raised = [row for row in desk.bump() if row.kind == "consolidation"]
    desk.send()
    desk.finish()

    assert statuses(withdrawal) == ["confirmed"]
    assert [row.first_version for row in raised] == [merger]
    assert inputs_of(raised[0].raw) == inputs_of(merger.raw)
    assert sorted(ChainTransaction.objects.filter(kind="consolidation").values_list("status", flat=True)) == [
        "confirmed",
        "replaced",
    ]


def test_what_another_version_may_take_away_is_not_merged(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.fund(*[SMALL] * 6, blocks=3)
    chosen = coins_to_merge(desk.node.coins(3))
    replaced = ChainTransaction(
        asset=desk.btc, fee_asset=desk.btc, kind="withdrawal", status="replaced", txid=chosen[0].txid, raw=""
    )

    def meanwhile(*args: object) -> object:
        replaced.save()
        return merger_build(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "merger_build", meanwhile)
    overtaken = [row for row in desk.merge() if row.kind == "consolidation"]
    monkeypatch.undo()
    kept = desk.node.inputs_locked()
    merged = desk.merge()[0]

    assert (overtaken, kept) == ([], set())
    assert set(inputs_of(merged.raw)) == {coin.outpoint for coin in chosen[1:]}


def test_a_merger_takes_the_smallest_and_no_more_than_its_limit(settings: Settings) -> None:
    coins = [Coin(f"{number:064x}", 0, 1_000 + number, 6) for number in range(300)]
    large = [Coin("ff" * 32, 0, settings.BITCOIN_SMALL_COIN + 1, 6)]

    assert coins_to_merge(coins[::-1] + large) == coins[:INPUTS_MAX]
    assert coins_to_merge(coins[:10] + large) == coins[:5]
    assert coins_to_merge(coins[:3] + large * 200) == []


def test_coins_are_merged_at_an_address_of_our_keys_only(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.fund(*[SMALL] * 6, blocks=3)
    thief, signed = desk.chain.fresh_address(), []
    monkeypatch.setattr(type(desk.node), "change_address", lambda node: thief)
    monkeypatch.setattr(bitcoin_build, "psbt_sign", signed.append)
    merged = desk.merge()
    monkeypatch.undo()

    assert (merged, signed) == ([], [])
