"""Orders and trades: numbered without a gap, consistent with each other, and posted to the last unit."""

from trading.engine.enums import MarketStatus, OrderState, OrderStatus, OrderType, Reason, Side, TimeInForce
from trading.engine.orders import PRICELESS, STOPS
from wallets.ledger.chart import Owner
from wallets.ledger.checks.check import (
    CONDITIONED,
    LEG_SAYS,
    OPEN,
    REST,
    Check,
    Scope,
    count,
    gapless,
    gapless_by_market,
    leg,
    notional,
    postings,
    without,
)

_TRADES = "trading_trade t JOIN trading_market m ON m.id = t.market_id"
_REFERENCE = "t.market_id || ':' || t.number"
_FEES = str(int(Owner.FEES))
# Between orders of one account only the fees move (trading/engine/settlement.py).
_LEGS = " UNION ALL ".join(
    [
        leg(
            f"{_TRADES} WHERE t.buyer_id <> t.seller_id",
            reference=_REFERENCE,
            reason=Reason.TRADE_BASE,
            debit="t.seller_id",
            credit="t.buyer_id",
            asset="m.base_id",
            amount="t.quantity",
        ),
        leg(
            f"{_TRADES} WHERE t.buyer_id <> t.seller_id",
            reference=_REFERENCE,
            reason=Reason.TRADE_QUOTE,
            debit="t.buyer_id",
            credit="t.seller_id",
            asset="m.quote_id",
            amount="t.quote",
        ),
        leg(
            f"{_TRADES} WHERE t.buyer_fee <> 0",
            reference=_REFERENCE,
            reason=Reason.FEE_BUYER,
            debit="t.buyer_id",
            credit=_FEES,
            asset="m.base_id",
            amount="t.buyer_fee",
        ),
        leg(
            f"{_TRADES} WHERE t.seller_fee <> 0",
            reference=_REFERENCE,
            reason=Reason.FEE_SELLER,
            debit="t.seller_id",
            credit=_FEES,
            asset="m.quote_id",
            amount="t.seller_fee",
        ),
    ]
)
_POSTED = postings(Reason.TRADE_BASE, Reason.TRADE_QUOTE, Reason.FEE_BUYER, Reason.FEE_SELLER)

_MARKET, _GTC, _FOK = int(OrderType.MARKET), int(TimeInForce.GTC), int(TimeInForce.FOK)
_STOPS = f"({', '.join(str(int(stop)) for stop in sorted(STOPS))})"
_PRICELESS = f"({', '.join(str(int(kind)) for kind in sorted(PRICELESS))})"
_WAITS = f"COALESCE(c.state, 0) <> {int(OrderState.WORKING)}"
_CAN_REST = f"(o.type NOT IN {_PRICELESS} AND o.time_in_force = {_GTC})"
# A market may have been delisted, which lets its orders expire, and opened again.
_WAS_DELISTED = (
    "EXISTS (SELECT 1 FROM trading_operatorchange oc WHERE oc.kind = 'market' AND oc.subject = o.market_id"
    f" AND CAST(oc.after ->> 'status' AS INTEGER) = {int(MarketStatus.DELISTED)})"
)
_STATUS_FITS = (
    f"CASE o.status WHEN {int(OrderStatus.NEW)} THEN {REST} > 0 AND o.executed = 0 AND ({_CAN_REST} OR {_WAITS})"
    f" WHEN {int(OrderStatus.PARTIALLY_FILLED)} THEN {REST} > 0 AND o.executed > 0 AND {_CAN_REST} AND NOT {_WAITS}"
    f" WHEN {int(OrderStatus.FILLED)} THEN {REST} = 0 AND o.executed > 0"
    f" WHEN {int(OrderStatus.CANCELED)} THEN {REST} > 0 AND ({_CAN_REST} OR {_WAITS})"
    # An order by quote quantity is as large as what it traded, so it can expire with nothing left of it.
    f" WHEN {int(OrderStatus.EXPIRED)} THEN ({REST} > 0 OR o.quote_quantity > 0)"
    f" AND (NOT {_CAN_REST} OR c.list_id > 0 OR {_WAS_DELISTED})"
    f" AND (o.time_in_force <> {_FOK} OR o.executed = 0)"
    f" WHEN {int(OrderStatus.EXPIRED_IN_MATCH)} THEN {REST} = 0 AND o.prevented > 0"
    " ELSE FALSE END AND (o.executed = 0) = (o.executed_quote = 0)"
)
_CONDITION_FITS = (
    f"CASE c.state WHEN {int(OrderState.WORKING)} THEN c.working_ms > 0"
    f" WHEN {int(OrderState.WAITING)} THEN c.stop_price > 0 AND c.trail_from = 0"
    f" WHEN {int(OrderState.TRAILING)} THEN c.trailing_delta > 0 AND c.trail_from > 0 ELSE FALSE END"
    f" AND (NOT {_WAITS} OR (o.type IN {_STOPS} AND o.executed = 0 AND o.prevented = 0))"
    f" AND (o.type IN {_STOPS}) = (c.stop_price > 0 OR c.trailing_delta > 0)"
    f" AND (o.type IN {_STOPS} OR c.iceberg_quantity > 0 OR c.list_id > 0)"
    " AND c.rank_after >= o.id"
    " AND c.rank_number BETWEEN 1 AND COALESCE((SELECT rank_number FROM trading_enginestate WHERE shard = 0), 0)"
)

