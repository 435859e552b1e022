"""What a load test tells people while it runs: one line a second, written over the one before on a terminal."""

import shutil
from collections.abc import Mapping
from typing import Any, TextIO

_CLEAR = "\r\x1b[K"
_CPU_TOLD = 5


class Progress:
    """Writes to one stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._has_line = False

    def say(self, text: str) -> None:
        """Write a line that stays."""
        self._stream.write(f"{_CLEAR if self._has_line else ''}{text}\n")
        self._has_line = False
        self._stream.flush()

    def second(self, name: str, seconds: float, row: Mapping[str, Any]) -> None:
        """Write how it goes."""
        text = line_of(name, seconds, row)
        if not self._is_terminal:
            self.say(text)
            return
        width = shutil.get_terminal_size().columns - 1
        self._stream.write(f"{_CLEAR}{text[:width]}")
        self._has_line = True
        self._stream.flush()


def line_of(name: str, seconds: float, row: Mapping[str, Any]) -> str:
    """Return what is said of a second.  [pure]"""
    p50, p99 = (f"{row[key]:.1f}" if row[key] is not None else "–" for key in ("p50", "p99"))
    largest = sorted(((used, role) for role, used in row["cpu"].items()), reverse=True)[:_CPU_TOLD]
    cpu = " ".join(f"{role} {used:.2f}" for used, role in largest)
    return (
        f"{name}  {row['t']:.0f}/{seconds:.0f} s  acked {row['acked']}  refused {row['refused']}  "
        f"errors {row['errors']}  in flight {row['in_flight']}  p50 {p50}  p99 {p99} ms  cores: {cpu}"
    )


def summary_of(step: Mapping[str, Any]) -> str:
    """Return what is said of a step.  [pure]"""
    times = step["latency_ms"]
    p50, p99 = (f"{times[key]:.1f}" if key in times else "–" for key in ("p50", "p99"))
    verdict = f"broken: {step['broken']}" if step["broken"] else "holds"
    return (
        f"{step['name']}: {step['throughput']:,.0f}/s acknowledged, {step['refused']} refused, "
        f"{step['errors']} errors, "
        f"p50 {p50} p99 {p99} ms, {verdict}"
    )
