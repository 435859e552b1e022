"""The audit finds each thing that can be wrong, names it, and stops withdrawals."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.utils import IntegrityError

from tests.audit.broken import BROKEN, BTC, HOLDS, POSTED, TRADED, A
from tests.audit.exchange import WAITING, Exchange
from wallets.control.switch import withdrawals_halted
from wallets.ledger.audit import CHECKS, audit_run, check_database
from wallets.ledger.checks.check import notional
from wallets.models import Asset, Posting, WithdrawalSwitch


def test_a_consistent_database_is_clean(exchange: Exchange) -> None:
    findings = check_database()

    assert [finding for finding in findings if not finding.has_passed] == []
    assert len(findings) == len(CHECKS)
    examined = {finding.name: finding.examined for finding in findings}
    assert examined[POSTED] == 10
    assert examined[TRADED] == 2
    assert examined[HOLDS] == 9


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


def test_a_contradiction_that_operators_have_decided_about_is_no_difference(unguarded: Exchange) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE wallets_chaintransaction SET contradicted_at = created_at, contradiction_note = 'made good'"
            " WHERE txid = 'mined three times'"
        )

    assert [finding.first for finding in check_database() if finding.differences] == []


def test_a_breach_stops_the_withdrawals_of_its_assets_only(unguarded: Exchange) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE wallets_balance SET held = held + 1 WHERE owner = {A} AND asset_id = {BTC}")

    report = audit_run(with_chains=False)

    assert report.stopped == ("BTC",)
    assert dict(Asset.objects.values_list("code", "withdrawals_open")) == {
        "BTC": False,
        "ETH": True,
        "USDT": True,
    }
    assert Asset.objects.get(code="BTC").closed_because == (
        "the audit found a breach: held is what open orders and withdrawals need"
    )
    assert withdrawals_halted(Asset.objects.get(code="ETH")) == ""


def test_a_breach_that_may_concern_any_asset_halts_everything(unguarded: Exchange) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE trading_enginestate SET last_order = 17")

    audit_run(with_chains=False)

    assert WithdrawalSwitch.objects.get().because == ("the audit found a breach: orders are numbered without a gap")
    assert withdrawals_halted(Asset.objects.get(code="ETH")) != ""


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
    assert lines[1] == "ok     balances are the sum of their postings (10 balances)"
    assert lines[-1] == f"audit clean: {len(CHECKS)} checks"


def test_the_command_ends_with_an_error_and_says_what_it_stopped(unguarded: Exchange) -> None:
    out = StringIO()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE trading_marketstate SET last_prevented = 2 WHERE last_trade = 2")

    with pytest.raises(CommandError, match=r"audit: 1 of \d+ checks found differences"):
        call_command("audit", "--no-chains", stdout=out)

    assert "WRONG  prevented matches are numbered without a gap (1 prevented matches, 1 diff" in out.getvalue()
    assert "ETHBTC should have prevented matches 1 to 2, and has 1 of them, from 1 to 1" in out.getvalue()
    assert "withdrawals of BTC, ETH are stopped until an operator opens them" in out.getvalue()


def test_the_command_speaks_json(unguarded: Exchange) -> None:
    out = StringIO()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE trading_enginestate SET last_order = 17")

    with pytest.raises(CommandError):
        call_command("audit", "--no-chains", "--json", stdout=out)

    answer = json.loads(out.getvalue())
    assert answer["clean"] is False
    assert answer["withdrawals_stopped"] == ["BTC", "ETH", "USDT"]
    wrong = [check for check in answer["checks"] if check["status"] != "ok"]
    assert [(check["name"], check["differences"], check["examined"]) for check in wrong] == [
        ("orders are numbered without a gap", 1, 16)
    ]


def test_the_database_refuses_to_update_a_posting(exchange: Exchange) -> None:
    with pytest.raises(IntegrityError, match="never updated"):
        Posting.objects.filter(reason=5).update(amount=1)


@pytest.mark.parametrize(
    "statement", ["UPDATE trading_operatorchange SET note = ''", "DELETE FROM trading_operatorchange"]
)
def test_the_database_refuses_to_change_what_an_operator_did(exchange: Exchange, statement: str) -> None:
    with pytest.raises(IntegrityError, match="is never"), connection.cursor() as cursor:
        cursor.execute(statement)


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
