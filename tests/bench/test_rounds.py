"""Each round begins with another case, so that none always comes first."""

from pathlib import Path

import pytest

from bench import guard, wallets
from bench.report import Report
from bench.rounds import rotated
from launcher.programs import InstallError


def test_each_round_begins_with_another_case() -> None:
    orders = ["".join(rotated("abc", number)) for number in range(4)]

    assert orders == ["abc", "bca", "cab", "abc"]


def test_chains_are_measured_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[str] = []

    def run(programs: Path, tree: Path, chain: str, count: int) -> dict[str, dict[str, float]]:
        measured.append(chain)
        told = {"seconds": 2.0, "node_seconds": 1.0, "calls": 40}
        return {"deposits": told, "withdrawals": told}

    monkeypatch.setattr(wallets.nodes, "ensure", Path)
    monkeypatch.setattr(wallets, "_run", run)

    wallets.measure(Report(), Path(), lambda _: None, rounds=2, part=100)

    assert measured == ["bitcoin", "ethereum", "ethereum", "bitcoin"]


def test_without_nodes_the_wallets_are_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def ensure() -> Path:
        raise InstallError("no nodes")

    monkeypatch.setattr(wallets.nodes, "ensure", ensure)
    report = Report()

    wallets.measure(report, Path(), lambda _: None, rounds=1, part=1)

    assert report.skipped == {"wallets": "no nodes"}
    assert guard.absent(report, [key for key in guard.committed() if key.startswith("wallets")]) == []
