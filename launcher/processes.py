"""Child processes: started so that they end with us, known by pid and start time, ended in order."""

import ctypes
import errno
import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

_PORTS = range(20_000, 32_000)
"""Below the range that the kernel takes for outgoing connections, so that a port is still free at the next start."""

_LOG_BYTES_MAX = 10 * 1024 * 1024
"""A log that is larger becomes NAME.log.1."""

_POLL_S = 0.05
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class Service(Protocol):
    """Something to run: what to execute, how to see that it answers, and what to do when it has ended."""

    name: str
    ready_text: str
    """What it writes when it is ready; empty if it says nothing."""

    def command(self) -> Sequence[str]:
        """Return the program and its arguments; called before each start."""

    def is_ready(self) -> bool:
        """Return whether it answers."""

    def tick(self) -> None:
        """Do what must be done every few seconds while it runs."""

    def ended(self, code: int) -> None:
        """Note that it has ended with this code; below zero, minus the signal."""


class Process:
    """One run of a service, in a session of its own, with its output in a file."""

    def __init__(
        self,
        service: Service,
        *,
        log: Path,
        env: Mapping[str, str],
        cwd: Path | None = None,
        pid_file: Path | None = None,
    ) -> None:
        self.service = service
        self.log = log
        self.code: int | None = None
        self._pid_file = pid_file
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._log_start = output.tell()
            self._process = _start(service.command(), output, env, cwd)
        if pid_file is not None:
            try:
                pid_file.parent.mkdir(parents=True, exist_ok=True)
                pid_file.write_text(identity(self.pid) or "")
            except OSError:
                # The next server would not find it.
                self.kill()
                raise

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its session and its process group."""
        return self._process.pid

    def poll(self) -> int | None:
        """Return the exit code once the process has ended; tells the service the first time."""
        if self.code is None:
            code = self._process.poll()
            if code is not None:
                self.code = code
                _signal_group(self.pid, signal.SIGKILL)  # what it started and left behind
                if self._pid_file is not None:
                    self._pid_file.unlink(missing_ok=True)
                self.service.ended(code)
        return self.code

    def terminate(self) -> None:
        """Ask it to end."""
        if self.poll() is None:
            self._process.terminate()

    def kill(self) -> None:
        """End it at once, with everything it started."""
        if self.poll() is None:
            _signal_group(self.pid, signal.SIGKILL)
            self._process.wait()
            self.poll()

    def tick(self) -> None:
        """Keep the log small, and let the service do what it does every few seconds."""
        if self.log.stat().st_size > _LOG_BYTES_MAX:
            # The child goes on writing to the same file, at its end: so it is emptied, not moved.
            older = self.log.with_name(self.log.name + ".1")
            try:
                shutil.copyfile(self.log, older)
            except OSError:
                # A half copy must not take the last room of a disk again and again: rather no log than a full disk.
                older.unlink(missing_ok=True)
                os.truncate(self.log, 0)
                raise
            os.truncate(self.log, 0)
        self.service.tick()

    def output(self) -> str:
        """Return what this run has written."""
        with self.log.open("rb") as file:
            file.seek(self._log_start)
            return file.read().decode(errors="replace")


def stop(processes: Iterable[Process], *, grace_s: float) -> None:
    """Ask all to end, wait at most `grace_s` in all, and kill what is left."""
    alive = list(processes)
    for process in alive:
        process.terminate()
    deadline = time.monotonic() + grace_s
    while any(process.poll() is None for process in alive) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    for process in alive:
        process.kill()


def wait_until(condition: Callable[[], bool], *, timeout_s: float, stopping: threading.Event | None = None) -> bool:
    """Wait for a condition; False after `timeout_s` seconds or as soon as `stopping` is set."""
    pause = stopping or threading.Event()
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline or pause.wait(_POLL_S):
            return False
    return True


def is_free(port: int) -> bool:
    """Return whether a loopback port can be listened on."""
    return not port_problem(port)


def port_problem(port: int) -> str:
    """Return why a loopback port cannot be listened on, "" when it can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that linger do not count
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            return "is not for users: the system keeps it for root"
        except OSError as error:
            return "is in use" if error.errno == errno.EADDRINUSE else f"cannot be listened on ({error.strerror})"
    return ""


def free_port(preferred: int | None = None, *, taken: Iterable[int] = ()) -> int:
    """Return a free loopback port that is not in `taken`: the preferred one if it is."""
    refused = set(taken)
    if preferred is not None and preferred not in refused and is_free(preferred):
        return preferred
    ports = [port for port in _PORTS if port not in refused]
    random.shuffle(ports)
    for port in ports:
        if is_free(port):
            return port
    raise OSError(f"no free port between {_PORTS.start} and {_PORTS.stop}")


def identity(pid: int) -> str | None:
    """Return a text that no other process ever has: pid, start time and boot. None if there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    if fields[0] == "Z":
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{pid} {fields[19]} {boot}"


def end_leftovers(pid_files: Path, *, grace_s: float) -> list[str]:
    """End what an earlier run left behind, by pid and start time, and return the names."""
    left: dict[str, int] = {}
    for path in sorted(pid_files.glob("*.pid")):
        known = path.read_text()
        pid = int(known.split()[0]) if known else 0
        if known and identity(pid) == known:
            left[path.stem] = pid
            _signal(pid, signal.SIGTERM)
    wait_until(lambda: all(identity(pid) is None for pid in left.values()), timeout_s=grace_s)
    for pid in left.values():
        if identity(pid) is not None:
            _signal_group(pid, signal.SIGKILL)
    wait_until(lambda: all(identity(pid) is None for pid in left.values()), timeout_s=grace_s)
    for path in pid_files.glob("*.pid"):
        path.unlink()
    return sorted(left)


def _start(
    command: Sequence[str], output: IO[bytes], env: Mapping[str, str], cwd: Path | None
) -> "subprocess.Popen[bytes]":
    # The kernel sends the signal when the *thread* that started the child ends, not the process.
    assert threading.current_thread() is threading.main_thread(), "children are started by the main thread"
    parent = os.getpid()

    def end_with_parent() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it ended before we asked
            os._exit(1)

    return subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=dict(env),
        cwd=cwd,
        start_new_session=True,  # Ctrl-C is for us; we end the children in order
        preexec_fn=end_with_parent,
    )


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _signal_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return
