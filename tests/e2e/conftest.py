"""A whole exchange, as `script/server` runs it, for tests that use it from outside."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from launcher.instance import ROOT, Instance, without_settings
from launcher.processes import free_port, identity
from tests.e2e.visitor import Visitor

READY_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 15.0


class RunningServer:
    """`script/server` on a free port, with a data folder of its own."""

    def __init__(self, folder: Path, output: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {**without_settings(os.environ), "PYTHONPATH": str(ROOT)}
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        command = [sys.executable, "-m", "launcher.server", "--port", str(self.port), "--data", str(self.folder)]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                command, cwd=self.folder.parent, env=self.environment, stdout=output, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + READY_TIMEOUT_S
        while f"mex is ready at {self.url}\n" not in self.output():
            assert self._process.poll() is None, f"the server ended:\n{self.output()}"
            assert time.monotonic() < deadline, f"the server is not ready:\n{self.output()}"
            time.sleep(0.1)

    def output(self) -> str:
        """Return what the server has said since its start."""
        return self._output.read_text()

    def stop(self, number: int = signal.SIGINT) -> float:
        """End it as Ctrl-C does, or with another signal, and return how many seconds that took."""
        assert self._process is not None
        started_s = time.monotonic()
        self._process.send_signal(number)
        code = self._process.wait(STOP_TIMEOUT_S + 5)
        assert code == 0, self.output()
        return time.monotonic() - started_s

    def kill(self) -> None:
        """End it and every child at once, as a power cut does."""
        assert self._process is not None
        # Stopped first: otherwise it would start again what dies before it, or ask its children to end in order.
        self._process.send_signal(signal.SIGSTOP)
        children = self.pids().values()
        for pid in children:
            os.killpg(pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        while any(identity(pid) is not None for pid in children):
            time.sleep(0.05)

    def pids(self) -> dict[str, int]:
        """Return the children's process ids by name."""
        files = (self.folder / "run").glob("*.pid")
        return {path.stem: int(path.read_text().split()[0]) for path in files}

    def manage(self, *command: str, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run `script/manage --data … COMMAND`."""
        words: Sequence[str] = [sys.executable, "-m", "launcher.manage", "--data", str(self.folder), *command]
        return subprocess.run(words, env=self.environment, capture_output=True, text=True, timeout=timeout_s)

    def settings(self) -> dict[str, str]:
        """Return the environment of its programs."""
        return Instance.open(self.folder).environment(self.environment)

    def close(self) -> None:
        """End it, if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self.stop()


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[RunningServer]:
    """A server that is not started yet, with an empty data folder."""
    server = RunningServer(tmp_path / "data", tmp_path / "server.out")
    yield server
    server.close()


@pytest.fixture(scope="session")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A running server that all tests share."""
    folder = tmp_path_factory.mktemp("instance")
    server = RunningServer(folder / "data", folder / "server.out")
    server.start()
    yield server
    server.close()


@pytest.fixture
def new_visitor(instance: RunningServer, tmp_path: Path) -> Iterator[Callable[[], Visitor]]:
    """Makes browsers at the shared server, each with a profile of its own."""
    visitors: list[Visitor] = []

    def make() -> Visitor:
        visitors.append(Visitor(instance.url, tmp_path / f"profile-{len(visitors)}"))
        return visitors[-1]

    yield make
    for visitor in visitors:
        visitor.close()
