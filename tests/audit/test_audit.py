"""The audit finds each thing that can be wrong, names it, and stops withdrawals."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.utils import IntegrityError

from tests.audit.exchange import PAID, REFUSED, SENT, WAITING, Exchange
from wallets.ledger.audit import CHECKS, audit_run, check_database
from wallets.ledger.checks.check import notional
from wallets.models import Asset, Posting

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
HOLDS, NEEDED = "holds have a withdrawal", "withdrawals have the hold that they need"
STUCK = "what is held waits for a withdrawal"
SETTLED, WITHDRAWN = "settled withdrawals are posted", "withdrawal postings have a settled withdrawal"
CREDITED, DEPOSITED = "credited deposits are posted", "deposit postings have a deposit"
FEES_POSTED, FEES_CAUSED = "network fees are posted", "network fee postings have a transaction"
ONCE, OTHER = "postings are made once", "other postings are between the owners they are for"

A = "(SELECT id FROM accounts_user WHERE email = 'alice@example.com')"
B = "(SELECT id FROM accounts_user WHERE email = 'bob@example.com')"
BTC, ETH = (f"(SELECT id FROM wallets_asset WHERE code = '{code}')" for code in ("BTC", "ETH"))
M = "(SELECT id FROM trading_market)"
NEW_POSTING = (
    "INSERT INTO wallets_posting (sequence, debit, credit, asset_id, amount, reason, reference, time_ms) VALUES"
)

# What is broken, how, and every check that must find it: no other one may.
BROKEN = [
    ("a balance and its contra", "UPDATE wallets_balance SET balance = balance +"
     f" CASE owner WHEN {A} THEN 1 ELSE -1 END WHERE asset_id = {BTC} AND owner IN ({A}, {B})", {POSTED}),
    ("one balance alone", f"UPDATE wallets_balance SET balance = balance + 1 WHERE owner = {A} AND asset_id = {BTC}",
     {SUMS, POSTED}),
    ("a balance is gone", f"DELETE FROM wallets_balance WHERE owner = {B} AND asset_id = {BTC}", {SUMS, POSTED}),
    ("held too much", f"UPDATE wallets_balance SET held = held + 1 WHERE owner = {A} AND asset_id = {BTC}", {HELD}),
    ("an open order without funds", "UPDATE trading_order SET price = price + 1000 WHERE id = 3", {HELD}),
    ("overdrawn", f"UPDATE wallets_balance SET held = balance + 1 WHERE owner = {B} AND asset_id = {BTC}",
     {HELD, "nobody is overdrawn"}),
    ("a stranger's balance", f"INSERT INTO wallets_balance (owner, asset_id, balance, held) VALUES (999, {BTC}, 0, 0)",
     {"balances belong to somebody"}),
    ("the trade counter", "UPDATE trading_marketstate SET last_trade = 3", {"trades are numbered without a gap"}),
    ("a gap in trades", "UPDATE trading_trade SET number = 3 WHERE number = 2",
     {"trades are numbered without a gap", TRADED, TRADE_LEGS}),
    ("the order counter", "UPDATE trading_enginestate SET last_order = 7", {"orders are numbered without a gap"}),
    ("a lost order", "DELETE FROM trading_order WHERE id = 5", {"orders are numbered without a gap"}),
    ("executed too little", "UPDATE trading_order SET executed_quote = executed_quote - 1 WHERE id = 2", {EXECUTED}),
    ("filled but not", "UPDATE trading_order SET status = 3 WHERE id = 4", {STATUS}),
    ("a market order that waits", "UPDATE trading_order SET type = 2, status = 2, quantity = quantity + 100000"
     " WHERE id = 6", {STATUS, HELD, "books are not crossed"}),
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
    ("posted twice", f"{NEW_POSTING} (1, -1, {A}, {BTC}, 200000000, 5, (SELECT reference FROM wallets_posting"
     f" WHERE reason = 5 AND asset_id = {BTC}), 1)", {ONCE, POSTED}),
    ("from the future", "UPDATE wallets_posting SET sequence = 21 WHERE reason = 8",
     {"postings come from commands of the engine"}),
    ("a deposit that was not posted", f"UPDATE wallets_deposit SET amount = amount + 1 WHERE asset_id = {BTC}",
     {CREDITED, DEPOSITED}),
    ("a credited deposit that is orphaned", f"UPDATE wallets_deposit SET status = 'orphaned' WHERE asset_id = {BTC}",
     {DEPOSITED}),
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
    ("sent without a hold", f"UPDATE wallets_hold SET state = 3 WHERE reference = '{SENT.hex}'", {NEEDED, HELD}),
    ("paid without a hold", f"DELETE FROM wallets_hold WHERE reference = '{SENT.hex}'", {NEEDED, HELD}),
    ("confirmed without a hold", "UPDATE wallets_withdrawal SET status = 'confirmed', transaction_id ="
     " (SELECT transaction_id FROM wallets_withdrawal WHERE status = 'confirmed'), asset_id = asset_id"
     " WHERE status = 'requested'", {NEEDED, "withdrawals that were sent have a transaction"}),
    ("sent without a transaction", "UPDATE wallets_withdrawal SET transaction_id = NULL WHERE status = 'broadcast'",
     {"withdrawals that were sent have a transaction"}),
    ("a network fee of another amount",
     "UPDATE wallets_chaintransaction SET network_fee = 9 WHERE status = 'confirmed'", {FEES_POSTED, FEES_CAUSED}),
    ("a network fee of nothing", f"{NEW_POSTING} (1, -3, -1, {BTC}, 5, 8, 'network-fee:999', 1)",
     {FEES_CAUSED, POSTED}),
    ("an adjustment between users", f"{NEW_POSTING} (1, {A}, {B}, {BTC}, 5, 9, 'gift', 1)", {OTHER, POSTED}),
    ("a reason that does not exist", f"{NEW_POSTING} (1, -5, {B}, {BTC}, 5, 99, 'why', 1)", {OTHER, POSTED}),
]  # fmt: skip


def test_a_consistent_database_is_clean(exchange: Exchange) -> None:
    findings = check_database()

    assert [finding for finding in findings if not finding.has_passed] == []
    assert len(findings) == len(CHECKS)
    examined = {finding.name: finding.examined for finding in findings}
    assert examined[POSTED] == 9
    assert examined[TRADED] == 2
    assert examined[HOLDS] == 3


@pytest.mark.parametrize(("label", "statement", "expected"), BROKEN, ids=[row[0] for row in BROKEN])
def test_the_audit_names_exactly_what_is_wrong(
    unguarded: Exchange, label: str, statement: str, expected: set[str]
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.rowcount >= 1, label

    found = {finding.name for finding in check_database() if finding.differences}

    assert found == expected


def test_every_check_is_broken_by_a_row_above() -> None:
    covered = set().union(*(row[2] for row in BROKEN))

    assert covered == {check.name for check in CHECKS}


def test_what_is_in_flight_is_no_difference(unguarded: Exchange) -> None:
    # given: the engine has posted a deposit that the worker has not noted, and settled what is still "broadcast"
    with connection.cursor() as cursor:
        cursor.execute("UPDATE wallets_deposit SET status = 'confirming'")
        cursor.execute("UPDATE wallets_withdrawal SET status = 'broadcast' WHERE status = 'confirmed'")
        cursor.execute(
            "INSERT INTO wallets_hold (reference, account, asset_id, amount, state)"
            f" VALUES ('{WAITING.hex}', {A}, {BTC}, 20000, 4)"
        )

    findings = check_database()

    assert [finding.first for finding in findings if finding.differences] == []


def test_a_breach_stops_the_withdrawals_of_its_assets_only(unguarded: Exchange) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE wallets_balance SET held = held + 1 WHERE owner = {A} AND asset_id = {BTC}")

    report = audit_run(with_chains=False)

    assert report.stopped == ("BTC",)
    assert dict(Asset.objects.values_list("code", "withdrawals_open")) == {"BTC": False, "ETH": True}


def test_at_most_ten_differences_are_spelled_out_and_all_are_counted(unguarded: Exchange) -> None:
    with connection.cursor() as cursor:
        for number in range(25):
            cursor.execute(
                f"INSERT INTO wallets_balance (owner, asset_id, balance, held) VALUES ({1000 + number}, {BTC}, 0, 0)"
            )

    finding = next(found for found in check_database() if found.differences)

    assert finding.differences == 25
    assert len(finding.first) == 10
    assert finding.first[0].startswith("BTC nobody is account 1000")


def test_the_command_prints_a_line_per_check_and_ends_well(exchange: Exchange) -> None:
    out = StringIO()

    call_command("audit", "--no-chains", stdout=out)

    lines = out.getvalue().splitlines()
    assert len(lines) == len(CHECKS) + 1
    assert lines[1] == "ok     balances are the sum of their postings (9 balances)"
    assert lines[-1] == f"audit clean: {len(CHECKS)} checks"


def test_the_command_ends_with_an_error_and_says_what_it_stopped(unguarded: Exchange) -> None:
    out = StringIO()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE trading_marketstate SET last_trade = 3")

    with pytest.raises(CommandError, match=r"audit: 1 of \d+ checks found differences"):
        call_command("audit", "--no-chains", stdout=out)

    assert "WRONG  trades are numbered without a gap (2 trades, 1 differences)" in out.getvalue()
    assert "ETHBTC should have trades 1 to 3, and has 2 of them, from 1 to 2" in out.getvalue()
    assert "withdrawals of BTC, ETH are stopped until an operator opens them" in out.getvalue()


def test_the_command_speaks_json(unguarded: Exchange) -> None:
    out = StringIO()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE trading_enginestate SET last_order = 7")

    with pytest.raises(CommandError):
        call_command("audit", "--no-chains", "--json", stdout=out)

    answer = json.loads(out.getvalue())
    assert answer["clean"] is False
    assert answer["withdrawals_stopped"] == ["BTC", "ETH"]
    wrong = [check for check in answer["checks"] if check["status"] != "ok"]
    assert [(check["name"], check["differences"], check["examined"]) for check in wrong] == [
        ("orders are numbered without a gap", 1, 6)
    ]


def test_the_database_refuses_to_update_a_posting(exchange: Exchange) -> None:
    with pytest.raises(IntegrityError, match="never updated"):
        Posting.objects.filter(reason=5).update(amount=1)


def test_the_database_refuses_to_delete_a_posting(exchange: Exchange) -> None:
    with pytest.raises(IntegrityError, match="never deleted"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM wallets_posting")


@pytest.mark.parametrize(
    ("price", "quantity"),
    [(5_000_000, 100_000_000), (1_000, 100_000), (10**13, 10**12), (123_456_789_000, 9_876_500_000), (9, 0)],
)
def test_the_cost_in_sql_is_exact_where_the_product_leaves_64_bits(db: None, price: int, quantity: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {notional('p', 'q')} FROM (SELECT CAST({price} AS bigint) p, CAST({quantity} AS bigint) q) x"
        )
        assert cursor.fetchone()[0] == price * quantity // 10**8
