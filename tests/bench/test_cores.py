"""The share of a core that a process takes is of the time that is counted, and of no other."""

import asyncio
import os
import signal
import subprocess
import sys
import time

from bench.cores import Cores


def work(seconds: float) -> None:
    """Use so much processor time."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


async def test_what_was_used_before_is_not_counted() -> None:
    work(0.3)

    cores = Cores({"own": os.getpid()})
    await asyncio.sleep(0.2)

    assert cores.shares()["own"] < 0.5


def test_what_is_used_is_counted() -> None:
    cores, began = Cores({"own": os.getpid()}), time.perf_counter()

    work(0.3)

    took = time.perf_counter() - began
    assert 0.2 < cores.shares()["own"] * took < 0.5


async def test_children_count_with_their_parents() -> None:
    busy = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])"
    with subprocess.Popen([sys.executable, "-c", busy], start_new_session=True) as parent:
        try:
            cores, deadline = Cores({"parent": parent.pid}), time.monotonic() + 30
            while cores.shares()["parent"] < 0.1:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)
        finally:
            os.killpg(parent.pid, signal.SIGKILL)
