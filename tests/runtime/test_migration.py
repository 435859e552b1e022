"""Rows of before there were conditions, lists and self-trade prevention survive, and the engine goes on with them."""

import signal

from tests.runtime.conftest import EngineStack
from tests.runtime.processes import applied, start

_OLD_ROWS = (
    "INSERT INTO trading_order (id, account_id, market_id, client_order_id, side, type, time_in_force, status, price,"
    " quantity, quote_quantity, executed, executed_quote, created_ms, updated_ms) VALUES"
    " (1, USER, 1, 'rests', 2, 1, 1, 2, 5000000, 300000000, 0, 100000000, 5000000, 1, 2),"
    " (2, USER, 1, 'filled', 1, 1, 1, 3, 5000000, 100000000, 0, 100000000, 5000000, 2, 2)",
    "INSERT INTO trading_trade (id, market_id, number, price, quantity, quote, buyer_is_maker, buyer_id, seller_id,"
    " buyer_order, seller_order, buyer_fee, seller_fee, time_ms) VALUES"
    " (1, 1, 1, 5000000, 100000000, 5000000, FALSE, USER, USER, 2, 1, 200000, 5000, 2)",
    "INSERT INTO wallets_posting (id, sequence, debit, credit, asset_id, amount, reason, reference, time_ms) VALUES"
    " (1, 1, -5, USER, 1, 100000000, 9, 'a', 1), (2, 2, -5, USER, 2, 1000000000, 9, 'b', 1),"
    " (3, 3, USER, -2, 2, 200000, 3, '1:1', 2), (4, 3, USER, -2, 1, 5000, 4, '1:1', 2)",
    "INSERT INTO wallets_balance (owner, asset_id, balance, held) VALUES (USER, 1, 99995000, 0),"
    " (USER, 2, 999800000, 200000000), (-5, 1, -100000000, 0), (-5, 2, -1000000000, 0),"
    " (-2, 1, 5000, 0), (-2, 2, 200000, 0)",
    "UPDATE trading_marketstate SET last_trade = 1, last_update = 2",
    "UPDATE trading_enginestate SET sequence = 4, last_order = 2, batch = 3, time_ms = 2, last_execution = 3",
)


def test_what_was_there_before_is_carried_over(stack: EngineStack) -> None:
    [user] = stack.users(1)
    stack.manage("migrate", "trading", "0002")
    for statement in _OLD_ROWS:
        stack.execute(statement.replace("USER", str(user)))

    stack.manage("migrate")

    orders = "SELECT id, status, executed, prevented, stp FROM trading_order ORDER BY id"
    assert stack.rows(orders) == [(1, 2, 100_000_000, 0, 1), (2, 3, 100_000_000, 0, 1)]
    assert stack.rows("SELECT last_trade, last_price, last_prevented FROM trading_marketstate WHERE market_id = 1") == [
        (1, 5_000_000, 0)
    ]
    market = "SELECT algo_orders_max, iceberg_parts_max, position_max, trailing_max FROM trading_market WHERE id = 1"
    assert stack.rows(market) == [(200, 100, 0, 2_000)]
    engine = start(stack, "engine ready, epoch 1")
    stack.manage("replay")
    applied(stack, 5)
    audit = stack.manage("audit", "--json", "--no-chains", check=False)
    assert audit.returncode == 0, audit.stdout
    engine.send_signal(signal.SIGTERM)
    assert engine.wait(30) == 0
