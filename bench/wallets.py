"""The wallets on real nodes: deposits credited and withdrawals sent a second, against the node alone.

The node alone is what a script would reach that asks the node the same in the same order and does nothing else: its
time is that of the node's answers, measured in the same run. Engine, database (SQLite, as durable as in earnest) and
pipe work as in earnest.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from bench.report import Figure, Report
from bench.rounds import RunFailed, rotated
from bench.stack import Sqlite, environment, migrate, valkey
from launcher import nodes
from launcher.processes import free_port
from launcher.programs import InstallError
from launcher.services import Anvil, Bitcoind, running

GOAL = 0.50
COUNT = 2_000
_PASSWORD = "bench"
_RUN_S_MAX = 900


def measure(report: Report, tree: Path, tell: Callable[[str], None], *, rounds: int, part: int) -> None:
    """Add deposits and withdrawals a second for each chain, and what part of the node's own rate that is."""
    try:
        programs = nodes.ensure()
    except InstallError as error:
        report.skip("wallets", str(error), "wallets, *")
        return
    count = max(COUNT // part, 20)
    runs: dict[str, list[dict[str, Any]]] = {"bitcoin": [], "ethereum": []}
    for number in range(rounds):
        for chain in rotated(list(runs), number):
            tell(f"{chain}: round {number + 1} of {rounds}")
            runs[chain].append(_run(programs, tree, chain, count))
    for chain, told in runs.items():
        for what, unit in (("deposits", "credited/s"), ("withdrawals", "sent/s")):
            rates = [count / run[what]["seconds"] for run in told]
            ratios = [run[what]["node_seconds"] / run[what]["seconds"] for run in told]
            figure = Figure(
                f"wallets, {chain}", what, median(rates), unit, median(ratios), "node alone", GOAL,
                note=f"{median(run[what]['calls'] for run in told) / count:.2f} calls each",
                details={"runs": [run[what] for run in told]},
            )  # fmt: skip
            report.figures.append(figure)


def _run(programs: Path, tree: Path, chain: str, count: int) -> dict[str, Any]:
    """Run once, on a fresh chain, database and pipe."""
    with tempfile.TemporaryDirectory(prefix="mex-bench-") as name, valkey(Path(name)) as redis_url:
        folder = Path(name)
        port = free_port()
        service: Bitcoind | Anvil
        if chain == "bitcoin":
            service = Bitcoind(folder / chain, programs / "bitcoind", port=port, password=_PASSWORD)
        else:
            service = Anvil(folder / chain, programs / "anvil", port=port)
        surroundings = environment(folder, tree, Sqlite(folder).url(), redis_url)
        surroundings |= {f"{chain.upper()}_RPC_URL": service.url, "LOG_LEVEL": "none", "MEX_KEY_PASSPHRASE": _PASSWORD}
        migrate(tree, surroundings)
        with running(service, folder):
            engine = subprocess.Popen(
                [sys.executable, "manage.py", "run_engine"], cwd=tree, env=surroundings, stdout=subprocess.DEVNULL
            )
            try:
                return _measured(tree, surroundings, chain, count)
            finally:
                engine.terminate()
                engine.wait(60)


def _measured(tree: Path, surroundings: dict[str, str], chain: str, count: int) -> dict[str, Any]:
    ended = subprocess.run(
        [sys.executable, "-m", "bench.wallets_run", chain, str(count)],
        cwd=tree, env=surroundings, check=False, text=True, capture_output=True, timeout=_RUN_S_MAX,
    )  # fmt: skip
    if ended.returncode:
        raise RunFailed(f"wallets_run {chain}: {ended.stderr.strip()[-2000:]}")
    told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return told
