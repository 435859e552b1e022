"""The workloads are what docs/performance.md says: the same on every machine, and fair to engines that know less."""

from collections import Counter

import pytest

from bench.oracle import CANCEL, REST, TAKE, Oracle, digest
from bench.workloads import workload

PART = 50
DIGESTS = {
    "active": ("cf12994057ee7325", "fdae1f4f8f344313"),
    "deep": ("d42ccf73193e0b34", "8c1b2f38db0d9dd9"),
    "one price": ("ea3f173532495073", "2e3e931fc9136473"),
    "many prices": ("2ffca55dbb4050a2", "4f53cda18c2baa0c"),
}
"""Fingerprints of the commands and of the trades of each workload's fiftieth part."""


@pytest.mark.parametrize("name", DIGESTS)
def test_a_workload_is_the_same_on_every_machine(name: str) -> None:
    made = workload(name, part=PART)

    assert (digest(made.before + made.commands)[:16], digest(made.trades)[:16]) == DIGESTS[name]
    assert sum(made.phases.values()) == len(made.commands)


@pytest.mark.parametrize("name", DIGESTS)
def test_every_cancel_hits_a_live_order_and_every_aggressive_order_fills_within_its_limit(name: str) -> None:
    made = workload(name, part=PART)
    oracle = Oracle()

    for op, order, side, price, quantity, _ in made.before + made.commands:
        if op == CANCEL:
            assert oracle.is_open(order)
            oracle.cancel(order)
        else:
            trades = oracle.place(order, side, price, quantity, rests=op == REST)
            assert op == REST or sum(part for _, _, _, part in trades) == quantity

    assert oracle.trades == made.trades


@pytest.mark.parametrize("name", DIGESTS)
def test_orders_are_numbered_from_1_and_none_meets_one_of_its_own_account(name: str) -> None:
    made = workload(name, part=PART)
    placed = [command for command in made.before + made.commands if command[0] != CANCEL]
    account = {order: account for _, order, _, _, _, account in placed}

    assert [order for _, order, _, _, _, _ in placed] == list(range(1, len(placed) + 1))
    assert [trade for trade in made.trades if account[trade[0]] == account[trade[1]]] == []


def test_the_busy_market_has_the_shares_that_it_should_have() -> None:
    made = workload("active", part=PART)

    assert len(made.before) == 80
    assert Counter(command[0] for command in made.commands) == {REST: 2_200, CANCEL: 1_400, TAKE: 400}


def test_the_deep_book_is_built_without_a_trade_and_then_eaten() -> None:
    made = workload("deep", part=PART)

    assert made.phases == {"load": 4_000, "drain": 1_680}
    assert {command[0] for command in made.commands[:4_000]} == {REST}
    assert min(taker for taker, _, _, _ in made.trades) > 4_000


def test_a_fat_level_is_cancelled_from_the_middle_and_its_rest_is_taken_one_by_one() -> None:
    made = workload("one price", part=1_000)

    assert [order for op, order, *_ in made.commands if op == CANCEL][:4] in ([25, 26, 24, 27], [26, 25, 27, 24])
    assert [maker for _, maker, _, _ in made.trades] == [*range(1, 13), *range(38, 51)]
    assert made.resting == []
