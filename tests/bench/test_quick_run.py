"""`script/bench --quick` measures on whatever this machine has, and finds nothing wrong; `.ci/run` does all parts."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import PARTS, main
from bench.trees import ROOT, environment

QUICK_S_MAX = 900


QUICK_PARTS = ("core", "worst-cases", "memory", "engine", "startup", "sockets")


def test_parts_run_and_all_results_are_right(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "bench", "--quick", "--no-compare", "--json", str(report), *QUICK_PARTS]

    ended = subprocess.run(
        command, cwd=ROOT, env=environment(ROOT), check=False, text=True, capture_output=True, timeout=QUICK_S_MAX
    )

    assert ended.returncode == 0, ended.stdout[-4_000:] + ended.stderr[-4_000:]
    read = json.loads(report.read_text())
    assert read["wrong"] == []
    parts = {figure["part"].partition(",")[0] for figure in read["figures"]}
    assert parts == {"active", "deep", "one price", "many prices", "memory", "engine", "start-up", "sockets"}
    # In so short a look an update may have no age, and connections may fit in what memory the process had already.
    figures = [figure for figure in read["figures"] if figure["unit"] != "kB"]
    assert [figure["name"] for figure in figures if figure["value"] < 0] == []
    assert {figure["unit"] for figure in figures if figure["value"] == 0} <= {"ms"}
    watched = {figure["part"].partition(",")[0] for figure in read["figures"] if figure["is_watched"]}
    assert watched == {"start-up", "sockets"}
    # So small a part of the work judges nothing.
    assert [figure["name"] for figure in read["figures"] if figure["goal"] is not None] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["everything"], f"there is no everything to measure, only {', '.join(PARTS)}"),
        (["--python", "/nowhere/python", "memory"], "/nowhere/python is no program"),
        (["--no-compare"], "--commit and --no-compare are about --quick"),
        (["--rounds", "0"], "there must be at least 1 round, not 0"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert words in capsys.readouterr().err
