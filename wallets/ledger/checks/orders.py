"""Orders and trades: numbered without a gap, consistent with each other, and posted to the last unit."""

from trading.engine.enums import OrderStatus, OrderType, Reason, Side, TimeInForce
from wallets.ledger.chart import Owner
from wallets.ledger.checks.check import LEG_SAYS, OPEN, Check, Scope, count, leg, notional, postings, without

_TRADES = "trading_trade t JOIN trading_market m ON m.id = t.market_id"
_REFERENCE = "t.market_id || ':' || t.number"
_FEES = str(int(Owner.FEES))
# Between orders of one account only the fees move (trading/engine/matching.py).
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
_RESTS = f"type <> {_MARKET} AND time_in_force = {_GTC} AND executed < quantity"
_STATUS_FITS = (
    f"CASE status WHEN {int(OrderStatus.NEW)} THEN executed = 0 AND {_RESTS}"
    f" WHEN {int(OrderStatus.PARTIALLY_FILLED)} THEN executed > 0 AND {_RESTS}"
    f" WHEN {int(OrderStatus.FILLED)} THEN executed = quantity AND quantity > 0"
    f" WHEN {int(OrderStatus.CANCELED)} THEN {_RESTS}"
    # An order by quote quantity is as large as what it traded, so it can expire with nothing left of it.
    f" WHEN {int(OrderStatus.EXPIRED)} THEN (executed < quantity OR quote_quantity > 0)"
    f" AND (type = {_MARKET} OR time_in_force <> {_GTC}) AND (time_in_force <> {_FOK} OR executed = 0)"
    " ELSE FALSE END AND (executed = 0) = (executed_quote = 0)"
)

CHECKS = (
    Check(
        name="trades are numbered without a gap",
        noun="trades",
        examined=count("trading_trade"),
        differences=(
            "SELECT m.id, m.symbol, COALESCE(s.last_trade, 0), COUNT(t.number), MIN(t.number), MAX(t.number)"
            " FROM trading_market m LEFT JOIN trading_marketstate s ON s.market_id = m.id"
            " LEFT JOIN trading_trade t ON t.market_id = m.id GROUP BY m.id, m.symbol, s.last_trade"
            " HAVING COUNT(t.number) <> COALESCE(s.last_trade, 0)"
            " OR COUNT(DISTINCT t.number) <> COALESCE(s.last_trade, 0)"
            " OR (COUNT(t.number) > 0 AND (MIN(t.number) <> 1 OR MAX(t.number) <> s.last_trade))"
        ),
        says="{0} should have trades 1 to {1}, and has {2} of them, from {3} to {4}",
        scope=Scope.MARKET,
    ),
    Check(
        name="orders are numbered without a gap",
        noun="orders",
        examined=count("trading_order"),
        differences=(
            "SELECT NULL, last, found, low, high FROM (SELECT"
            " COALESCE((SELECT last_order FROM trading_enginestate WHERE shard = 0), 0) AS last,"
            " (SELECT COUNT(*) FROM trading_order) AS found, (SELECT MIN(id) FROM trading_order) AS low,"
            " (SELECT MAX(id) FROM trading_order) AS high) AS counters"
            " WHERE found <> last OR (found > 0 AND (low <> 1 OR high <> last))"
        ),
        says="there should be orders 1 to {0}, and there are {1} of them, from {2} to {3}",
    ),
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
            "SELECT market_id, id, status, type, time_in_force, executed, quantity"
            f" FROM trading_order WHERE NOT ({_STATUS_FITS}) ORDER BY id"
        ),
        says="order {0} has status {1}, type {2}, time in force {3}, and executed {4} of {5} units",
        scope=Scope.MARKET,
    ),
    Check(
        name="books are not crossed",
        noun="open orders",
        examined=count("trading_order", OPEN),
        differences=(
            "SELECT market_id, bid, ask FROM (SELECT market_id,"
            f" MAX(CASE WHEN side = {int(Side.BUY)} THEN price END) AS bid,"
            f" MIN(CASE WHEN side = {int(Side.SELL)} THEN price END) AS ask"
            f" FROM trading_order WHERE {OPEN} GROUP BY market_id) AS tops WHERE bid >= ask"
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
            f" OR (b.type <> {_MARKET} AND b.price < t.price) OR (s.type <> {_MARKET} AND s.price > t.price)"
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
