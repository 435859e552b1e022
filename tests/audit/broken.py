"""What can be wrong in the small exchange, how it is made wrong, and every check that must find it."""

import uuid

from tests.audit.consents import AGREED, CANCELLED, ENDING, UNCONFIRMED, UNDECIDED
from tests.audit.exchange import PAID, REFUSED, SENT

SUMS, POSTED, HELD = (
    "each asset sums to zero",
    "balances are the sum of their postings",
    "held is what open orders and withdrawals need",
)
FIT, PRICED = "trades fit their orders", "trades cost price times quantity"
TRADED, TRADE_LEGS, EXECUTED = (
    "trades are posted",
    "trade postings have a trade",
    "orders executed what their trades say",
)
STATUS = "orders are in a status that fits them"
CONDITIONS, LAST_PRICE = "orders have the conditions that they need", "the last price is that of the last trade"
LISTED, MATCHED = "order lists fit their orders", "prevented matches fit their orders"
LOST = "orders lost what their prevented matches say"
MARKETS, TERMS = "markets are as operators left them", "terms are as operators left them"
HOLDS, NEEDED = "holds have a withdrawal", "withdrawals have the hold that they need"
STUCK = "what is held waits for a withdrawal"
SETTLED, WITHDRAWN = "settled withdrawals are posted", "withdrawal postings have a settled withdrawal"
CREDITED, DEPOSITED = "credited deposits are posted", "deposit postings have a deposit"
STATES, LATE = "deposits are in a state that there is", "lost deposits are taken back"
TAKEN_BACK, CAUSED = "deposits that were taken back are posted so", "reversals take back a deposit that was lost"
BESIDE = "losses stand beside what was taken back"
CAME_BACK = "deposits that come back give back what they cost"
GIVEN_BACK = "what is given back to the losses is of a deposit that came back"
OUTCOME = "settled transactions have the outcome that they were settled for"
FEES_POSTED, FEES_CAUSED = "network fees are posted", "network fee postings have a transaction"
TO_COLD, COLD_CAUSED = "cold transfers are posted", "cold postings have a transfer"
COLD_BACK = "no more comes back from cold addresses than went there"
MAILED, APPROVED = "withdrawals are confirmed before they are paid", "withdrawals are approved of before they are paid"
DECIDED, ENDS = "decisions are about withdrawals of others", "withdrawals end as they were to"
ONCE, OTHER = "postings are made once", "other postings are between the owners they are for"

A = "(SELECT id FROM accounts_user WHERE email = 'alice@example.com')"
B = "(SELECT id FROM accounts_user WHERE email = 'bob@example.com')"
BTC, ETH = (f"(SELECT id FROM wallets_asset WHERE code = '{code}')" for code in ("BTC", "ETH"))
M = "(SELECT id FROM trading_market WHERE symbol = 'ETHBTC')"
NEW_POSTING = (
    "INSERT INTO wallets_posting (sequence, debit, credit, asset_id, amount, reason, reference, time_ms) VALUES"
)


def is_row(name: uuid.UUID) -> str:
    """Return the condition that a withdrawal is this one, however the database keeps a UUID."""
    return f"REPLACE(CAST(id AS varchar), '-', '') = '{name.hex}'"


