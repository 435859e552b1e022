"""Shares of time by layer, of what py-spy has sampled: what `script/profile` runs.

A sample belongs to the innermost of its calls that a layer (bench/profile_layers.py) knows. So what nobody's helper
takes, the standard library for example, counts for whoever called it.
"""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.profile_layers import HELPERS, IDLE, KINDS, START, Layers

LEFT_OUT = "left out: "
OTHER = "other"
_PYTHON = ".py:"
"""In every call of Python, and in none of those of C that `py-spy --native` adds."""
_LINE = re.compile(r"(.+?) (\d+)\n", re.DOTALL)
"""A stack and its samples. A command line may have line ends in it."""
_PROCESS = re.compile(r'process \d+:"(.*?)";(?=process \d+:"|[^;"]+ \()', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Stack:
    """Where a thread was found so many times: calls as "function (file:line)", the outermost first.

    process: its command line, or "" where py-spy looked at one process.
    """

    process: str
    calls: tuple[str, ...]
    samples: int


def stacks(text: str) -> Iterator[Stack]:
    """Read what `py-spy record --format raw` has written."""
    for found in _LINE.finditer(text):
        stack = found[1]
        processes = list(_PROCESS.finditer(stack))
        calls = stack[processes[-1].end() :] if processes else stack
        yield Stack(processes[-1][1] if processes else "", tuple(calls.split(";")), int(found[2]))


def layer_of(calls: Sequence[str], layers: Layers) -> str:
    """Return the layer of a stack."""
    if any(_has(call, START) for call in calls):
        return LEFT_OUT + "starting"
    if _has(next((call for call in reversed(calls) if _PYTHON in call), ""), IDLE):
        return LEFT_OUT + "threads that wait for work"
    for call in reversed(calls):
        if not _has(call, HELPERS):
            for layer, marks in layers.items():
                if _has(call, marks):
                    return layer
    return OTHER


def _has(call: str, marks: Iterable[str]) -> bool:
    return any(mark in call for mark in marks)


def shares(found: Iterable[Stack], layers: Layers, *, process: str = "", under: str = "") -> Counter[str]:
    """Count samples by layer: of processes whose command line has a pattern, of stacks with a text in a call."""
    counted: Counter[str] = Counter()
    for stack in found:
        if re.search(process, stack.process) and any(under in call for call in stack.calls):
            counted[layer_of(stack.calls, layers)] += stack.samples
    return counted


def as_table(counted: Counter[str]) -> str:
    """Return the shares in per cent of what is not left out, the largest first."""
    kept = {layer: samples for layer, samples in counted.items() if not layer.startswith(LEFT_OUT)}
    total = sum(kept.values())
    lines = ["| layer | share |", "| --- | ---: |"]
    lines += [f"| {layer} | {100 * kept[layer] / total:.0f} % |" for layer in sorted(kept, key=kept.__getitem__)[::-1]]
    left_out = [
        f"{samples:,} of {layer.removeprefix(LEFT_OUT)}" for layer, samples in (counted - Counter(kept)).items()
    ]
    return "\n".join([*lines, "", f"{total:,} samples" + "".join(f"; without {text}" for text in left_out)])


def main(arguments: Sequence[str]) -> int:
    """Print the shares of a file."""
    parser = argparse.ArgumentParser(
        prog="script/profile", description="Tells what share of its time a process spent in which layer."
    )
    parser.add_argument("kind", choices=KINDS, help="the layers of which kind of process")
    parser.add_argument("file", type=Path, help="what `py-spy record --format raw --output FILE` has written")
    parser.add_argument("--process", default="", help="only processes whose command line matches this pattern")
    parser.add_argument("--under", default="", help="only what was called by a call with this text")
    chosen = parser.parse_args(arguments)
    text = chosen.file.read_text()
    counted = shares(stacks(text), KINDS[chosen.kind], process=chosen.process, under=chosen.under)
    if not counted:
        commands = "\n".join(sorted({stack.process for stack in stacks(text)}))
        sys.stderr.write(f"profile: no sample is of that process and call; processes:\n{commands}\n")
        return 1
    sys.stdout.write(as_table(counted) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
