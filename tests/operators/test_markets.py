"""Markets are opened, changed, halted and delisted while the engine runs, and each change leaves its row."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from django.db import IntegrityError, connection, transaction

from mex.errors import MarketExists, MarketUnknown, NoteIllegal, NothingToChange, RulesUnsound, StepsInUse
from tests.operators.engine import RunningEngine, Trader
from trading.engine.enums import MarketStatus, OrderStatus, Reject, Side
from trading.engine.events import Accepted, Closed, Rejected, Traded
from trading.engine.markets import MarketSpec
from trading.models import Market, MarketState, OperatorChange, Order
from trading.rules import differences, new_market
from trading.selectors import market_spec
from trading.services import market_change, market_create, market_delist, market_halt, market_resume
from wallets.ledger.audit import audit_run

WHOLE = 10**8
PRICE = 20 * WHOLE
LOT = 10_000


def trail() -> list[tuple[str, str, list[tuple[str, str, str]]]]:
    """Return (actor, note, differences) of what was changed since the market was opened."""
    rows = OperatorChange.objects.filter(before__isnull=False).order_by("id")
    return [(row.actor, row.note, differences(row.before, row.after)) for row in rows]


def audit() -> list[str]:
    """Return the checks of the audit that found something."""
    return [finding.name for finding in audit_run(with_chains=False).findings if not finding.has_passed]


def test_a_market_opens_while_the_engine_runs_and_trades(btceth: MarketSpec) -> None:
    ann, bob = Trader("ann", btceth), Trader("bob", btceth)

    ann.rest(btceth, Side.SELL, PRICE, WHOLE)
    accepted, traded = bob.order(btceth, Side.BUY, PRICE, WHOLE)

    assert isinstance(accepted, Accepted)
    assert isinstance(traded, Traded)
    assert (traded.id, traded.price, traded.quantity) == (1, PRICE, WHOLE)
    assert (traded.maker_fee, traded.taker_fee) == (PRICE // 1_000, WHOLE // 500)
    assert bob.funds(btceth.base) == (10**12 + WHOLE - WHOLE // 500, 0)
    assert market_spec(Market.objects.get(symbol="BTCETH")) == btceth
    assert MarketState.objects.get(market=btceth.id).last_trade == 1
    row = OperatorChange.objects.get()
    assert (row.kind, row.subject, row.symbol, row.actor, row.note) == ("market", btceth.id, "BTCETH", "opener", "new")
    assert (row.before, row.after) == (None, msgspec.to_builtins(msgspec.structs.asdict(btceth)))
    assert row.sequence == 1
    assert audit() == []


def test_the_id_is_the_next_one_and_a_restarted_engine_knows_the_market(transactional_db: None, pipe: None) -> None:
    engine = RunningEngine()
    last = Market.objects.order_by("-id")[0]
    spec = market_create(spec=new_market("BTCETH", last.base_id, last.quote_id, 1_000_000, 10_000), actor="opener")
    engine.stop()
    assert spec.id == last.pk + 1

    engine = RunningEngine()
    ann = Trader("ann", spec)
    order = ann.rest(spec, Side.SELL, PRICE, WHOLE)
    engine.stop()

    assert Order.objects.get(pk=order).market_id == spec.id


def test_a_halted_market_refuses_orders_and_lets_cancels_pass_until_it_is_resumed(btceth: MarketSpec) -> None:
    ann = Trader("ann", btceth)
    order = ann.rest(btceth, Side.SELL, PRICE, WHOLE)

    halted = market_halt(symbol="BTCETH", actor="Olga", note="the news")

    assert halted.status is MarketStatus.HALT
    assert ann.order(btceth, Side.SELL, PRICE, WHOLE) == [Rejected(Reject.MARKET_CLOSED)]
    (closed,) = ann.cancel(btceth, order)
    assert isinstance(closed, Closed)
    assert closed.status is OrderStatus.CANCELED
    resumed = market_resume(symbol="BTCETH", actor="Omar", note="calm")
    assert resumed == btceth
    ann.rest(btceth, Side.SELL, PRICE, WHOLE)
    assert trail() == [
        ("Olga", "the news", [("status", "TRADING", "HALT")]),
        ("Omar", "calm", [("status", "HALT", "TRADING")]),
    ]


def test_the_next_trade_pays_new_fees(btceth: MarketSpec) -> None:
    ann, bob = Trader("ann", btceth), Trader("bob", btceth)
    ann.rest(btceth, Side.SELL, PRICE, 2 * WHOLE)
    bob.order(btceth, Side.BUY, PRICE, WHOLE)

    market_change(symbol="BTCETH", changes={"maker_fee_ppm": 0, "taker_fee_ppm": 5_000}, actor="Olga")

    _, traded = bob.order(btceth, Side.BUY, PRICE, WHOLE)
    assert isinstance(traded, Traded)
    assert (traded.id, traded.maker_fee, traded.taker_fee) == (2, 0, WHOLE // 200)
    assert trail() == [("Olga", "", [("maker_fee_ppm", "1000", "0"), ("taker_fee_ppm", "2000", "5000")])]
    assert audit() == []


def test_steps_change_while_no_order_is_open(btceth: MarketSpec) -> None:
    steps = {"tick": 500_000, "lot": 20_000, "price_min": 500_000, "quantity_min": 20_000}

    spec = market_change(symbol="BTCETH", changes=steps, actor="Olga")

    assert (spec.tick, spec.lot) == (500_000, 20_000)
    ann = Trader("ann", btceth)
    assert ann.order(btceth, Side.SELL, PRICE, 30_000) == [Rejected(Reject.LOT_SIZE)]
    ann.rest(btceth, Side.SELL, PRICE + 500_000, 40_000)


def test_open_orders_keep_steps_that_would_round_them_out(btceth: MarketSpec) -> None:
    """0.0001 of an open order could trade at 20.00001, and that is not a whole number of units."""
    ann = Trader("ann", btceth)
    order = ann.rest(btceth, Side.SELL, PRICE + 1_000_000, LOT)
    steps = {"tick": 1_000, "lot": 100_000, "quantity_min": 100_000}

    with pytest.raises(StepsInUse) as refused:
        market_change(symbol="BTCETH", changes=steps, actor="Olga")

    assert refused.value.code == -9004
    assert market_spec(Market.objects.get(symbol="BTCETH")) == btceth
    assert trail() == []
    ann.cancel(btceth, order)
    assert market_change(symbol="BTCETH", changes=steps, actor="Olga").tick == 1_000


def test_steps_that_fit_open_orders_change_while_they_are_open(btceth: MarketSpec) -> None:
    ann, bob = Trader("ann", btceth), Trader("bob", btceth)
    ann.rest(btceth, Side.SELL, PRICE, WHOLE)

    spec = market_change(symbol="BTCETH", changes={"tick": 2_000_000, "price_min": 2_000_000}, actor="Olga")

    assert bob.order(spec, Side.BUY, PRICE + 1_000_000, WHOLE) == [Rejected(Reject.PRICE_FILTER)]
    _, traded = bob.order(spec, Side.BUY, PRICE + 2_000_000, WHOLE)
    assert isinstance(traded, Traded)
    assert traded.price == PRICE
    ann.rest(spec, Side.SELL, PRICE + 4_000_000, WHOLE)
    market_change(symbol="BTCETH", changes={"tick": 4_000_000, "price_min": 4_000_000}, actor="Olga")
    assert audit() == []


def test_a_delisted_market_lets_its_orders_expire_and_frees_their_funds(btceth: MarketSpec) -> None:
    ann, bob = Trader("ann", btceth), Trader("bob", btceth)
    first = ann.rest(btceth, Side.SELL, PRICE, WHOLE)
    second = bob.rest(btceth, Side.BUY, PRICE - 1_000_000, WHOLE)
    assert ann.funds(btceth.base) == (10**12, WHOLE)

    spec = market_delist(symbol="BTCETH", actor="Olga", note="nobody trades it")

    assert spec.status is MarketStatus.DELISTED
    statuses = dict(Order.objects.values_list("id", "status"))
    assert statuses == {first: OrderStatus.EXPIRED, second: OrderStatus.EXPIRED}
    assert ann.funds(btceth.base) == (10**12, 0)
    assert bob.funds(btceth.quote) == (10**12, 0)
    assert ann.order(btceth, Side.SELL, PRICE, WHOLE) == [Rejected(Reject.MARKET_CLOSED)]
    assert trail() == [("Olga", "nobody trades it", [("status", "TRADING", "DELISTED")])]
    assert audit() == []


def test_delisting_is_taken_back_and_expired_orders_stay_expired(btceth: MarketSpec) -> None:
    ann = Trader("ann", btceth)
    order = ann.rest(btceth, Side.SELL, PRICE, WHOLE)
    market_delist(symbol="BTCETH", actor="Olga", note="the wrong one")

    assert market_resume(symbol="BTCETH", actor="Olga") == btceth

    ann.rest(btceth, Side.SELL, PRICE, WHOLE)
    assert Order.objects.get(pk=order).status == OrderStatus.EXPIRED
    assert audit() == []


def test_new_filters_bind_the_next_order(btceth: MarketSpec) -> None:
    ann, bob = Trader("ann", btceth), Trader("bob", btceth)
    ann.rest(btceth, Side.SELL, PRICE, WHOLE)
    bob.order(btceth, Side.BUY, PRICE, WHOLE)
    filters = {"bid_up_ppm": 1_100_000, "bid_down_ppm": 900_000, "position_max": 2 * 10**12}

    market_change(symbol="BTCETH", changes=filters, actor="Olga")

    assert bob.order(btceth, Side.BUY, 23 * WHOLE, WHOLE) == [Rejected(Reject.PERCENT_PRICE)]
    assert bob.order(btceth, Side.BUY, 17 * WHOLE, WHOLE) == [Rejected(Reject.PERCENT_PRICE)]
    assert bob.order(btceth, Side.BUY, 19 * WHOLE, 10**12) == [Rejected(Reject.MAX_POSITION)]
    bob.rest(btceth, Side.BUY, 19 * WHOLE, WHOLE)


def test_operators_who_change_at_the_same_time_do_not_undo_each_other(btceth: MarketSpec) -> None:
    """Each command carries all rules, as its operator read them a moment before."""
    changes = {"maker_fee_ppm": 1, "taker_fee_ppm": 2, "orders_max": 3, "trailing_max": 40, "status": 2}

    def change(name: str) -> None:
        try:
            if name == "status":
                market_halt(symbol="BTCETH", actor=name)
            else:
                market_change(symbol="BTCETH", changes={name: changes[name]}, actor=name)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(changes)) as operators:
        list(operators.map(change, changes))

    assert Market.objects.filter(pk=btceth.id).values(*changes).get() == changes
    assert sorted(actor for actor, _, _ in trail()) == sorted(changes)
    assert [len(differences) for _, _, differences in trail()] == [1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("changes", "note", "error", "message"),
    [
        ({"lot": 1}, "", RulesUnsound, "lot: Price x quantity would round: tick x lot must be"),
        ({"tick": 1_000_000}, "", NothingToChange, "BTCETH is like that already: nothing was changed."),
        ({}, "", NothingToChange, "BTCETH is like that already"),
        ({"maker_fee_ppm": 1}, "x" * 1_001, NoteIllegal, "A note is a text of at most 1000 characters"),
        ({"maker_fee_ppm": 1}, "a\0b", NoteIllegal, "without control characters"),
        ({"maker_fee_ppm": 1}, "\ud800", NoteIllegal, "without control characters"),
    ],
)
def test_a_bad_change_is_refused_before_it_is_sent(
    btceth: MarketSpec, changes: dict[str, int], note: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        market_change(symbol="BTCETH", changes=changes, actor="Olga", note=note)

    assert market_spec(Market.objects.get(symbol="BTCETH")) == btceth
    assert trail() == []


def test_a_market_that_does_not_exist_cannot_be_halted(engine: RunningEngine) -> None:
    with pytest.raises(MarketUnknown, match="There is no market XXX") as unknown:
        market_halt(symbol="XXX", actor="Olga")

    assert unknown.value.code == -9001


def test_a_market_cannot_be_opened_twice_or_of_nothing(btceth: MarketSpec) -> None:
    new = msgspec.structs.replace(btceth, id=0)

    with pytest.raises(MarketExists, match="There is a market BTCETH already"):
        market_create(spec=new, actor="Olga")
    with pytest.raises(RulesUnsound, match=r"base: There is no such asset\. quote: There is no such asset\."):
        market_create(spec=msgspec.structs.replace(new, symbol="NEW", base=98, quote=99), actor="Olga")

    assert Market.objects.filter(symbol="NEW").count() == 0
    assert OperatorChange.objects.count() == 1


@pytest.mark.parametrize(
    "statement", ["UPDATE trading_operatorchange SET note = 'x'", "DELETE FROM trading_operatorchange"]
)
def test_what_an_operator_did_stays_on_record(btceth: MarketSpec, statement: str) -> None:
    before: list[dict[str, Any]] = list(OperatorChange.objects.values())

    with pytest.raises(IntegrityError, match="what an operator did is never"):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)

    assert list(OperatorChange.objects.values()) == before
