"""What a trade moves: up to four postings, none of nothing, none between an owner and itself."""

import pytest

from trading.engine.commands import PlaceOrder
from trading.engine.enums import MarketStatus, OrderType, Reason, Side, StpMode, TimeInForce
from trading.engine.events import Accepted, Posted, Traded
from trading.engine.markets import MarketSpec
from trading.engine.settlement import postings_of

BASE, QUOTE, FEES = 2, 1, -2
SPEC = MarketSpec(
    id=4, symbol="ETHBTC", base=BASE, quote=QUOTE, tick=1_000, lot=100_000, price_min=1_000, price_max=10**11,
    quantity_min=100_000, quantity_max=10**12, notional_min=10_000, notional_max=9 * 10**10, maker_fee_ppm=1_000,
    taker_fee_ppm=2_000, orders_max=100, status=MarketStatus.TRADING,
)  # fmt: skip


def trade(*, taker: int, maker: int, taker_side: Side, taker_fee: int, maker_fee: int) -> Traded:
    def card(number: int, account: int, side: Side) -> Accepted:
        order = PlaceOrder(account, 4, f"o{number}", side, OrderType.LIMIT, TimeInForce.GTC, 1_000_000, 5_000_000)
        return Accepted(number, 1, order, StpMode.NONE)

    maker_side = Side.SELL if taker_side is Side.BUY else Side.BUY
    cards = (card(2, taker, taker_side), card(1, maker, maker_side))
    return Traded(
        9, 5_000_000, 1_000_000, 50_000, *cards, taker_fee, maker_fee, 1_000_000, 50_000, 1_000_000, 50_000, True, True
    )


@pytest.mark.parametrize(
    ("label", "traded", "expected"),
    [
        (
            "the taker buys",
            trade(taker=7, maker=8, taker_side=Side.BUY, taker_fee=2_000, maker_fee=50),
            [
                Posted(8, 7, BASE, 1_000_000, Reason.TRADE_BASE, "4:9"),
                Posted(7, 8, QUOTE, 50_000, Reason.TRADE_QUOTE, "4:9"),
                Posted(7, FEES, BASE, 2_000, Reason.FEE_BUYER, "4:9"),
                Posted(8, FEES, QUOTE, 50, Reason.FEE_SELLER, "4:9"),
            ],
        ),
        (
            "the taker sells",
            trade(taker=7, maker=8, taker_side=Side.SELL, taker_fee=100, maker_fee=1_000),
            [
                Posted(7, 8, BASE, 1_000_000, Reason.TRADE_BASE, "4:9"),
                Posted(8, 7, QUOTE, 50_000, Reason.TRADE_QUOTE, "4:9"),
                Posted(8, FEES, BASE, 1_000, Reason.FEE_BUYER, "4:9"),
                Posted(7, FEES, QUOTE, 100, Reason.FEE_SELLER, "4:9"),
            ],
        ),
        (
            "nobody pays a fee",
            trade(taker=7, maker=8, taker_side=Side.BUY, taker_fee=0, maker_fee=0),
            [
                Posted(8, 7, BASE, 1_000_000, Reason.TRADE_BASE, "4:9"),
                Posted(7, 8, QUOTE, 50_000, Reason.TRADE_QUOTE, "4:9"),
            ],
        ),
        (
            "one account trades with itself",
            trade(taker=7, maker=7, taker_side=Side.BUY, taker_fee=2_000, maker_fee=50),
            [
                Posted(7, FEES, BASE, 2_000, Reason.FEE_BUYER, "4:9"),
                Posted(7, FEES, QUOTE, 50, Reason.FEE_SELLER, "4:9"),
            ],
        ),
    ],
)
def test_postings_of_a_trade(label: str, traded: Traded, expected: list[Posted]) -> None:
    assert postings_of(traded, SPEC) == expected