CHECKS = (
    gapless_by_market("trades", found="trading_trade", last="last_trade"),
    gapless("orders", found="trading_order", number="id", last="last_order"),
    Check(
        name="orders executed what their trades say",
        noun="orders",
        examined=count("trading_order"),
        differences=(
            "SELECT NULL, id, SUM(kept), SUM(kept_quote), SUM(traded), SUM(traded_quote) FROM ("
            "SELECT id, executed AS kept, executed_quote AS kept_quote, 0 AS traded, 0 AS traded_quote"
            " FROM trading_order"
            " UNION ALL SELECT buyer_order, 0, 0, quantity, quote FROM trading_trade"
            " UNION ALL SELECT seller_order, 0, 0, quantity, quote FROM trading_trade) AS both_sides"
            " GROUP BY id HAVING SUM(kept) <> SUM(traded) OR SUM(kept_quote) <> SUM(traded_quote) ORDER BY id"
        ),
        says="order {0} executed {1} for {2} units, its trades say {3} for {4}",
    ),
    Check(
        name="orders are in a status that fits them",
        noun="orders",
        examined=count("trading_order"),
        differences=(
            "SELECT o.market_id, o.id, o.status, o.type, o.time_in_force, o.executed, o.quantity, o.prevented"
            f" FROM {CONDITIONED} LEFT JOIN trading_market m ON m.id = o.market_id"
            f" WHERE NOT COALESCE({_STATUS_FITS}, FALSE) ORDER BY o.id"
        ),
        says=("order {0} has status {1}, type {2}, time in force {3}, executed {4} of {5} units, prevented {6}"),
        scope=Scope.MARKET,
    ),
    Check(
        name="orders have the conditions that they need",
        noun="conditions",
        examined=count("trading_ordercondition"),
        differences=(
            "SELECT o.market_id, o.id, o.type, COALESCE(c.state, -1) AS state"
            f" FROM {CONDITIONED} WHERE CASE WHEN c.order_id IS NULL THEN o.type IN {_STOPS}"
            f" ELSE NOT ({_CONDITION_FITS}) END"
            " UNION ALL SELECT NULL, c.order_id, -1, c.state FROM trading_ordercondition c"
            " LEFT JOIN trading_order o ON o.id = c.order_id WHERE o.id IS NULL ORDER BY 2"
        ),
        says="order {0} of type {1} has a condition in state {2} (-1: none), which does not fit it",
        scope=Scope.MARKET,
    ),
    Check(
        name="no two orders stand at one place",
        noun="conditions",
        examined=count("trading_ordercondition"),
        differences=(
            "SELECT NULL, rank_after, rank_number, COUNT(*) FROM trading_ordercondition"
            " GROUP BY rank_after, rank_number HAVING COUNT(*) > 1 ORDER BY rank_after"
        ),
        says="{2} orders stand at place {1} behind order {0}",
    ),
    Check(
        name="books are not crossed",
        noun="open orders",
        examined=count("trading_order", OPEN),
        differences=(
            "SELECT market_id, bid, ask FROM (SELECT o.market_id,"
            f" MAX(CASE WHEN o.side = {int(Side.BUY)} THEN o.price END) AS bid,"
            f" MIN(CASE WHEN o.side = {int(Side.SELL)} THEN o.price END) AS ask"
            f" FROM {CONDITIONED} WHERE o.{OPEN} AND NOT {_WAITS} GROUP BY o.market_id) AS tops WHERE bid >= ask"
        ),
        says="the best bid {0} is not below the best ask {1}",
        scope=Scope.MARKET,
    ),
    Check(
        name="trades fit their orders",
        noun="trades",
        examined=count("trading_trade"),
        differences=(
            "SELECT t.market_id, t.market_id, t.number, t.buyer_order, t.seller_order FROM trading_trade t"
            " LEFT JOIN trading_order b ON b.id = t.buyer_order LEFT JOIN trading_order s ON s.id = t.seller_order"
            " WHERE b.id IS NULL OR s.id IS NULL"
            f" OR b.side <> {int(Side.BUY)} OR s.side <> {int(Side.SELL)}"
            " OR b.account_id <> t.buyer_id OR s.account_id <> t.seller_id"
            " OR b.market_id <> t.market_id OR s.market_id <> t.market_id"
            " OR CASE WHEN t.buyer_is_maker THEN b.price ELSE s.price END <> t.price"
            " OR (b.price > 0 AND b.price < t.price) OR s.price > t.price"
            " ORDER BY t.market_id, t.number"
        ),
        says="trade {0}:{1} does not fit its orders {2} and {3}",
        scope=Scope.MARKET,
    ),
    Check(
        name="trades cost price times quantity",
        noun="trades",
        examined=count("trading_trade"),
        differences=(
            "SELECT market_id, market_id, number, price, quantity, quote, buyer_fee, seller_fee FROM trading_trade"
            f" WHERE quote <> {notional('price', 'quantity')} OR buyer_fee < 0 OR buyer_fee > quantity"
            " OR seller_fee < 0 OR seller_fee > quote ORDER BY market_id, number"
        ),
        says="trade {0}:{1}: {3} at {2} cost {4} units, with fees {5} and {6}",
        scope=Scope.MARKET,
    ),
    Check(
        name="the last price is that of the last trade",
        noun="markets",
        examined=count("trading_marketstate"),
        differences=(
            "SELECT s.market_id, s.last_trade, s.last_price, COALESCE(t.price, 0) FROM trading_marketstate s"
            " LEFT JOIN trading_trade t ON t.market_id = s.market_id AND t.number = s.last_trade"
            " WHERE s.last_price <> COALESCE(t.price, 0) ORDER BY s.market_id"
        ),
        says="trade {0} was the last, and the last price {1}, but its price was {2}",
        scope=Scope.MARKET,
    ),
    Check(
        name="trades are posted",
        noun="trades",
        examined=count("trading_trade"),
        differences=without(_LEGS, _POSTED),
        says=LEG_SAYS + " is not posted",
    ),
    Check(
        name="trade postings have a trade",
        noun="postings",
        examined=f"SELECT COUNT(*) FROM ({_POSTED}) AS posted",
        differences=without(_POSTED, _LEGS),
        says=LEG_SAYS + " is posted, but nothing was traded so",
    ),
)
