"""`script/artillery`, every scenario in its short form on a real instance. Nothing is asserted of its speed."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from launcher.instance import ROOT, without_settings
from launcher.programs import InstallError
from loadtest.artillery.__main__ import SCENARIOS, RunFailed, keys_in, parse, split
from loadtest.artillery.install import HERE, ensure

_TIMEOUT_S = 240.0


class Broken(BaseHTTPRequestHandler):
    """An exchange with empty books, whose pages fail."""

    def do_GET(self) -> None:
        is_api = self.path.startswith("/api/")
        body = b'{"bids": [], "asks": []}' if is_api else b"broken"
        self.send_response(200 if is_api else 500)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def broken() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Broken) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "loadtest.artillery", *words],
        cwd=ROOT,
        env={**without_settings(os.environ), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
    )


@pytest.fixture(scope="module")
def installed() -> None:
    try:
        ensure()
    except InstallError as error:
        pytest.skip(f"npm cannot install artillery here: {error}")


@pytest.mark.usefixtures("installed")
def test_every_scenario_passes_on_an_instance_of_its_own(tmp_path: Path) -> None:
    done = run("--own", "--short", "--json", str(tmp_path))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "mex: artillery: all passed\n" in done.stdout
    counters = {
        name: json.loads((tmp_path / f"{name}.json").read_text())["aggregate"]["counters"] for name in SCENARIOS
    }
    assert set(SCENARIOS) == {"accounts", "market-data", "orders", "pages", "rest"}
    for name, counted in counters.items():
        assert counted["mex.errors"] == counted["vusers.failed"] == 0, (name, counted)
        assert counted["mex.sent"] == counted["mex.ok"] + counted["mex.refused"], (name, counted)
        assert counted["mex.ok"] > 0, (name, counted)
    assert counters["market-data"]["mex.market_data.frames"] > 0


@pytest.mark.usefixtures("installed")
def test_answers_that_are_errors_fail_the_run(tmp_path: Path, broken: str) -> None:
    done = run("pages", "--short", "--target", broken, "--json", str(tmp_path))

    assert done.returncode == 1, done.stdout + done.stderr
    assert "mex: artillery: failed: pages\n" in done.stdout
    counted = json.loads((tmp_path / "pages.json").read_text())["aggregate"]["counters"]
    assert counted["mex.errors"] == counted["mex.sent"] == counted["mex.error.GET 500"] > 0


@pytest.mark.usefixtures("installed")
def test_a_scenario_without_a_server_fails(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text('{"api_key": "k", "secret": "s"}\n')

    done = run("orders", "--short", "--target", "http://127.0.0.1:9", "--keys", str(keys))

    assert done.returncode == 2
    assert "mex: artillery: GET http://127.0.0.1:9/api/v3/depth" in done.stdout


def test_what_follows_two_dashes_is_for_artillery() -> None:
    assert split(["orders", "--short", "--", "--quiet", "--", "x"]) == (["orders", "--short"], ["--quiet", "--", "x"])
    assert split(["orders"]) == (["orders"], [])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing"], "there is no scenario nothing: choose of accounts, market-data, orders, pages, rest"),
        (["--target", "127.0.0.1:8000"], "'127.0.0.1:8000' is not a URL"),
        (["--own", "--target", "http://127.0.0.1:8000"], "--own starts an instance"),
        (["--keys", "keys"], "--keys needs the --target"),
    ],
)
def test_wrong_options_are_refused(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse(words)

    assert said in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "{}\n", "not JSON\n"])
def test_a_file_without_keys_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "keys").write_text(text)

    with pytest.raises(RunFailed, match="--keys"):
        keys_in(tmp_path / "keys")


def test_every_package_is_pinned_by_its_checksum() -> None:
    packages = json.loads((HERE / "package-lock.json").read_text())["packages"]
    others = {name: entry for name, entry in packages.items() if name.startswith("node_modules/") and entry}

    loose = [name for name, entry in others.items() if not entry.get("link") and "integrity" not in entry]
    strange = [name for name, entry in others.items() if entry.get("link") and entry["resolved"] != "absent"]

    assert len(others) > 300
    assert loose == []
    assert strange == []
    assert packages["node_modules/posthog-node"]["link"]  # telemetry
