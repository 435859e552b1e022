"""The real servers: ready when they answer, and whole again after they were killed."""

import gzip
import json
import os
import signal
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from launcher import services
from launcher.processes import free_port, stop
from launcher.services import STATES_KEPT, Anvil, Bitcoind, Valkey, running
from tests.launcher.waiting import wait_for
from wallets.chains.jsonrpc import JsonRpc
from wallets.deposits import unexplained

ETHER = 10**18


def test_valkey_answers_only_who_knows_the_password(tmp_path: Path) -> None:
    port = free_port()
    service = Valkey(tmp_path / "valkey", port=port, password="right")
    with running(service, tmp_path):
        assert service.is_ready()
        assert not Valkey(tmp_path, port=port, password="wrong").is_ready()

    assert stat.S_IMODE((tmp_path / "valkey/valkey.conf").stat().st_mode) == 0o600
    assert not service.is_ready()


def test_bitcoind_has_every_block_and_coin_again_after_it_was_killed(tmp_path: Path, node_programs: Path) -> None:
    service = Bitcoind(tmp_path / "bitcoin", node_programs / "bitcoind", port=free_port(), password="secret")
    node, wallet = JsonRpc(service.url), JsonRpc(service.url, path="/wallet/test")
    with running(service, tmp_path) as process:
        node.call("createwallet", wallet_name="test", load_on_startup=True)
        node.call("generatetoaddress", 110, wallet.call("getnewaddress"))
        balance, tip = wallet.call("getbalance"), node.call("getbestblockhash")
        os.killpg(process.pid, signal.SIGKILL)
        wait_for(lambda: process.poll() is not None)

    with running(service, tmp_path) as process:
        assert node.call("getbestblockhash") == tip
        assert wallet.call("getbalance") == balance
        assert "-reindex" in command_line(process.pid)
        stop([process], grace_s=10)
        assert process.code == 0

    with running(service, tmp_path) as process:
        assert node.call("getblockcount") == 110
        assert "-reindex" not in command_line(process.pid)


def test_bitcoind_makes_segwit_addresses(tmp_path: Path, node_programs: Path) -> None:
    service = Bitcoind(tmp_path / "bitcoin", node_programs / "bitcoind", port=free_port(), password="secret")
    with running(service, tmp_path):
        JsonRpc(service.url).call("createwallet", wallet_name="test")

        assert JsonRpc(service.url, path="/wallet/test").call("getnewaddress").startswith("bcrt1q")


def test_anvil_goes_on_with_its_last_state_after_it_was_killed(tmp_path: Path, node_programs: Path) -> None:
    service = Anvil(tmp_path / "ethereum", node_programs / "anvil", port=free_port())
    whole = tmp_path / "ethereum/state.whole.json"
    node = JsonRpc(service.url)

    def is_kept() -> bool:
        service.tick()
        return whole.exists() and holds_block_one(whole) and transaction[2:] in whole.read_text()

    with running(service, tmp_path) as process:
        rich, poor = node.call("eth_accounts")[0], "0x" + "11" * 20
        transaction = node.call("eth_sendTransaction", {"from": rich, "to": poor, "value": hex(ETHER)})
        assert node.call("eth_getTransactionReceipt", transaction) is None
        node.call("evm_mine")
        wait_for(is_kept)  # it may be killed in the middle of the next time that it writes
        os.killpg(process.pid, signal.SIGKILL)
        wait_for(lambda: process.poll() is not None)

    with running(service, tmp_path):
        assert int(node.call("eth_getBalance", poor, "latest"), 16) == ETHER
        assert int(node.call("eth_getTransactionReceipt", transaction)["blockNumber"], 16) == 1


def test_anvil_starts_from_the_last_whole_state(tmp_path: Path, node_programs: Path) -> None:
    service = Anvil(tmp_path / "ethereum", node_programs / "anvil", port=free_port())
    state, whole = tmp_path / "ethereum/state.json", tmp_path / "ethereum/state.whole.json"
    node = JsonRpc(service.url)
    with running(service, tmp_path):
        node.call("evm_mine")
        service.tick()
        assert holds_block_one(whole)
        node.call("evm_mine")
    assert whole.exists()

    # What it wrote when it ended has more than what was kept before, whichever of them a backup has copied last.
    os.utime(whole)
    with running(service, tmp_path):
        assert node.call("eth_blockNumber") == "0x2"

    # It was killed while it wrote.
    state.write_text(state.read_text()[:1000])
    with running(service, tmp_path):
        assert node.call("eth_blockNumber") == "0x1"

    # What was kept did not reach the disk when the power failed.
    whole.write_text("")
    with running(service, tmp_path):
        assert node.call("eth_blockNumber") == "0x1"


