"""What processes use is told by role, children with their parents, and the rest of the machine as "other"."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.usage import Usage, instance_roots

_BUSY = "import os, sys\nprint(1, flush=True)\nwhile True: pass"
_PARENT = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {_BUSY!r}])"


@pytest.mark.parametrize("program", [_BUSY, _PARENT])
def test_a_busy_process_is_told_under_its_role_also_as_a_child(program: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        usage = Usage()
        first, _ = usage.read({process.pid: "busy", os.getpid(): "tests"})
        started = os.times().elapsed
        # We are busy, too: on a full machine it gets its share all the same.
        while os.times().elapsed < started + 1.0:
            pass
        cpu, rss_mb = usage.read({process.pid: "busy", os.getpid(): "tests"})
    finally:
        os.killpg(process.pid, 9)
        process.wait()

    assert first == {}
    assert 0.05 < cpu["busy"] < 1.2
    assert 0.05 < cpu["tests"] < 1.2
    assert cpu["other"] >= 0
    assert rss_mb["busy"] > 1


@pytest.mark.parametrize(
    ("memory", "is_counted"), [("mmap.mmap(-1, 10**8)", False), ("bytearray(10**8)", True)], ids=["shared", "its own"]
)
def test_memory_that_is_shared_is_not_counted_with_each_process(memory: str, is_counted: bool) -> None:
    """PostgreSQL seemed to grow by as much as its buffers were filled, times the number of its processes."""
    program = f"import mmap\nm = {memory}\nfor at in range(0, 10**8, 4096): m[at] = 1\nprint(1, flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        _, rss_mb = Usage().read({process.pid: "it"})
        process.communicate(b"\n")
    assert (rss_mb["it"] > 100) is is_counted


def test_processes_of_an_instance_are_known_by_their_files(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for name, text in (("engine", "12 34 boot"), ("worker-chains", "13 35 boot"), ("miner", "14 3 boot"), ("web", "")):
        (tmp_path / "run" / f"{name}.pid").write_text(text)

    assert instance_roots(tmp_path) == {12: "engine", 13: "worker-chains", 14: "miner"}
