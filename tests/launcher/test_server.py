"""What `script/server` starts, and what it refuses to start with."""

import os
import socket
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


def serve(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `script/server` with these words, on a folder that is not there."""
    command = [sys.executable, "-m", "launcher.server", "--data", str(tmp_path / "data"), *words]
    environment = {**without_settings(os.environ), "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("port", ["0", "-1", "65536", "99999", "http", "²", ""])
def test_what_is_no_port_is_said_and_nothing_is_made(tmp_path: Path, port: str) -> None:
    refused = serve(tmp_path, "--port", port)

    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1] == (
        f"script/server: error: argument --port: must be a number from 1 to 65535, was {port!r}"
    )
    assert not (tmp_path / "data").exists()


def test_a_port_that_somebody_has_is_said(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]

        refused = serve(tmp_path, "--port", str(port))

    assert refused.returncode == 1
    assert refused.stdout == f"mex: port {port} of 127.0.0.1 is in use: choose another with --port\n"
