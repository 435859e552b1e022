"""Order lists and self-trade prevention: numbered without a gap, and each consistent with its orders."""

from trading.engine.enums import ListStatus, Side, StpMode
from wallets.ledger.checks.check import OPEN, Check, Scope, count, gapless, gapless_by_market

_LISTS = (
    "trading_orderlist l LEFT JOIN trading_order a ON a.id = l.above LEFT JOIN trading_order b ON b.id = l.below"
    " LEFT JOIN trading_ordercondition ac ON ac.order_id = a.id LEFT JOIN trading_ordercondition bc"
    " ON bc.order_id = b.id"
)
_LIST_FITS = (
    "a.account_id = l.account_id AND b.account_id = l.account_id"
    " AND a.market_id = l.market_id AND b.market_id = l.market_id AND a.side = b.side"
    " AND ac.list_id = l.id AND bc.list_id = l.id"
    f" AND CASE l.status WHEN {int(ListStatus.EXECUTING)} THEN a.{OPEN} AND b.{OPEN} AND a.quantity = b.quantity"
    " AND a.executed + b.executed + a.prevented + b.prevented = 0"
    # Of a list that is done, one order at most goes on as one like any other.
    f" WHEN {int(ListStatus.ALL_DONE)} THEN NOT (a.{OPEN} AND b.{OPEN}) AND (a.executed = 0 OR b.executed = 0)"
    " ELSE FALSE END"
)

_MATCHES = (
    "trading_preventedmatch p LEFT JOIN trading_order t ON t.id = p.taker_order"
    " LEFT JOIN trading_order m ON m.id = p.maker_order"
)
_MATCH_FITS = (
    "t.account_id = p.account_id AND m.account_id = p.account_id"
    " AND t.market_id = p.market_id AND m.market_id = p.market_id AND t.side <> m.side AND m.price = p.price"
    f" AND (t.price = 0 OR CASE WHEN t.side = {int(Side.BUY)} THEN t.price >= p.price ELSE t.price <= p.price END)"
    f" AND t.stp = p.mode AND CASE p.mode"
    f" WHEN {int(StpMode.EXPIRE_TAKER)} THEN p.taker_quantity > 0 AND p.maker_quantity = 0"
    f" WHEN {int(StpMode.EXPIRE_MAKER)} THEN p.taker_quantity = 0 AND p.maker_quantity > 0"
    f" WHEN {int(StpMode.EXPIRE_BOTH)} THEN p.taker_quantity > 0 AND p.maker_quantity > 0"
    f" WHEN {int(StpMode.DECREMENT)} THEN p.taker_quantity > 0 AND p.taker_quantity = p.maker_quantity"
    " ELSE FALSE END"
)

CHECKS = (
    gapless("order lists", found="trading_orderlist", number="id", last="last_list"),
    Check(
        name="order lists fit their orders",
        noun="order lists",
        examined=count("trading_orderlist"),
        differences=(
            f"SELECT l.market_id, l.id, l.status, l.above, l.below FROM {_LISTS}"
            f" WHERE NOT COALESCE({_LIST_FITS}, FALSE) ORDER BY l.id"
        ),
        says="list {0} with status {1} does not fit its orders {2} and {3}",
        scope=Scope.MARKET,
    ),
    Check(
        name="orders are in lists that exist",
        noun="conditions",
        examined=count("trading_ordercondition", "list_id > 0"),
        differences=(
            "SELECT NULL, c.order_id, c.list_id FROM trading_ordercondition c"
            " LEFT JOIN trading_orderlist l ON l.id = c.list_id"
            " WHERE c.list_id <> 0 AND (l.id IS NULL OR c.order_id NOT IN (l.above, l.below)) ORDER BY c.order_id"
        ),
        says="order {0} says that it is in list {1}, which knows nothing of it",
    ),
    gapless_by_market("prevented matches", found="trading_preventedmatch", last="last_prevented"),
    Check(
        name="prevented matches fit their orders",
        noun="prevented matches",
        examined=count("trading_preventedmatch"),
        differences=(
            f"SELECT p.market_id, p.market_id, p.number, p.taker_order, p.maker_order FROM {_MATCHES}"
            f" WHERE NOT COALESCE({_MATCH_FITS}, FALSE) ORDER BY p.market_id, p.number"
        ),
        says="prevented match {0}:{1} does not fit its orders {2} and {3}",
        scope=Scope.MARKET,
    ),
    Check(
        name="orders lost what their prevented matches say",
        noun="orders",
        examined=count("trading_order", "prevented <> 0"),
        differences=(
            "SELECT NULL, id, SUM(kept), SUM(lost) FROM ("
            "SELECT id, prevented AS kept, 0 AS lost FROM trading_order WHERE prevented <> 0"
            " UNION ALL SELECT taker_order, 0, taker_quantity FROM trading_preventedmatch"
            " UNION ALL SELECT maker_order, 0, maker_quantity FROM trading_preventedmatch) AS both_sides"
            " GROUP BY id HAVING SUM(kept) <> SUM(lost) ORDER BY id"
        ),
        says="order {0} was prevented from {1} units, its prevented matches say {2}",
    ),
)
