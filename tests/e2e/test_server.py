"""`script/server` as a whole: ready, stopped in time, and whole again after everything was killed."""

import os
import signal
import time

from launcher.processes import identity, is_free
from tests.e2e.conftest import STOP_TIMEOUT_S, RunningServer
from wallets.chains.jsonrpc import ChainUnavailable, JsonRpc

RESTART_TIMEOUT_S = 30.0


def bitcoin_tip(server: RunningServer) -> str:
    return str(JsonRpc(server.settings()["BITCOIN_RPC_URL"]).call("getbestblockhash"))


def ethereum_height(server: RunningServer) -> int:
    return int(JsonRpc(server.settings()["ETHEREUM_RPC_URL"]).call("eth_blockNumber"), 16)


def test_everything_is_still_there_after_a_stop_and_after_a_kill(new_server: RunningServer) -> None:
    server = new_server
    server.start()
    made = server.manage("create_user", "ada@example.com", "--password", "correct horse battery")
    assert made.returncode == 0, made.stderr
    bitcoin, ethereum = bitcoin_tip(server), ethereum_height(server)
    pids = server.pids()

    assert server.stop() < STOP_TIMEOUT_S
    assert [name for name, pid in pids.items() if identity(pid) is not None] == []
    assert is_free(server.port)

    server.start()
    assert height_of(server, bitcoin) >= 101
    assert ethereum_height(server) >= ethereum
    bitcoin, ethereum = bitcoin_tip(server), ethereum_height(server)
    time.sleep(1.5)  # anvil writes its state every second: what is younger is lost with it, by design
    pids = server.pids()
    server.kill()
    assert [name for name, pid in pids.items() if identity(pid) is not None] == []

    server.start()
    assert height_of(server, bitcoin) >= 101
    assert ethereum_height(server) >= ethereum
    again = server.manage("create_user", "ada@example.com", "--password", "correct horse battery")
    assert again.returncode != 0, "the user was gone"


def test_a_child_that_is_killed_comes_back(new_server: RunningServer) -> None:
    server = new_server
    server.start()
    first = server.pids()
    os.kill(first["bitcoind"], signal.SIGKILL)
    os.kill(first["engine"], signal.SIGKILL)

    deadline = time.monotonic() + RESTART_TIMEOUT_S
    while not node_answers(server) or server.pids().get("engine", first["engine"]) == first["engine"]:
        assert time.monotonic() < deadline, server.output()
        time.sleep(0.1)

    assert "mex: bitcoind ended with code -9: starting it again in 1 s" in server.output()
    assert "mex: engine ended with code -9: starting it again in 1 s" in server.output()


def node_answers(server: RunningServer) -> bool:
    try:
        return int(JsonRpc(server.settings()["BITCOIN_RPC_URL"]).call("getblockcount")) >= 101
    except ChainUnavailable:
        return False


def height_of(server: RunningServer, block_hash: str) -> int:
    header = JsonRpc(server.settings()["BITCOIN_RPC_URL"]).call("getblockheader", block_hash)
    assert header["confirmations"] >= 1
    return int(header["height"])
