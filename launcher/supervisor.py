"""Keeps services running: starts them in order, starts again what died, ends all in order.

One thread: children are tied to the thread that starts them (launcher/processes.py).
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from launcher.disk import Disk
from launcher.processes import Process, Service, stop

BACKOFF_S_MAX = 30.0
STEADY_S = 60.0
"""A child that ran for so long is well: the next time it dies it is started again at once."""

TICK_S = 1.0
_POLL_S = 0.1
_STARTS_MAX = 3
"""During start-up: a child that dies so often before it is ready will not get ready."""

_TAIL_LINES = 15


class StartFailed(Exception):
    """Raised when a service does not get ready, with the end of what it wrote."""


class Stopped(Exception):
    """Raised when the start is interrupted by the wish to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Services that are ended together, before those of the stages below; `grace_s` seconds, then they are killed."""

    services: Sequence[Service]
    grace_s: float


@dataclass(slots=True)
class _Child:
    service: Service
    process: Process | None = None
    started_s: float = 0.0
    restart_s: float = 0.0
    deaths: int = 0


class Supervisor:
    """Runs services with their output in `logs`/NAME.log and their pids in `pid_files`/NAME.pid.

    Each gets `environment`, unless `own_environments` has one for its name.
    """

    def __init__(
        self,
        *,
        logs: Path,
        pid_files: Path,
        environment: Mapping[str, str],
        cwd: Path,
        say: Callable[[str], None],
        backoff_s: float = 1.0,
        own_environments: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.stopping = threading.Event()
        self._logs = logs
        self._pid_files = pid_files
        self._environment = environment
        self._own_environments = own_environments or {}
        self._cwd = cwd
        self._say = say
        self._backoff_s = backoff_s
        self._children: dict[str, _Child] = {}
        self._ticked_s = time.monotonic()
        self._disk = Disk(logs, say)

    def start(self, services: Sequence[Service]) -> None:
        """Start services, without waiting until they are ready."""
        self._logs.mkdir(parents=True, exist_ok=True)
        self._disk.look()
        for service in services:
            child = _Child(service)
            self._children[service.name] = child
            self._run(child)

    def wait_ready(self, services: Sequence[Service], *, timeout_s: float) -> None:
        """Wait until services are ready. Raises StartFailed, or Stopped when we are asked to stop meanwhile."""
        deadline = time.monotonic() + timeout_s
        for service in services:
            child = self._children[service.name]
            while not _is_ready(child):
                if self.stopping.wait(_POLL_S):
                    raise Stopped
                self.watch()
                if child.deaths >= _STARTS_MAX:
                    raise StartFailed(
                        f"{service.name} ended {child.deaths} times before it was ready{self._tail(service)}"
                    )
                if time.monotonic() > deadline:
                    raise StartFailed(f"{service.name} is not ready after {timeout_s:.0f} s{self._tail(service)}")

    def watch(self) -> None:
        """Look at every child once: tell of those that died, and start them again when it is time."""
        now_s = time.monotonic()
        for child in self._children.values():
            if child.process is not None and child.process.poll() is not None:
                self._note_death(child, now_s)
            if child.process is None and now_s >= child.restart_s:
                self._run(child)
        if now_s - self._ticked_s >= TICK_S:
            self._ticked_s = now_s
            has_room_again = self._disk.look()
            for child in self._children.values():
                if has_room_again:
                    child.deaths, child.restart_s = 0, now_s
                if child.process is not None:
                    with self._disk.waiting_for_room():
                        child.process.tick()

    def run(self) -> None:
        """Watch until `stopping` is set."""
        while not self.stopping.wait(_POLL_S):
            self.watch()

    def stop(self, stages: Sequence[Stage]) -> None:
        """End the stages' services, the last stage first."""
        for stage in reversed(stages):
            children = [self._children.pop(service.name, None) for service in stage.services]
            stop(
                [child.process for child in children if child is not None and child.process is not None],
                grace_s=stage.grace_s,
            )

    def _run(self, child: _Child) -> None:
        name = child.service.name
        child.started_s = time.monotonic()
        with self._disk.waiting_for_room():
            child.process = Process(
                child.service,
                log=self._logs / f"{name}.log",
                env=self._own_environments.get(name, self._environment),
                cwd=self._cwd,
                pid_file=self._pid_files / f"{name}.pid",
            )
            return
        child.deaths += 1
        child.restart_s = child.started_s + TICK_S

    def _note_death(self, child: _Child, now_s: float) -> None:
        assert child.process is not None
        code = child.process.code
        child.process = None
        if now_s - child.started_s > STEADY_S:
            child.deaths = 0
        wait_s = min(self._backoff_s * 2**child.deaths, BACKOFF_S_MAX)
        child.deaths += 1
        child.restart_s = now_s + wait_s
        name = child.service.name
        self._say(
            f"mex: {name} ended with code {code}: starting it again in {wait_s:g} s (see {self._logs / name}.log)"
        )

    def _tail(self, service: Service) -> str:
        path = self._logs / f"{service.name}.log"
        lines = path.read_text(errors="replace").splitlines()[-_TAIL_LINES:] if path.exists() else []
        return "\n".join([f"; the end of {path}:", *(f"  {line}" for line in lines)])


def _is_ready(child: _Child) -> bool:
    if child.process is None or child.process.poll() is not None:
        return False
    return child.service.is_ready() and child.service.ready_text in child.process.output()
