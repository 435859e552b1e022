"""`script/manage loadtest`, whole and short, on real instances. Nothing is asserted of its speed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from launcher.instance import ROOT, without_settings
from loadtest.acks import read_acks

_TIMEOUT_S = 400.0


def manage(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "launcher.manage", "--data", str(folder), "loadtest", *words],
        env={**without_settings(os.environ), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
    )


def test_a_whole_run_verifies_what_was_acknowledged(tmp_path: Path) -> None:
    result_file, report, kept = tmp_path / "result.json", tmp_path / "report.html", tmp_path / "kept"

    done = manage(
        tmp_path / "unused", "--quick", "--json", str(result_file), "--html", str(report), "--keep", str(kept)
    )

    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(result_file.read_text())
    verification = result["verification"]
    assert verification["ok"]
    assert verification["audit"] == "clean"
    assert verification["missing"] == verification["twice"] == verification["done"] == []
    # Warm-up and steps: what generators counted, and what they wrote down.
    acks = [ack for path in kept.glob("acks-*.txt") for ack in read_acks(path)]
    assert len(acks) == sum(verification[name] for name in ("acknowledged", "canceled", "refused"))
    assert verification["in_database"] == verification["acknowledged"] > 0
    assert verification["canceled"] > 0
    steps = result["steps"]
    assert {step["kind"] for step in steps} >= {"ramp", "soak", "overload", "recovery"}
    assert [step["name"] for step in steps if step["market_data"]["gaps"]] == []
    assert sum(step["market_data"]["frames"] for step in steps) > 0
    assert sum(step["background"]["pages"]["sent"] for step in steps) > 0
    assert sum(step["background"]["deposits"]["sent"] for step in steps) > 0
    assert sum(step["commits"]["count"] for step in steps) > 0
    assert {
        "engine",
        "web",
        "worker-chains",
        "worker-signer",
        "beat",
        "valkey",
        "bitcoind",
        "anvil",
        "generator",
        "background",
    } <= set(steps[0]["rss_mb"])
    assert result["knee"]["sentence"] in done.stdout
    assert "verification passed" in done.stdout
    assert report.read_text().startswith("<!")
    # Whatever it started has ended.
    assert list((kept / "data" / "run").glob("*.pid")) == []


def test_a_run_that_is_asked_to_end_verifies_what_was_acknowledged_and_leaves_nothing_behind(tmp_path: Path) -> None:
    result_file, kept = tmp_path / "result.json", tmp_path / "kept"
    words = [
        "--quick",
        "--p99-ms",
        "60000",
        "--soak-only",
        "20",
        "--soak-seconds",
        "3600",
        "--json",
        str(result_file),
        "--keep",
        str(kept),
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "launcher.manage", "--data", str(tmp_path / "unused"), "loadtest", *words],
        env={**without_settings(os.environ), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said: list[str] = []
    for line in process.stdout:
        said.append(line)
        if "  3/3600 s  " in line:
            process.terminate()

    assert process.wait(_TIMEOUT_S) == 0, "".join(said)
    result = json.loads(result_file.read_text())
    assert result["interrupted"] is True
    assert [(step["kind"], step["interrupted"]) for step in result["steps"]] == [("soak", True)]
    assert len(result["steps"][0]["rows"]) >= 3
    assert result["verification"]["ok"]
    assert result["verification"]["acknowledged"] > 0
    assert list((kept / "data" / "run").glob("*.pid")) == []


def test_a_soak_that_does_not_hold_has_failed_though_all_is_kept(tmp_path: Path) -> None:
    result_file = tmp_path / "result.json"
    words = ["--quick", "--soak-only", "20", "--p99-ms", "0.001", "--json", str(result_file)]

    done = manage(tmp_path / "unused", *words)

    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAILED: soak 20/s: p99 of " in done.stdout
    assert json.loads(result_file.read_text())["verification"]["ok"]


def test_without_a_running_instance_it_says_how_to_start_one(tmp_path: Path) -> None:
    done = manage(tmp_path / "unused", "--data", str(tmp_path / "none"))

    assert done.returncode == 2
    assert f"no server runs on {tmp_path / 'none'}: start `script/server --data {tmp_path / 'none'}`" in done.stderr


def test_a_folder_with_something_in_it_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "precious").touch()

    done = manage(tmp_path / "unused", "--keep", str(tmp_path / "kept"))

    assert done.returncode == 2
    assert "has something in it" in done.stderr
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["precious"]