def test_anvil_does_not_write_its_state_while_orders_wait(tmp_path: Path, node_programs: Path) -> None:
    """The file has the states of 80 blocks, of all accounts each: after an hour of load a tenth of a core's second."""
    service = Anvil(tmp_path / "ethereum", node_programs / "anvil", port=free_port())
    service._folder.mkdir(parents=True)
    [interval] = [word.partition("=")[2] for word in service.command() if word.startswith("--state-interval")]
    with running(service, tmp_path):
        JsonRpc(service.url).call("anvil_mine", hex(STATES_KEPT), "0x1")
        service.tick()

    assert int(interval) > 30 * 86_400
    assert not json.loads((tmp_path / "ethereum/state.whole.json").read_text())["historical_states"]
    assert json.loads((tmp_path / "ethereum/state.json").read_text())["historical_states"]


def test_the_state_of_anvil_does_not_grow_by_all_accounts_with_each_block(tmp_path: Path, node_programs: Path) -> None:
    """After half an hour of load it had 138 MB, written, copied and read each second: orders waited for that."""
    service = Anvil(tmp_path / "ethereum", node_programs / "anvil", port=free_port())
    state = tmp_path / "ethereum/state.json"
    node = JsonRpc(service.url)
    with running(service, tmp_path):
        node.call("anvil_mine", hex(3 * STATES_KEPT), "0x1")

    kept = json.loads(state.read_text())
    assert len(kept["blocks"]) == 3 * STATES_KEPT + 1
    assert 0 < len(kept["historical_states"]) <= STATES_KEPT
    with running(service, tmp_path):
        rich = node.call("eth_accounts")[0]
        for depth in (1, unexplained._BLOCKS_MAX):
            assert int(node.call("eth_getBalance", rich, hex(3 * STATES_KEPT - depth)), 16) > 0


def answers(*states: bytes) -> Callable[[str], str]:
    """Return an anvil that has one of these states after the other, each with a block more."""
    waiting = [(hex(number), "0x" + gzip.compress(state).hex()) for number, state in enumerate(states)]

    def call(method: str) -> str:
        height, state = waiting[0]
        if method == "eth_blockNumber":
            return height
        assert method == "anvil_dumpState"
        waiting.pop(0)
        return state

    return call


def test_a_large_state_is_kept_the_less_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Anvil(tmp_path, tmp_path / "anvil", port=1)
    clock = iter([10.0, 12.0, 111.9, 112.0, 112.1])
    monkeypatch.setattr(services.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(service._dumps, "call", answers(b"1", b"3"))

    kept = []
    for _ in range(3):
        service.tick()  # the first one takes 2 s, so that the next one is due after 100
        kept.append((tmp_path / "state.whole.json").read_text())

    assert kept == ["1", "1", "3"]


def test_a_chain_that_does_not_grow_is_not_written_again(tmp_path: Path, node_programs: Path) -> None:
    service = Anvil(tmp_path / "ethereum", node_programs / "anvil", port=free_port())
    whole, node = tmp_path / "ethereum/state.whole.json", JsonRpc(service.url)
    with running(service, tmp_path):
        service.tick()
        whole.unlink()
        service._copy_from_s = 0.0
        service.tick()
        assert not whole.exists()

        node.call("evm_mine")
        service._copy_from_s = 0.0
        service.tick()
        assert holds_block_one(whole)


def test_an_anvil_that_does_not_answer_stops_nobody_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "_DUMP_TIMEOUT_S", 0.2)
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        service = Anvil(tmp_path, tmp_path / "anvil", port=silent.getsockname()[1])
        monkeypatch.setattr(
            service._dumps, "call", lambda method, call=service._dumps.call: (asked.append(1), call(method))
        )
        (tmp_path / "state.whole.json").write_text("1")
        clock = iter([10.0, 39.9, 40.0])
        monkeypatch.setattr(services.time, "monotonic", lambda: next(clock))

        counts = []
        for _ in range(3):
            service.tick()
            counts.append(len(asked))

    assert counts == [1, 1, 2]
    assert (tmp_path / "state.whole.json").read_text() == "1"


def test_what_is_kept_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service, whole, seen = Anvil(tmp_path, tmp_path / "anvil", port=1), tmp_path / "state.whole.json", []
    monkeypatch.setattr(service._dumps, "call", answers(b"{}"))
    monkeypatch.setattr(services.os, "fsync", lambda file: seen.append((os.fstat(file).st_size, whole.exists())))

    service.tick()

    assert seen == [(2, False)]
    assert whole.read_text() == "{}"


def test_a_service_that_ends_at_once_tells_why(tmp_path: Path, node_programs: Path) -> None:
    folder = tmp_path / "bitcoin"
    service = Bitcoind(folder, node_programs / "bitcoind", port=free_port(), password="secret")
    folder.mkdir()
    (folder / "regtest").write_text("not a folder")

    with pytest.raises(RuntimeError, match="bitcoind ended with code 1"), running(service, tmp_path):
        pytest.fail("it ran")


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def holds_block_one(state: Path) -> bool:
    try:
        return len(json.loads(state.read_text())["blocks"]) == 2
    except ValueError:  # just being written
        return False
