"""What processes use, from /proc: CPU in cores and memory by name, children counted with their parents.

Source: proc(5), /proc/PID/stat, /proc/PID/statm and /proc/stat.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_MB = 1_000_000
_PARENT, _USER, _SYSTEM = 1, 11, 12
"""Places after the command's name in /proc/PID/stat."""
_IDLE, _WAITING_FOR_DISK, _GUEST = 3, 4, 8
"""Places in the first line of /proc/stat; what guests use is in user time too."""
_RESIDENT, _SHARED = 1, 2
"""Places in /proc/PID/statm, in pages."""


def instance_roots(folder: Path) -> dict[int, str]:
    """Return the processes of an instance by pid, with the names that the launcher gave them."""
    roots: dict[int, str] = {}
    for path in (folder / "run").glob("*.pid"):
        words = path.read_text().split()
        if words:
            roots[int(words[0])] = path.stem
    return roots


class Usage:
    """Readings one after the other: each tells of the time since the one before."""

    def __init__(self) -> None:
        self._before: dict[int, int] = {}
        self._busy_before = 0
        self._read_s = 0.0

    def read(self, roots: Mapping[int, str]) -> tuple[dict[str, float], dict[str, float]]:
        """Return cores and MB by role. "other" is what the rest of the machine uses. The first reading has no cores."""
        now_s = time.monotonic()
        stats = _stats()
        seconds = now_s - self._read_s if self._read_s else 0.0
        ticks: dict[str, int] = {}
        memory: dict[str, int] = {}
        for pid, (_, used) in stats.items():
            role = _role(pid, roots, stats)
            if role:
                ticks[role] = ticks.get(role, 0) + used - self._before.get(pid, 0)
                memory[role] = memory.get(role, 0) + _own_bytes(pid)
        busy = _busy_ticks()
        cpu = {role: used / _TICKS_PER_S / seconds for role, used in sorted(ticks.items())} if seconds else {}
        if seconds:
            whole = (busy - self._busy_before) / _TICKS_PER_S / seconds
            cpu["other"] = max(whole - sum(cpu.values()), 0.0)
        self._before = {pid: used for pid, (_, used) in stats.items()}
        self._busy_before = busy
        self._read_s = now_s
        return cpu, {role: size / _MB for role, size in sorted(memory.items())}


def _stats() -> dict[int, tuple[int, int]]:
    """Return parent and used ticks of every process."""
    found: dict[int, tuple[int, int]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            found[int(name)] = (int(fields[_PARENT]), int(fields[_USER]) + int(fields[_SYSTEM]))
    return found


def _role(pid: int, roots: Mapping[int, str], stats: Mapping[int, tuple[int, int]]) -> str:
    while pid in stats:
        if pid in roots:
            return roots[pid]
        pid = stats[pid][0]
    return ""


def _own_bytes(pid: int) -> int:
    """Return the memory of a process without what it shares: all of PostgreSQL's would count its buffers, each anew."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return (int(fields[_RESIDENT]) - int(fields[_SHARED])) * _PAGE_BYTES


def _busy_ticks() -> int:
    with open("/proc/stat") as file:
        fields = [int(word) for word in file.readline().split()[1:]]
    return sum(fields[:_GUEST]) - fields[_IDLE] - fields[_WAITING_FOR_DISK]
