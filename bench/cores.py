"""What share of a core processes take, from /proc."""

import os
import time
from collections.abc import Mapping
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Cores:
    """The processes by role, from now on: who makes one when counting begins leaves out what came before."""

    def __init__(self, processes: Mapping[str, int]) -> None:
        self._processes = dict(processes)
        self._used_s = {role: _cpu_s(process) for role, process in self._processes.items()}
        self._began = time.perf_counter()

    def shares(self) -> dict[str, float]:
        """Return what each took since then, in cores."""
        took = time.perf_counter() - self._began
        return {role: (_cpu_s(process) - self._used_s[role]) / took for role, process in self._processes.items()}


def _cpu_s(process: int) -> float:
    """Return the seconds of processor time that a process and its threads have used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
