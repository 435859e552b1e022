"""Accounts get fee rates and a self-trade prevention of their own while the engine runs."""

import pytest

from mex.errors import AccountUnknown, NothingToChange, RulesUnsound
from tests.operators.engine import RunningEngine, Trader
from trading.engine.enums import OrderStatus, Side, StpMode
from trading.engine.events import Closed, Prevented, Traded
from trading.engine.markets import MarketSpec
from trading.models import OperatorChange, Order, PreventedMatch, Terms
from trading.services import terms_set

WHOLE = 10**8
PRICE = 20 * WHOLE


def test_an_account_pays_its_own_rates_from_the_next_trade_on(btceth: MarketSpec) -> None:
    ann, bob = Trader("ann", btceth), Trader("bob", btceth)
    ann.rest(btceth, Side.SELL, PRICE, 3 * WHOLE)

    terms_set(account=ann.account, maker_fee_ppm=0, actor="Olga", note="makes the market")
    terms_set(account=bob.account, maker_fee_ppm=7, taker_fee_ppm=500, actor="Olga")

    _, traded = bob.order(btceth, Side.BUY, PRICE, WHOLE)
    assert isinstance(traded, Traded)
    assert (traded.maker_fee, traded.taker_fee) == (0, 50_000)
    terms_set(account=bob.account, taker_fee_ppm=-1, actor="Olga")
    _, traded = bob.order(btceth, Side.BUY, PRICE, WHOLE)
    assert isinstance(traded, Traded)
    assert (traded.maker_fee, traded.taker_fee) == (0, 200_000)
    row = Terms.objects.get(account=bob.account)
    assert (row.maker_fee_ppm, row.taker_fee_ppm, row.stp) == (7, -1, StpMode.NONE)


def test_orders_without_a_mode_have_the_accounts_own(btceth: MarketSpec) -> None:
    ann = Trader("ann", btceth)
    maker = ann.rest(btceth, Side.SELL, PRICE, WHOLE)

    changed = terms_set(account=ann.account, stp=StpMode.EXPIRE_TAKER, actor="Olga")

    assert (changed.maker_fee_ppm, changed.taker_fee_ppm, changed.stp) == (-1, -1, StpMode.EXPIRE_TAKER)
    _, prevented, closed = ann.order(btceth, Side.BUY, PRICE, WHOLE)
    assert isinstance(prevented, Prevented)
    assert isinstance(closed, Closed)
    assert closed.status is OrderStatus.EXPIRED_IN_MATCH
    assert Order.objects.get(pk=maker).status == OrderStatus.NEW
    match = PreventedMatch.objects.get()
    assert (match.number, match.account_id, match.maker_order, match.mode) == (1, ann.account, maker, 2)


def test_terms_outlive_the_engine_and_leave_rows(transactional_db: None, pipe: None, btceth: MarketSpec) -> None:
    ann = Trader("ann", btceth)

    terms_set(account=ann.account, maker_fee_ppm=100, actor="Olga", note="a tier")
    terms_set(account=ann.account, taker_fee_ppm=200, actor="Omar")

    rows = OperatorChange.objects.filter(kind="terms").order_by("id")
    assert [(row.subject, row.symbol, row.actor, row.note, row.before, row.after) for row in rows] == [
        (ann.account, "", "Olga", "a tier", None, {"maker_fee_ppm": 100, "taker_fee_ppm": -1, "stp": 1}),
        (
            ann.account,
            "",
            "Omar",
            "",
            {"maker_fee_ppm": 100, "taker_fee_ppm": -1, "stp": 1},
            {"maker_fee_ppm": 100, "taker_fee_ppm": 200, "stp": 1},
        ),
    ]


@pytest.mark.parametrize("rate", [-2, 1_000_000])
def test_rates_have_bounds(btceth: MarketSpec, rate: int) -> None:
    ann = Trader("ann", btceth)

    with pytest.raises(RulesUnsound) as refused:
        terms_set(account=ann.account, maker_fee_ppm=rate, taker_fee_ppm=rate, actor="Olga")

    sentence = "A fee must be 0 to 999999 ppm, or -1 for the market's."
    assert refused.value.problems == {"maker_fee_ppm": sentence, "taker_fee_ppm": sentence}
    assert (refused.value.code, Terms.objects.count()) == (-9003, 0)


def test_what_is_already_so_and_nobodys_terms_are_refused(engine: RunningEngine, btceth: MarketSpec) -> None:
    ann = Trader("ann", btceth)

    with pytest.raises(NothingToChange, match=r"ann@example\.org is like that already"):
        terms_set(account=ann.account, stp=StpMode.NONE, actor="Olga")
    with pytest.raises(AccountUnknown, match="There is no account 4711"):
        terms_set(account=4711, maker_fee_ppm=1, actor="Olga")

    assert Terms.objects.count() == 0
    assert OperatorChange.objects.filter(kind="terms").count() == 0
