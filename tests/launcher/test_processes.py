"""Ports, and what an earlier run left behind."""

import errno
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.processes import end_leftovers, free_port, identity, is_free, port_problem
from tests.launcher.waiting import wait_for

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


def test_the_preferred_port_is_taken_if_it_is_free() -> None:
    port = free_port()

    assert free_port(port) == port
    assert free_port(port, taken=[port]) != port


def test_another_port_is_taken_if_somebody_listens() -> None:
    port = free_port()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        listener.listen()

        assert not is_free(port)
        assert free_port(port) != port


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "is not for users: the system keeps it for root"),
        (OSError(errno.EADDRINUSE, "Address already in use"), "is in use"),
        (OSError(errno.EADDRNOTAVAIL, "Cannot assign"), "cannot be listened on (Cannot assign)"),
    ],
)
def test_why_a_port_cannot_be_had_is_told(monkeypatch: pytest.MonkeyPatch, error: OSError, problem: str) -> None:
    """Port 80 was said to be in use to users who may not listen on it."""

    def refuse(probe: socket.socket, address: object) -> None:
        raise error

    monkeypatch.setattr(socket.socket, "bind", refuse)

    assert (port_problem(80), is_free(80)) == (problem, False)


def test_ports_are_below_those_of_outgoing_connections() -> None:
    assert all(20_000 <= free_port() < 32_000 for _ in range(20))


def test_leftovers_are_ended_by_pid_and_start_time(tmp_path: Path) -> None:
    left = subprocess.Popen(SLEEPER, start_new_session=True)
    stranger = subprocess.Popen(SLEEPER, start_new_session=True)
    try:
        known = identity(stranger.pid)
        assert known is not None
        pid, started, boot = known.split()
        (tmp_path / "engine.pid").write_text(identity(left.pid) or "")
        (tmp_path / "web.pid").write_text(f"{pid} {int(started) - 1} {boot}")  # the number was given out again
        (tmp_path / "worker.pid").write_text("")

        assert end_leftovers(tmp_path, grace_s=5) == ["engine"]

        wait_for(lambda: left.poll() is not None)
        assert stranger.poll() is None
        assert list(tmp_path.iterdir()) == []
    finally:
        for process in (left, stranger):
            process.kill()
            process.wait()
