"""Figures are judged by their goals, and people and programs read the same."""

import json

from bench.report import Figure, Report, as_json, as_table, machine


def test_a_ratio_is_judged_if_there_is_one_and_else_the_value() -> None:
    assert Figure("core", "it", 10.0, "commands/s", ratio=2.0, against="other", goal=2.0).is_met is True
    assert Figure("core", "it", 10.0, "commands/s", ratio=1.99, against="other", goal=2.0).is_met is False
    assert Figure("core", "it", 10.0, "commands/s", goal=11.0).is_met is False
    assert Figure("start", "it", 9.0, "s", goal=10.0, is_ceiling=True).is_met is True
    assert Figure("start", "it", 10.5, "s", goal=10.0, is_ceiling=True).is_met is False
    assert Figure("core", "it", 10.0, "commands/s", ratio=2.0, against="other").is_met is None


def test_the_table_shows_result_ratio_goal_and_verdict() -> None:
    report = Report(
        [
            Figure("core", "ours", 1_234_567.8, "commands/s", 2.345, "peer", 2.0, note="load 5"),
            Figure("start", "first", 12.345, "s", goal=10.0, is_ceiling=True),
        ],
        {"PostgreSQL": "no server"},
        ["ours: first wrong trade 3"],
    )

    assert as_table(report, {"processor": "a fast one", "python": ""}).splitlines() == [
        "| part  | what          | result               | ratio       | goal |        |",
        "|-------|---------------|----------------------|-------------|------|--------|",
        "| core  | ours (load 5) | 1,234,568 commands/s | 2.35 × peer | ≥ 2  | met    |",
        "| start | first         | 12.3 s               |             | ≤ 10 | MISSED |",
        "",
        "skipped PostgreSQL: no server",
        "",
        "WRONG: ours: first wrong trade 3",
        "",
        "machine: processor a fast one",
    ]


def test_json_has_every_figure_with_its_runs() -> None:
    report = Report([Figure("core", "ours", 5.0, "commands/s", goal=4.0, details={"seconds": [1.0, 2.0]})])

    read = json.loads(as_json(report, {"cores": "2"}))

    assert read["machine"] == {"cores": "2"}
    assert read["figures"][0]["details"] == {"seconds": [1.0, 2.0]}
    assert read["figures"][0]["is_met"] is True
    assert read["wrong"] == []


def test_a_wrong_result_is_a_failure_and_a_missed_goal_is_none() -> None:
    assert Report([Figure("core", "ours", 1.0, "commands/s", goal=2.0)]).is_good
    assert not Report(wrong=["ours"]).is_good


def test_the_machine_is_described() -> None:
    described = machine()

    assert int(described["cores"]) >= 1
    assert described["python"].startswith("3.")
    assert all(described.values())
