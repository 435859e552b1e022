"""The web process once it is loaded."""

import subprocess
import sys

from bench.trees import ROOT

LONGEST_LEFT = 1_000
"""Objects; what is loaded is a hundred times as many."""


def test_the_collector_looks_through_nothing_that_was_loaded_at_the_start() -> None:
    program = "import gc, mex.asgi; print(gc.get_freeze_count(), len(gc.get_objects()))"

    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, text=True, capture_output=True)

    frozen, left = map(int, ended.stdout.split())
    assert frozen > 100 * LONGEST_LEFT
    assert left < LONGEST_LEFT
