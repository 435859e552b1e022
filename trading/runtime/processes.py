"""Engine processes by name: "host:pid:start", which no other process ever shares."""

import os
import socket
from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Known(Enum):
    """What can be seen of a process from here."""

    ELSEWHERE = "elsewhere"
    """It is on another host, so nothing can be seen."""
    GONE = "gone"
    STOPPED = "stopped"
    """By SIGSTOP or a debugger: it does nothing until somebody lets it go on."""
    ALIVE = "alive"


@dataclass(frozen=True, slots=True)
class Sight:
    """A process, as it is seen from here."""

    pid: int
    state: Known


def identity() -> str:
    """Return the name of this process."""
    return f"{socket.gethostname()}:{os.getpid()}:{_stat(os.getpid())[1]}"


def look_up(name: str) -> Sight:
    """Return what can be seen of the process of this name."""
    host, _, rest = name.rpartition(":")[0].rpartition(":")
    start = name.rpartition(":")[2]
    if host != socket.gethostname() or not rest.isdigit():
        return Sight(0, Known.ELSEWHERE)
    pid = int(rest)
    letter, started = _stat(pid)
    if started != start or letter in ("Z", "X"):
        return Sight(pid, Known.GONE)
    return Sight(pid, Known.STOPPED if letter in ("T", "t") else Known.ALIVE)


def _stat(pid: int) -> tuple[str, str]:
    """Return a process's state and when it started, in clock ticks since boot, or two "" (proc(5), fields 3 and 22)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "", ""
    fields = stat.rpartition(")")[2].split()
    return fields[0], fields[19]
