"""What `script/server` starts, and what it refuses to start with."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.instance import ROOT, Instance, without_settings
from launcher.processes import free_port
from launcher.server import worker_services


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"MEX_NETWORK": "signet"}, "set BITCOIN_RPC_URL and ETHEREUM_RPC_URL: script/server starts local nodes only"),
        (
            {"MEX_NETWORK": "testnet4", "BITCOIN_RPC_URL": "http://mex:mex@127.0.0.1:9"},
            "set ETHEREUM_RPC_URL: script/server starts local nodes only",
        ),
    ],
)
def test_on_public_networks_the_operator_brings_the_nodes(tmp_path: Path, given: dict[str, str], line: str) -> None:
    """A node of our own on regtest would be on the wrong network, and workers would refuse it."""
    command = [sys.executable, "-m", "launcher.server", "--port", str(free_port()), "--data", str(tmp_path / "data")]
    environment = {**without_settings(os.environ), **given, "PYTHONPATH": str(ROOT)}

    refused = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)

    assert refused.returncode == 1
    assert line in refused.stdout + refused.stderr
    assert not (tmp_path / "data" / "keys").exists()


def test_there_is_a_miner_on_our_own_chains_only(tmp_path: Path) -> None:
    instance = Instance.open(tmp_path)

    local, public = (
        {service.name for service in worker_services(instance, is_local=is_local)} for is_local in (True, False)
    )

    assert local - public == {"miner"}
    assert {"worker-chains", "worker-signer", "beat"} <= public
