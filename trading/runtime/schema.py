"""The tables that the engine writes, and which of their columns, with PostgreSQL's types."""

from trading.engine.markets import MarketSpec
from trading.runtime.tables import Table

_BIG, _SMALL, _INT, _TEXT, _BOOL, _JSON = "int8", "int2", "int4", "text", "bool", "jsonb"

ORDERS = Table(
    "trading_order",
    {
        "id": _BIG,
        "account_id": _BIG,
        "market_id": _BIG,
        "client_order_id": _TEXT,
        "side": _SMALL,
        "type": _SMALL,
        "time_in_force": _SMALL,
        "status": _SMALL,
        "price": _BIG,
        "quantity": _BIG,
        "quote_quantity": _BIG,
        "executed": _BIG,
        "executed_quote": _BIG,
        "prevented": _BIG,
        "stp": _SMALL,
        "created_ms": _BIG,
        "updated_ms": _BIG,
    },
)
ORDER_CHANGES = Table(
    "trading_order",
    {
        "id": _BIG,
        "status": _SMALL,
        "executed": _BIG,
        "executed_quote": _BIG,
        "quantity": _BIG,
        "updated_ms": _BIG,
    },
)
ORDER_LOSSES = Table("trading_order", {"id": _BIG, "prevented": _BIG})
CONDITIONS = Table(
    "trading_ordercondition",
    {
        "order_id": _BIG,
        "stop_price": _BIG,
        "trailing_delta": _INT,
        "iceberg_quantity": _BIG,
        "hold_price": _BIG,
        "list_id": _BIG,
        "state": _SMALL,
        "working_ms": _BIG,
        "trail_from": _BIG,
        "trail_ms": _BIG,
        "rank_after": _BIG,
        "rank_number": _BIG,
    },
)
TRAILS = Table("trading_ordercondition", {"order_id": _BIG, "state": _SMALL, "trail_from": _BIG, "trail_ms": _BIG})
TRIGGERS = Table("trading_ordercondition", {"order_id": _BIG, "state": _SMALL, "working_ms": _BIG})
RANKS = Table("trading_ordercondition", {"order_id": _BIG, "rank_after": _BIG, "rank_number": _BIG})
LISTS = Table(
    "trading_orderlist",
    {
        "id": _BIG,
        "account_id": _BIG,
        "market_id": _BIG,
        "client_list_id": _TEXT,
        "status": _SMALL,
        "above": _BIG,
        "below": _BIG,
        "created_ms": _BIG,
        "updated_ms": _BIG,
    },
)
LIST_CHANGES = Table("trading_orderlist", {"id": _BIG, "status": _SMALL, "updated_ms": _BIG})
TRADES = Table(
    "trading_trade",
    {
        "market_id": _BIG,
        "number": _BIG,
        "price": _BIG,
        "quantity": _BIG,
        "quote": _BIG,
        "buyer_is_maker": _BOOL,
        "buyer_id": _BIG,
        "seller_id": _BIG,
        "buyer_order": _BIG,
        "seller_order": _BIG,
        "buyer_fee": _BIG,
        "seller_fee": _BIG,
        "time_ms": _BIG,
    },
)
PREVENTED = Table(
    "trading_preventedmatch",
    {
        "market_id": _BIG,
        "number": _BIG,
        "account_id": _BIG,
        "taker_order": _BIG,
        "maker_order": _BIG,
        "mode": _SMALL,
        "price": _BIG,
        "taker_quantity": _BIG,
        "maker_quantity": _BIG,
        "time_ms": _BIG,
    },
)
POSTINGS = Table(
    "wallets_posting",
    {
        "sequence": _BIG,
        "debit": _BIG,
        "credit": _BIG,
        "asset_id": _BIG,
        "amount": _BIG,
        "reason": _SMALL,
        "reference": _TEXT,
        "time_ms": _BIG,
    },
)
BALANCES = Table("wallets_balance", {"owner": _BIG, "asset_id": _BIG, "balance": _BIG, "held": _BIG}, key=2)
HOLDS = Table("wallets_hold", {"reference": _TEXT, "account": _BIG, "asset_id": _BIG, "amount": _BIG, "state": _SMALL})
_OF_MARKETS = {"symbol": _TEXT, "status": _SMALL, "trailing_min": _INT, "trailing_max": _INT}
_OF_MARKETS |= {"maker_fee_ppm": _INT, "taker_fee_ppm": _INT}
_RENAMED = {"base": "base_id", "quote": "quote_id"}
MARKETS = Table(
    "trading_market",
    {_RENAMED.get(name, name): _OF_MARKETS.get(name, _BIG) for name in MarketSpec.__struct_fields__},
)
"""In the order of MarketSpec's fields: a row is a spec's values."""
COUNTERS = Table(
    "trading_marketstate",
    {"market_id": _BIG, "last_trade": _BIG, "last_update": _BIG, "last_price": _BIG, "last_prevented": _BIG},
)
TERMS = Table("trading_terms", {"account_id": _BIG, "maker_fee_ppm": _INT, "taker_fee_ppm": _INT, "stp": _SMALL})
OPERATOR_CHANGES = Table(
    "trading_operatorchange",
    {
        "reference": _TEXT,
        "kind": _TEXT,
        "subject": _BIG,
        "symbol": _TEXT,
        "actor": _TEXT,
        "note": _TEXT,
        "sequence": _BIG,
        "time_ms": _BIG,
        "before": _JSON,
        "after": _JSON,
    },
)

ORDER_NAMES = Table("trading_order", {"account_id": _BIG, "client_order_id": _TEXT, "id": _BIG}, key=2)
KNOWN_CHANGES = Table("trading_operatorchange", {"reference": _TEXT})
DONE_TRANSFERS = Table("wallets_posting", {"reference": _TEXT, "reason": _SMALL}, key=2)
