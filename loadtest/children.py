"""The controller's ends of the pipes: processes that are told JSON lines and tell JSON lines."""

import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from launcher.instance import ROOT
from loadtest.messages import Ready

_READY_TIMEOUT_S = 120.0
_END_TIMEOUT_S = 20.0
_LAST_WORDS = 2_000

T = TypeVar("T", bound=msgspec.Struct)


class ChildFailed(Exception):
    """Raised when a child ended or fell silent, with its last words."""


class Child(Generic[T]):
    """`python -m MODULE`, which says `Ready` first and then messages of one kind."""

    def __init__(
        self, module: str, first: msgspec.Struct, kind: type[T], *, environment: Mapping[str, str], log: Path
    ) -> None:
        self.name = module
        self._log = log
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module],
                cwd=ROOT,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,  # Ctrl-C is for the controller: it ends them in order, by ending their input
            )
        self._decoder = msgspec.json.Decoder(kind)
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._read, name=f"{module} reader", daemon=True).start()
        self.send(first)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def wait_ready(self) -> None:
        """Wait until it is ready. Raises ChildFailed."""
        msgspec.json.decode(self._next(_READY_TIMEOUT_S), type=Ready)

    def send(self, message: msgspec.Struct) -> None:
        """Tell it something. Raises ChildFailed if it has ended."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(msgspec.json.encode(message) + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise self._failed("has ended") from None

    def next(self, timeout_s: float) -> T:
        """Return its next message. Raises ChildFailed if it has ended, or says nothing for `timeout_s`."""
        return self._decoder.decode(self._next(timeout_s))

    def heard(self) -> list[T]:
        """Return what it has said and nobody has looked at, without waiting. Raises ChildFailed if it has ended."""
        found: list[T] = []
        while not self._lines.empty():
            found.append(self.next(0))
        return found

    def close(self) -> None:
        """End its input and wait; kill it if it does not end."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass  # it has ended already
        try:
            self._process.wait(_END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(b"")

    def _next(self, timeout_s: float) -> bytes:
        try:
            line = self._lines.get(timeout=timeout_s) if timeout_s else self._lines.get_nowait()
        except queue.Empty:
            raise self._failed(f"said nothing for {timeout_s:.0f} s") from None
        if not line:
            self._lines.put(b"")  # so it will be for everybody who asks again
            raise self._failed("has ended")
        return line

    def _failed(self, what: str) -> ChildFailed:
        words = self._log.read_text(errors="replace").strip()[-_LAST_WORDS:]
        return ChildFailed(f"{self.name} {what}: {words or 'without a word'}")
