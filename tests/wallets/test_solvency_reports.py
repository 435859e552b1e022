"""Reports of solvency: taken as of one commit, published for ever, proofs that stand alone and cannot be forged."""

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.utils import IntegrityError
from pytest_django.fixtures import Settings

from accounts.models import User
from mex.limits import SOLVENCY_PROOFS_KEPT
from trading.models import EngineState
from wallets.models import Asset, Balance, SolvencyAddress, SolvencyAsset, SolvencyLeaves, SolvencyReport
from wallets.solvency import reports
from wallets.solvency.proofs import AssetLine, latest_report, lines_of, proof_of
from wallets.solvency.reports import is_report_due, report_take
from wallets.solvency.tree import PIECES_OF_ALL

SCRIPT = Path(__file__).parent.parent.parent / "script/verify_inclusion"
COIN = 10**8


@pytest.fixture
def people(db: None, settings: Settings) -> list[User]:
    """Three users, of whom the first two own something, while no node answers."""
    settings.BITCOIN_RPC_URL = "http://mex:mex@127.0.0.1:9"
    settings.ETHEREUM_RPC_URL = "http://127.0.0.1:9"
    users = [User.objects.create(email=f"{name}@example.com") for name in ("ann", "ben", "cat")]
    btc, eth = Asset.objects.get(code="BTC"), Asset.objects.get(code="ETH")
    Balance.objects.create(owner=users[0].pk, asset=btc, balance=3 * COIN, held=COIN)
    Balance.objects.create(owner=users[0].pk, asset=eth, balance=7, held=0)
    Balance.objects.create(owner=users[1].pk, asset=btc, balance=COIN // 2, held=0)
    Balance.objects.create(owner=-1, asset=btc, balance=-4 * COIN, held=0)
    Balance.objects.create(owner=-2, asset=btc, balance=COIN // 2, held=0)
    EngineState.objects.update(sequence=1234)
    return users


def run(tmp_path: Path, proof: object, *root: str) -> subprocess.CompletedProcess[str]:
    """Run the script as anybody would: isolated from the project, with what a Python brings along."""
    file = tmp_path / "proof.json"
    file.write_text(proof if isinstance(proof, str) else json.dumps(proof))
    return subprocess.run(
        [sys.executable, "-I", "-S", str(SCRIPT), str(file), *root], capture_output=True, text=True, cwd=tmp_path
    )


def proof_for(user: User) -> dict[str, Any]:
    report = latest_report()
    assert report is not None
    proof = proof_of(user, report)
    assert proof is not None
    return json.loads(json.dumps(proof))


def test_a_report_says_what_users_are_owed_and_of_which_commit(people: list[User]) -> None:
    report = report_take()

    assert report.sequence == 1234
    assert dict(report.assets.values_list("asset__code", "liabilities")) == {
        "BTC": 3 * COIN + COIN // 2,
        "ETH": 7,
        "USDT": 0,
    }
    rows = {row.asset.code: row for row in report.assets.select_related("asset")}
    assert rows["BTC"].coins is None
    assert rows["BTC"].unknown == "the bitcoin node does not answer"


def test_a_user_is_counted_to_the_unit_by_a_script_that_stands_alone(people: list[User], tmp_path: Path) -> None:
    report = report_take()

    ann, ben, cat = (run(tmp_path, proof_for(user), report.root) for user in people)

    assert (ann.returncode, ben.returncode, cat.returncode) == (0, 0, 1)
    assert ann.stdout.splitlines() == [
        f"ann@example.com is counted in the report of {report.name}:",
        "  BTC                    3.00000000   of 3.50000000 that all users are owed",
        "  ETH                    0.00000007   of 0.00000007 that all users are owed",
        "  USDT                   0.00000000   of 0.00000000 that all users are owed",
        f"root {report.root}",
    ]
    assert "  BTC                    0.50000000   of 3.5" in ben.stdout
    assert cat.stdout == f"WRONG: cat@example.com is counted for nothing in the report of {report.name}\n"


def test_a_proof_from_which_the_pieces_were_taken_does_not_pass(people: list[User], tmp_path: Path) -> None:
    """The trap: the root is right, and the user is not in it."""
    report = report_take()
    proof = proof_for(people[0])
    for asset in proof["assets"]:
        asset["pieces"] = []

    found = run(tmp_path, proof, report.root)

    assert found.returncode == 1
    assert found.stdout.startswith("WRONG: ann@example.com is counted for nothing")


def test_a_proof_names_nobody_else_and_shows_pieces_of_nobody_in_particular(people: list[User]) -> None:
    """A sum of many pieces may be somebody's balance by chance, and nobody can tell; a single one must be small."""
    report_take()

    proof = proof_for(people[0])

    assert "ben@" not in json.dumps(proof)
    beside = {
        asset["asset"]: [piece["path"][0]["units"] for piece in asset["pieces"]]
        for asset in proof["assets"]
        if asset["pieces"]
    }
    assert max(beside["BTC"]) <= -(-(3 * COIN + COIN // 2) // PIECES_OF_ALL)
    assert max(beside["ETH"]) <= 1


def _piece(proof: dict[str, Any]) -> dict[str, Any]:
    return proof["assets"][0]["pieces"][0]


def _lower(proof: dict[str, Any]) -> None:
    _piece(proof)["units"] += 1


def _negative(proof: dict[str, Any]) -> None:
    _piece(proof)["path"][0]["units"] = -1


def _twice(proof: dict[str, Any]) -> None:
    proof["assets"][0]["pieces"].append(copy.deepcopy(_piece(proof)))


def _elsewhere(proof: dict[str, Any]) -> None:
    again = copy.deepcopy(_piece(proof))
    again["place"] ^= 1
    proof["assets"][0]["pieces"].append(again)


def _far(proof: dict[str, Any]) -> None:
    again = copy.deepcopy(_piece(proof))
    again["place"] += 2 ** len(again["path"])
    proof["assets"][0]["pieces"].append(again)


def _someone_else(proof: dict[str, Any]) -> None:
    proof["email"] = "ben@example.com"


def _salt(proof: dict[str, Any]) -> None:
    _piece(proof)["salt"] = "00" * 32


def _less_owed(proof: dict[str, Any]) -> None:
    proof["assets"][0]["liabilities"] -= 1


def _asset_left_out(proof: dict[str, Any]) -> None:
    proof["assets"].pop()


def _other_report(proof: dict[str, Any]) -> None:
    proof["report"] = "2030-01-01 1"


def _asset_twice(proof: dict[str, Any]) -> None:
    proof["assets"].append(copy.deepcopy(proof["assets"][0]))


def _shorter(proof: dict[str, Any]) -> None:
    _piece(proof)["path"].pop()


def _other_side(proof: dict[str, Any]) -> None:
    step = _piece(proof)["path"][0]
    step["side"] = "left" if step["side"] == "right" else "right"


def _true(proof: dict[str, Any]) -> None:
    _piece(proof)["units"] = True


def _huge(proof: dict[str, Any]) -> None:
    for step in _piece(proof)["path"]:
        step["units"] = 2**127 - 1


def _no_path(proof: dict[str, Any]) -> None:
    del _piece(proof)["path"]


def _format(proof: dict[str, Any]) -> None:
    proof["format"] = "mex inclusion 2"


TAMPERED = [
    _lower, _negative, _twice, _elsewhere, _far, _someone_else, _salt, _less_owed, _asset_left_out, _other_report,
    _asset_twice, _shorter, _other_side, _true, _huge, _no_path, _format,
]  # fmt: skip


@pytest.mark.parametrize("tamper", TAMPERED, ids=[tamper.__name__ for tamper in TAMPERED])
def test_a_proof_that_was_changed_is_wrong(people: list[User], tmp_path: Path, tamper: Any) -> None:
    report_take()
    proof = proof_for(people[0])
    tamper(proof)

    result = run(tmp_path, proof)

    assert (result.returncode, result.stdout[:7], result.stderr) == (1, "WRONG: ", "")


def test_a_proof_of_another_report_does_not_lead_to_the_published_root(people: list[User], tmp_path: Path) -> None:
    old = report_take()
    proof = proof_for(people[0])
    new = report_take()

    result = run(tmp_path, proof, new.root)

    assert result.returncode == 1
    assert result.stdout == f"WRONG: it leads to the root {old.root}, which is not the published one\n"
    assert run(tmp_path, proof, old.root).returncode == 0


@pytest.mark.parametrize("text", ["", "[]", "7", '{"format": "mex inclusion 1"}', "[" * 100_000])
def test_what_is_no_proof_is_wrong(tmp_path: Path, text: str) -> None:
    result = run(tmp_path, text)

    assert (result.returncode, result.stdout[:7], result.stderr) == (1, "WRONG: ", "")


def test_a_balance_below_zero_hides_nothing(people: list[User]) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA ignore_check_constraints = ON")
        else:
            cursor.execute("ALTER TABLE wallets_balance DROP CONSTRAINT balance_never_overdrawn")
        cursor.execute("UPDATE wallets_balance SET balance = -5 WHERE owner = %s", [people[1].pk])
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA ignore_check_constraints = OFF")

    with pytest.raises(AssertionError, match="less than nothing"):
        report_take()

    assert SolvencyReport.objects.count() == 0


def test_what_is_owed_to_an_account_that_is_gone_is_counted(people: list[User]) -> None:
    Balance.objects.create(owner=999_999, asset=Asset.objects.get(code="BTC"), balance=11, held=0)

    report = report_take()

    assert report.assets.get(asset__code="BTC").liabilities == 3 * COIN + COIN // 2 + 11


def test_reports_are_due_again_after_a_while(people: list[User], settings: Settings) -> None:
    assert is_report_due()
    report_take()
    assert not is_report_due()
    settings.SOLVENCY_EVERY_S = 0

    assert is_report_due()


def test_old_reports_stay_and_what_their_proofs_need_goes(people: list[User]) -> None:
    taken = [report_take() for _ in range(SOLVENCY_PROOFS_KEPT + 2)]

    assert SolvencyReport.objects.count() == SOLVENCY_PROOFS_KEPT + 2
    assert SolvencyAsset.objects.count() == 3 * (SOLVENCY_PROOFS_KEPT + 2)
    with_leaves = set(SolvencyLeaves.objects.values_list("of__report", flat=True))
    assert with_leaves == {report.pk for report in taken[2:]}
    assert proof_of(people[0], taken[1]) is None
    assert proof_of(people[0], taken[2]) is not None
    assert SolvencyAddress.objects.filter(of__report__lt=taken[2].pk).count() == 0


@pytest.mark.parametrize("table", ["solvencyreport", "solvencyasset"])
def test_the_database_refuses_to_change_what_was_published(people: list[User], table: str) -> None:
    report_take()

    with pytest.raises(IntegrityError, match="never updated"), connection.cursor() as cursor:
        cursor.execute(f"UPDATE wallets_{table} SET id = id + 1")


@pytest.mark.parametrize("table", ["solvencyreport", "solvencyasset"])
def test_the_database_refuses_to_delete_what_was_published(people: list[User], table: str) -> None:
    report_take()
    SolvencyLeaves.objects.all().delete()

    with pytest.raises(IntegrityError, match="never deleted"), connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM wallets_{table}")


def test_a_tree_of_several_rows_is_proved_as_one_of_a_single_row(
    people: list[User], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "LEAVES_PER_ROW", 16)
    monkeypatch.setattr("wallets.solvency.proofs.LEAVES_PER_ROW", 16)

    report = report_take()

    assert SolvencyLeaves.objects.filter(of__asset__code="BTC").count() > 8
    result = run(tmp_path, proof_for(people[1]), report.root)
    assert (result.returncode, "0.50000000   of 3.5" in result.stdout) == (0, True)


def test_coverage_is_rounded_down_and_nothing_without_coins_or_debts(people: list[User]) -> None:
    lines = lines_of(report_take(), addresses_max=5)
    row = SolvencyAsset(liabilities=3, coins=2, in_flight=0)

    assert [line.ratio_ppm for line in lines] == [None, None, None]
    assert AssetLine(row, [], 0).ratio_ppm == 666_666
    assert AssetLine(SolvencyAsset(liabilities=3, coins=2, in_flight=1), [], 0).ratio_ppm == 1_000_000
    assert AssetLine(SolvencyAsset(liabilities=0, coins=2, in_flight=0), [], 0).ratio_ppm is None
