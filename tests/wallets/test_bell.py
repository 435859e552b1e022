"""bitcoind's ZMQ messages wake the scanner; nothing depends on them."""

import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import zmq
from django.core.management import CommandError, call_command
from kombu.exceptions import OperationalError
from pytest_django.fixtures import Settings

from tests.wallets.nodes import Bitcoind, free_port
from wallets import tasks
from wallets.chains.bell import bell_listen
from wallets.management.commands import watch_bitcoin

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 20


@contextmanager
def listening(address: str, least_s: float = 0.2) -> Iterator["queue.Queue[bool]"]:
    """Listen in a thread and yield the wake-ups."""
    woken: queue.Queue[bool] = queue.Queue()
    stopping = threading.Event()
    thread = threading.Thread(
        target=bell_listen, args=(address, woken.put), kwargs={"stopping": stopping, "least_s": least_s}
    )
    thread.start()
    try:
        yield woken
    finally:
        stopping.set()
        thread.join(WAIT_S)
        assert not thread.is_alive()


def until_block(woken: "queue.Queue[bool]") -> None:
    while not woken.get(timeout=WAIT_S):
        pass


def is_woken_by_block(node: Bitcoind, woken: "queue.Queue[bool]") -> bool:
    node.mine()
    try:
        while not woken.get(timeout=1):
            pass
    except queue.Empty:
        return False
    return True


def until_silent(woken: "queue.Queue[bool]") -> None:
    with suppress(queue.Empty):
        while True:
            woken.get(timeout=1)


def test_a_transaction_and_a_block_wake_and_so_they_do_after_the_node_was_away(tmp_path: Path, key_file: Path) -> None:
    node = Bitcoind(tmp_path / "bitcoind")
    address = f"tcp://127.0.0.1:{free_port()}"
    node.command += [f"-zmqpubhashblock={address}", f"-zmqpubhashtx={address}"]
    try:
        with listening(address) as woken:  # before the node is there
            node.start()
            node.prepare()
            until_block(woken)
            until_silent(woken)
            node.pay(node.fresh_address(), 100_000)
            by_transaction = woken.get(timeout=WAIT_S)
            node.stop()
            node.start()
            # What is published before the listener is connected again is lost: that is why polling is the truth.
            assert any(is_woken_by_block(node, woken) for _ in range(WAIT_S))
    finally:
        node.stop()

    assert not by_transaction


def test_a_flood_of_messages_wakes_rarely() -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    publisher: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PUB)
    publisher.bind(address)
    stop = threading.Event()

    def flood() -> None:
        number = 0
        while not stop.wait(0.001):
            publisher.send_multipart([b"hashtx", bytes(32), number.to_bytes(4, "little")])
            number += 1

    thread = threading.Thread(target=flood)
    try:
        with listening(address, least_s=0.3) as woken:
            began = time.monotonic()
            thread.start()
            for _ in range(4):
                woken.get(timeout=WAIT_S)
            took = time.monotonic() - began
            stop.set()
            thread.join()
    finally:
        stop.set()
        publisher.close(linger=0)

    assert took >= 3 * 0.3


def test_the_watcher_asks_for_the_scanner_and_outlives_a_pipe_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(tasks.scan_bitcoin, "apply_async", lambda **options: asked.append("scan"))
    monkeypatch.setattr(tasks.advance_withdrawals, "apply_async", lambda **options: asked.append("advance"))

    watch_bitcoin.wake(False)
    watch_bitcoin.wake(True)

    def away(**options: object) -> None:
        raise OperationalError("nobody there")

    monkeypatch.setattr(tasks.scan_bitcoin, "apply_async", away)
    watch_bitcoin.wake(False)
    assert asked == ["scan", "scan", "advance"]


def test_the_watcher_ends_when_it_is_told_to() -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [sys.executable, "manage.py", "watch_bitcoin"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "MEX_PROFILE": "test", "MEX_BITCOIN_ZMQ": address},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = process.stdout.readline()
    process.send_signal(signal.SIGTERM)

    assert (said, process.wait(WAIT_S)) == (f"listening to bitcoind at {address}\n", 0)
    process.stdout.close()


def test_the_watcher_needs_an_address(settings: Settings) -> None:
    settings.BITCOIN_ZMQ = ""

    with pytest.raises(CommandError, match="MEX_BITCOIN_ZMQ"):
        call_command("watch_bitcoin")
