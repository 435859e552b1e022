"""Balances: they sum to zero, they are what was posted, and what is held is what is needed."""

from trading.engine.enums import HoldState, ListStatus, Side
from wallets.ledger.checks.check import CONDITIONED, OPEN, REST, SYSTEM_OWNERS, Check, count, notional_up

_SIDES = (
    "SELECT credit AS owner, asset_id, amount FROM wallets_posting"
    " UNION ALL SELECT debit, asset_id, -amount FROM wallets_posting"
)
_IS_BUY = f"o.side = {int(Side.BUY)}"
_PRICE = "(CASE WHEN o.price > 0 THEN o.price ELSE COALESCE(c.hold_price, 0) END)"
# An order of an open list holds together with the other one: what the dearer of the two needs.
_ORDERS = (
    f"SELECT o.account_id AS owner, CASE WHEN {_IS_BUY} THEN m.quote_id ELSE m.base_id END AS asset_id,"
    f" CASE WHEN {_IS_BUY} THEN {notional_up(_PRICE, REST)} ELSE {REST} END AS needed,"
    " COALESCE(l.id, -o.id) AS group_id"
    f" FROM {CONDITIONED} JOIN trading_market m ON m.id = o.market_id"
    f" LEFT JOIN trading_orderlist l ON l.id = c.list_id AND l.status = {int(ListStatus.EXECUTING)} WHERE o.{OPEN}"
)
_NEEDS = (
    f"SELECT owner, asset_id, 0 AS kept, MAX(needed) AS needed FROM ({_ORDERS}) AS orders"
    " GROUP BY owner, asset_id, group_id"
    f" UNION ALL SELECT account, asset_id, 0, amount FROM wallets_hold WHERE state = {int(HoldState.HELD)}"
)

CHECKS = (
    Check(
        name="each asset sums to zero",
        noun="assets",
        examined=count("wallets_asset"),
        differences="SELECT asset_id, SUM(balance) FROM wallets_balance GROUP BY asset_id HAVING SUM(balance) <> 0",
        says="all balances together are {0} units",
    ),
    Check(
        name="balances are the sum of their postings",
        noun="balances",
        examined=count("wallets_balance"),
        differences=(
            "SELECT asset_id, owner, SUM(kept), SUM(posted) FROM ("
            "SELECT owner, asset_id, balance AS kept, 0 AS posted FROM wallets_balance"
            f" UNION ALL SELECT owner, asset_id, 0, amount FROM ({_SIDES}) AS sides"
            ") AS both_sides GROUP BY owner, asset_id HAVING SUM(kept) <> SUM(posted) ORDER BY owner"
        ),
        says="account {0} has {1} units, its postings say {2}",
    ),
    Check(
        name="held is what open orders and withdrawals need",
        noun="balances",
        examined=count("wallets_balance"),
        differences=(
            "SELECT asset_id, owner, SUM(kept), SUM(needed) FROM ("
            f"SELECT owner, asset_id, held AS kept, 0 AS needed FROM wallets_balance UNION ALL {_NEEDS}"
            ") AS both_sides GROUP BY owner, asset_id HAVING SUM(kept) <> SUM(needed) ORDER BY owner"
        ),
        says="account {0} has {1} units held, its orders and withdrawals need {2}",
    ),
    Check(
        name="nobody is overdrawn",
        noun="balances",
        examined=count("wallets_balance"),
        differences=(
            "SELECT asset_id, owner, balance, held FROM wallets_balance"
            " WHERE (owner > 0 AND (held < 0 OR balance < held)) OR (owner <= 0 AND held <> 0) ORDER BY owner"
        ),
        says="account {0} has {1} units, {2} of them held",
    ),
    Check(
        name="balances belong to somebody",
        noun="balances",
        examined=count("wallets_balance"),
        differences=(
            "SELECT CASE WHEN asset_id IN (SELECT id FROM wallets_asset) THEN asset_id END, owner, asset_id, balance"
            f" FROM wallets_balance WHERE asset_id NOT IN (SELECT id FROM wallets_asset)"
            f" OR (owner NOT IN {SYSTEM_OWNERS} AND owner NOT IN (SELECT id FROM accounts_user)) ORDER BY owner"
        ),
        says="nobody is account {0}, or nothing is asset {1}: {2} units",
    ),
)