# What is broken, how, and every check that must find it: no other one may.
BROKEN = [
    ("a balance and its contra", "UPDATE wallets_balance SET balance = balance +"
     f" CASE owner WHEN {A} THEN 1 ELSE -1 END WHERE asset_id = {BTC} AND owner IN ({A}, {B})", {POSTED}),
    ("one balance alone", f"UPDATE wallets_balance SET balance = balance + 1 WHERE owner = {A} AND asset_id = {BTC}",
     {SUMS, POSTED}),
    ("a balance is gone", f"DELETE FROM wallets_balance WHERE owner = {B} AND asset_id = {BTC}", {SUMS, POSTED}),
    ("held too much", f"UPDATE wallets_balance SET held = held + 1 WHERE owner = {A} AND asset_id = {BTC}", {HELD}),
    ("an open order without funds", "UPDATE trading_order SET quantity = quantity + 1000 WHERE id = 15", {HELD}),
    ("a stop that was not rounded up", f"UPDATE wallets_balance SET held = held - 1 WHERE owner = {A} AND held > 0",
     {HELD}),
    ("a stop at another hold price", "UPDATE trading_ordercondition SET hold_price = 5050000 WHERE order_id = 8",
     {HELD}),
    ("a list that holds twice", "UPDATE trading_orderlist SET status = 2 WHERE id = 1", {HELD, LISTED}),
    ("a list that holds for the cheaper one", f"UPDATE wallets_balance SET held = held - 1800000 WHERE owner = {A}"
     f" AND asset_id = {BTC}", {HELD}),
    ("a prevented part that is still held", "UPDATE trading_order SET prevented = 0 WHERE id = 3", {HELD, LOST}),
    ("overdrawn", f"UPDATE wallets_balance SET held = balance + 1 WHERE owner = {B} AND asset_id = {BTC}",
     {HELD, "nobody is overdrawn"}),
    ("a stranger's balance", f"INSERT INTO wallets_balance (owner, asset_id, balance, held) VALUES (999, {BTC}, 0, 0)",
     {"balances belong to somebody"}),
    ("the trade counter", "UPDATE trading_marketstate SET last_trade = 3 WHERE last_trade = 2",
     {"trades are numbered without a gap", LAST_PRICE}),
    ("the last price", "UPDATE trading_marketstate SET last_price = 1 WHERE last_trade = 2", {LAST_PRICE}),
    ("a price without a trade", "UPDATE trading_marketstate SET last_price = 1 WHERE last_trade = 0", {LAST_PRICE}),
    ("a gap in trades", "UPDATE trading_trade SET number = 3 WHERE number = 2",
     {"trades are numbered without a gap", TRADED, TRADE_LEGS, LAST_PRICE}),
    ("the order counter", "UPDATE trading_enginestate SET last_order = 17", {"orders are numbered without a gap"}),
    ("a lost order", "DELETE FROM trading_order WHERE id = 5", {"orders are numbered without a gap"}),
    ("executed too little", "UPDATE trading_order SET executed_quote = executed_quote - 1 WHERE id = 2", {EXECUTED}),
    ("filled but not", "UPDATE trading_order SET status = 3 WHERE id = 4", {STATUS}),
    ("a market order that waits", "UPDATE trading_order SET type = 2, status = 2, quantity = quantity + 100000"
     " WHERE id = 6", {STATUS, HELD, "books are not crossed"}),
    ("an order that waits and rests", "UPDATE trading_ordercondition SET state = 0, working_ms = 1"
     " WHERE order_id = 10", {STATUS, "books are not crossed"}),
    ("expired without a reason", "UPDATE trading_ordercondition SET list_id = 0 WHERE order_id = 13",
     {STATUS, CONDITIONS, LISTED}),
    ("expired in a match that there was not", "UPDATE trading_order SET status = 6 WHERE id = 5", {STATUS}),
    ("filled by prevention", "UPDATE trading_order SET status = 3 WHERE id = 16", {STATUS}),
    ("a stop without a condition", "DELETE FROM trading_ordercondition WHERE order_id = 7",
     {CONDITIONS, "books are not crossed"}),
    ("a condition without an order", "UPDATE trading_ordercondition SET order_id = 99, rank_after = 99"
     " WHERE order_id = 15", {CONDITIONS}),
    ("a condition of a plain order", "UPDATE trading_ordercondition SET iceberg_quantity = 0 WHERE order_id = 15",
     {CONDITIONS}),
    ("an order that waits for nothing", "UPDATE trading_ordercondition SET stop_price = 0 WHERE order_id = 7",
     {CONDITIONS}),
    ("an order that follows nothing", "UPDATE trading_ordercondition SET trail_from = 0 WHERE order_id = 8",
     {CONDITIONS}),
    ("a place before its time", "UPDATE trading_ordercondition SET rank_after = 14 WHERE order_id = 15",
     {CONDITIONS}),
    ("a place that was never given", "UPDATE trading_ordercondition SET rank_number = 21 WHERE order_id = 15",
     {CONDITIONS}),
    ("two orders at one place", "UPDATE trading_ordercondition SET rank_after = 15, rank_number = 15"
     " WHERE order_id = 14", {"no two orders stand at one place"}),
    ("unknown status", "UPDATE trading_order SET status = 9 WHERE id = 5", {STATUS}),
    ("a crossed book", "UPDATE trading_order SET price = 4000000 WHERE id = 1", {"books are not crossed", FIT}),
    ("someone else's order", "UPDATE trading_trade SET buyer_order = 3 WHERE number = 2", {EXECUTED, FIT}),
    ("a trade above the buyer's limit", "UPDATE trading_order SET price = 4999000 WHERE id = 6", {FIT}),
    ("a wrong cost", "UPDATE trading_trade SET quote = quote + 1 WHERE number = 1",
     {PRICED, EXECUTED, TRADED, TRADE_LEGS}),
    ("a fee above the whole", "UPDATE trading_trade SET buyer_fee = quantity + 1 WHERE number = 2",
     {PRICED, TRADED, TRADE_LEGS}),
    ("a trade leg is gone", "DELETE FROM wallets_posting WHERE reason = 1", {TRADED, POSTED}),
    ("a trade leg of nothing", f"{NEW_POSTING} (1, {A}, {B}, {BTC}, 5, 2, '1:77', 1)", {TRADE_LEGS, POSTED}),
    ("the list counter", "UPDATE trading_enginestate SET last_list = 4", {"order lists are numbered without a gap"}),
    ("a lost list", "DELETE FROM trading_orderlist WHERE id = 3",
     {"order lists are numbered without a gap", "orders are in lists that exist"}),
    ("a list of someone else's order", "UPDATE trading_orderlist SET below = 7 WHERE id = 1",
     {LISTED, "orders are in lists that exist"}),
    ("a list with orders of two sizes", "UPDATE trading_order SET quantity = quantity - 100000 WHERE id = 10",
     {LISTED}),
    ("a list that is done, with both orders open", "UPDATE trading_order SET status = 1 WHERE id = 13",
     {LISTED, HELD}),
    ("the counter of prevented matches", "UPDATE trading_marketstate SET last_prevented = 2 WHERE last_trade = 2",
     {"prevented matches are numbered without a gap"}),
    ("a lost prevented match", "DELETE FROM trading_preventedmatch",
     {"prevented matches are numbered without a gap", LOST}),
    ("prevented from another quantity", "UPDATE trading_preventedmatch SET maker_quantity = maker_quantity - 1",
     {MATCHED, LOST}),
    ("prevented by another mode", "UPDATE trading_preventedmatch SET mode = 3", {MATCHED}),
    ("prevented between two accounts", f"UPDATE trading_preventedmatch SET account_id = {B}", {MATCHED}),
    ("prevented at another price", "UPDATE trading_preventedmatch SET price = price - 1000", {MATCHED}),
    ("rules that nobody gave", f"UPDATE trading_market SET taker_fee_ppm = 1 WHERE id = {M}", {MARKETS}),
    ("rules that contradict each other", f"UPDATE trading_market SET price_min = price_max + 1000 WHERE id = {M}",
     {MARKETS, "markets have rules that can be kept"}),
    ("a market of an asset that is not there", "UPDATE trading_market SET base_id = 99 WHERE symbol = 'BTCUSDT'",
     {"markets have rules that can be kept"}),
    ("a change in between that is gone", "UPDATE trading_operatorchange SET subject = 99 WHERE reference = 'change-2'",
     {MARKETS}),
    ("terms that nobody gave", f"INSERT INTO trading_terms (account_id, maker_fee_ppm, taker_fee_ppm, stp)"
     f" VALUES ({B}, 0, 0, 0)", {TERMS}),
    ("terms that are gone", "DELETE FROM trading_terms", {TERMS}),
    ("other terms", "UPDATE trading_terms SET stp = 1", {TERMS}),
    ("a change from the future", "UPDATE trading_operatorchange SET sequence = 21 WHERE reference = 'change-3'",
     {"changes of operators come from commands of the engine"}),
    ("posted twice", f"{NEW_POSTING} (1, -1, {A}, {BTC}, 200000000, 5, (SELECT reference FROM wallets_posting"
     f" WHERE reason = 5 AND asset_id = {BTC} AND amount = 200000000), 1)", {ONCE, POSTED}),
    ("from the future", "UPDATE wallets_posting SET sequence = 21 WHERE reason = 8",
     {"postings come from commands of the engine"}),
    ("a deposit that was not posted", f"UPDATE wallets_deposit SET amount = amount + 1 WHERE asset_id = {BTC}"
     " AND status = 'credited'", {CREDITED, DEPOSITED}),
    ("a credited deposit that is orphaned", f"UPDATE wallets_deposit SET status = 'orphaned' WHERE asset_id = {BTC}"
     " AND status = 'credited'", {DEPOSITED, STATES}),
    ("a credit that nobody handed over", f"UPDATE wallets_deposit SET status = 'confirming', credited_at = NULL"
     f" WHERE asset_id = {BTC} AND status = 'credited'", {DEPOSITED}),
    ("a credited deposit that is collecting", f"UPDATE wallets_deposit SET status = 'collecting' WHERE asset_id = {BTC}"
     " AND status = 'credited'", {DEPOSITED, STATES}),
    ("a lost deposit that nobody takes back", "UPDATE wallets_chaincursor SET height = 114", {LATE}),
    ("taken back but once", "UPDATE wallets_deposit SET reversals = 1 WHERE reversals = 2", {CAUSED}),
    ("taken back too often", "UPDATE wallets_deposit SET reversals = 3 WHERE reversals = 2", {TAKEN_BACK}),
    ("taken back but there", "UPDATE wallets_deposit SET status = 'credited', credited_at = seen_at"
     " WHERE reversals = 2", {CREDITED}),
    ("a reversal is gone", "DELETE FROM wallets_posting WHERE reason = 11 AND reference LIKE '%:1'",
     {TAKEN_BACK, DEPOSITED, POSTED}),
    ("a reversal of another amount", "UPDATE wallets_posting SET amount = amount + 1 WHERE reason = 11"
     " AND reference LIKE '%:1'", {CAUSED, DEPOSITED, POSTED}),
    ("a reversal of nothing", f"{NEW_POSTING} (1, {A}, -1, {BTC}, 5, 11, 'deposit:999', 1)", {CAUSED, POSTED}),
    ("a reversal of what is credited", f"{NEW_POSTING} (1, {A}, -1, {BTC}, 200000000, 11, (SELECT reference FROM"
     f" wallets_posting WHERE reason = 5 AND asset_id = {BTC} AND amount = 200000000), 1)", {CAUSED, POSTED}),
    ("a loss of nothing", f"{NEW_POSTING} (1, -6, {A}, {BTC}, 5, 12, 'deposit:999', 1)", {BESIDE, POSTED}),
    ("a loss that is larger than what was taken back", f"{NEW_POSTING} (1, -6, {B}, {ETH}, 70001, 12, (SELECT reference"
     " FROM wallets_posting WHERE reason = 11 AND reference LIKE '%:1'), 1)", {BESIDE, POSTED}),
    ("a reversal between the wrong accounts", f"{NEW_POSTING} (1, -1, {A}, {BTC}, 5, 11, 'deposit:999', 1)",
     {CAUSED, OTHER, POSTED}),
    ("a deposit that came back and gave nothing back", "DELETE FROM wallets_posting WHERE reason = 14",
     {CAME_BACK, POSTED}),
    ("a deposit that came back and gave too much back", "UPDATE wallets_posting SET amount = amount + 1"
     " WHERE reason = 14", {CAME_BACK, POSTED}),
    ("given back for nothing", f"{NEW_POSTING} (1, {A}, -6, {BTC}, 5, 14, 'deposit:999', 1)", {GIVEN_BACK, POSTED}),
    ("given back to the wrong account", f"{NEW_POSTING} (1, {A}, -5, {BTC}, 5, 14, 'deposit:999', 1)",
     {GIVEN_BACK, OTHER, POSTED}),
    ("a loss of the wrong account", f"{NEW_POSTING} (1, -5, {A}, {BTC}, 5, 12, 'deposit:999', 1)",
     {BESIDE, OTHER, POSTED}),
    ("coins to the cold address from a user", f"{NEW_POSTING} (1, {A}, -1, {BTC}, 5, 13, 'cold:1', 1)",
     {COLD_CAUSED, OTHER, POSTED}),
    ("a cold transfer that was not posted", "DELETE FROM wallets_posting WHERE reference LIKE 'cold:%'",
     {TO_COLD, POSTED}),
    ("a cold transfer of another amount", "UPDATE wallets_chaintransaction SET amount = amount + 1"
     " WHERE kind = 'cold' AND status = 'confirmed'", {TO_COLD, COLD_CAUSED}),
    ("a cold transfer that failed", "UPDATE wallets_chaintransaction SET status = 'failed'"
     " WHERE kind = 'cold' AND status = 'confirmed'", {COLD_CAUSED}),
    ("a cold transfer of another asset", f"UPDATE wallets_chaintransaction SET asset_id = {ETH}"
     " WHERE kind = 'cold' AND status = 'confirmed'", {TO_COLD, COLD_CAUSED}),
    ("a payment without effect", "UPDATE wallets_chaintransaction SET contradicted_at = created_at"
     " WHERE txid = 'mined three times'", {OUTCOME}),
    ("a decision about what is not so any more", "UPDATE wallets_chaintransaction SET contradiction_note = 'given back'"
     " WHERE txid = 'mined three times'", {OUTCOME}),
    ("coins to a cold address by nobody", f"{NEW_POSTING} (1, -7, -1, {BTC}, 5, 13, 'cold:999', 1)",
     {COLD_CAUSED, POSTED}),
    ("coins back by another name", "UPDATE wallets_posting SET reference = 'back' WHERE reference LIKE 'cold-return:%'",
     {COLD_CAUSED}),
    ("coins back that went there", "UPDATE wallets_posting SET debit = -7, credit = -1"
     " WHERE reference LIKE 'cold-return:%'", {COLD_CAUSED, POSTED}),
    ("more back than went there", f"UPDATE wallets_balance SET balance = balance + CASE owner WHEN -7 THEN 40000000"
     f" ELSE -40000000 END WHERE asset_id = {BTC} AND owner IN (-7, -1)", {COLD_BACK, POSTED}),
    ("cold coins of a fee account", "UPDATE wallets_posting SET credit = -2 WHERE reference LIKE 'cold:%'",
     {TO_COLD, COLD_CAUSED, OTHER, POSTED}),
    ("a deposit out of nowhere", f"{NEW_POSTING} (1, -1, {A}, {BTC}, 5, 5, 'deposit:999', 1)", {DEPOSITED, POSTED}),
    ("a settled hold, not posted", "DELETE FROM wallets_posting WHERE reason = 7", {SETTLED, POSTED}),
    ("a withdrawal out of nowhere", f"{NEW_POSTING} (1, {A}, -1, {BTC}, 5, 6, 'unheard of', 1)", {WITHDRAWN, POSTED}),
    ("a hold of nobody", f"INSERT INTO wallets_hold (reference, account, asset_id, amount, state)"
     f" VALUES ('unheard of', {A}, {BTC}, 5, 3)", {HOLDS}),
    ("a hold of another amount", f"UPDATE wallets_hold SET amount = amount + 1 WHERE reference = '{REFUSED.hex}'",
     {HOLDS}),
    ("confirmed but held", f"UPDATE wallets_hold SET state = 1 WHERE reference = '{PAID.hex}'",
     {STUCK, HELD, WITHDRAWN}),
    ("rejected but held", "UPDATE wallets_withdrawal SET status = 'rejected', transaction_id = NULL"
     " WHERE address = 'outside' AND status = 'broadcast'", {STUCK}),
    ("waits for a mail without a hold", "UPDATE wallets_hold SET state = 3 WHERE reference = "
     f"'{UNCONFIRMED.hex}'", {NEEDED, HELD}),
    ("waits for an operator without a hold", f"UPDATE wallets_hold SET state = 3 WHERE reference = '{UNDECIDED.hex}'",
     {NEEDED, HELD}),
    ("waits to be sent without a hold", f"UPDATE wallets_hold SET state = 3 WHERE reference = '{AGREED.hex}'",
     {NEEDED, HELD}),
    ("being given back but paid", f"UPDATE wallets_hold SET state = 2 WHERE reference = '{ENDING.hex}'",
     {NEEDED, HELD, SETTLED}),
    ("cancelled but paid", f"UPDATE wallets_hold SET state = 2 WHERE reference = '{CANCELLED.hex}'",
     {NEEDED, SETTLED}),
    ("cancelled but held", f"UPDATE wallets_hold SET state = 1 WHERE reference = '{CANCELLED.hex}'", {STUCK, HELD}),
    ("cancelled before the ledger knew of it", f"DELETE FROM wallets_hold WHERE reference = '{CANCELLED.hex}'",
     {NEEDED}),
    ("payable without a confirmation", f"UPDATE wallets_withdrawal SET status = 'approval', email_confirmed_at = NULL,"
     f" transaction_id = (SELECT MIN(id) FROM wallets_chaintransaction) WHERE {is_row(AGREED)}", {MAILED}),
    ("waiting to be sent without a confirmation", "UPDATE wallets_withdrawal SET email_confirmed_at = NULL"
     f" WHERE {is_row(AGREED)}", {MAILED}),
    ("paid without a confirmation", "UPDATE wallets_withdrawal SET needs_email = TRUE WHERE status = 'confirmed'",
     {MAILED}),
    ("paid without an approval", "UPDATE wallets_withdrawal SET needs_approval = TRUE WHERE status = 'confirmed'",
     {APPROVED}),
    ("waiting to be sent without an approval", "DELETE FROM wallets_withdrawaldecision WHERE approves", {APPROVED}),
    ("waiting to be sent although it was rejected", "UPDATE wallets_withdrawaldecision SET approves = FALSE"
     " WHERE approves", {APPROVED}),
    ("approved of by its owner", f"UPDATE wallets_withdrawaldecision SET operator_id = {A} WHERE approves",
     {APPROVED, DECIDED}),
    ("approved of what needed none", f"UPDATE wallets_withdrawal SET needs_approval = FALSE WHERE {is_row(AGREED)}",
     {DECIDED}),
    ("ending as nothing", f"UPDATE wallets_withdrawal SET ends_as = '' WHERE {is_row(ENDING)}", {ENDS}),
    ("ending although it is signed", "UPDATE wallets_withdrawal SET transaction_id ="
     f" (SELECT MIN(id) FROM wallets_chaintransaction) WHERE {is_row(ENDING)}", {ENDS}),
    ("cancelled as rejected", f"UPDATE wallets_withdrawal SET ends_as = 'rejected' WHERE {is_row(CANCELLED)}", {ENDS}),
    ("sent although it was to end", "UPDATE wallets_withdrawal SET ends_as = 'cancelled' WHERE status = 'broadcast'",
     {ENDS}),
    ("sent without a hold", f"UPDATE wallets_hold SET state = 3 WHERE reference = '{SENT.hex}'", {NEEDED, HELD}),
    ("paid without a hold", f"DELETE FROM wallets_hold WHERE reference = '{SENT.hex}'", {NEEDED, HELD}),
    ("confirmed without a hold", "UPDATE wallets_withdrawal SET status = 'confirmed', transaction_id ="
     " (SELECT transaction_id FROM wallets_withdrawal WHERE status = 'confirmed'), asset_id = asset_id"
     " WHERE status = 'requested'", {NEEDED, "withdrawals that were sent have a transaction"}),
    ("sent without a transaction", "UPDATE wallets_withdrawal SET transaction_id = NULL WHERE status = 'broadcast'",
     {"withdrawals that were sent have a transaction"}),
    ("a network fee of another amount",
     "UPDATE wallets_chaintransaction SET network_fee = 9 WHERE status = 'confirmed'", {FEES_POSTED, FEES_CAUSED}),
    ("a correction of another amount", "UPDATE wallets_feecorrection SET amount = amount + 1 WHERE number = 2",
     {FEES_POSTED, FEES_CAUSED}),
    ("a correction the other way", "UPDATE wallets_feecorrection SET amount = -amount WHERE amount < 0",
     {FEES_POSTED, FEES_CAUSED}),
    ("a correction of nothing", "DELETE FROM wallets_feecorrection WHERE number = 2", {FEES_CAUSED}),
    ("a correction that was forgotten", "UPDATE wallets_chaintransaction SET fee_in_doubt = FALSE", {FEES_POSTED}),
    ("a network fee of nothing", f"{NEW_POSTING} (1, -3, -1, {BTC}, 5, 8, 'network-fee:999', 1)",
     {FEES_CAUSED, POSTED}),
    ("an adjustment between users", f"{NEW_POSTING} (1, {A}, {B}, {BTC}, 5, 9, 'gift', 1)", {OTHER, POSTED}),
    ("a reason that does not exist", f"{NEW_POSTING} (1, -5, {B}, {BTC}, 5, 99, 'why', 1)", {OTHER, POSTED}),
]  # fmt: skip
