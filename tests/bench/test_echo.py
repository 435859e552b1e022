"""The echo that orders are judged against is served as the gateway is."""

import subprocess
import sys

from bench.trees import ROOT

PROGRAM = """
import gc, sys
from importlib import import_module
import_module(sys.argv[1])
from daphne import server
print(gc.get_threshold(), gc.get_freeze_count() > 1_000, server.WebSocketFactory, server.HTTPFactory)
"""


def serving_of(module: str) -> str:
    """Return what a module sets for the process that loads it."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, module], cwd=ROOT, check=True, text=True, capture_output=True
    )
    return ended.stdout


def test_frames_and_collector_are_as_in_the_gateway() -> None:
    gateway, ours, stock = map(serving_of, ("mex.asgi", "bench.echo_ours", "bench.echo"))

    assert ours == gateway
    assert "mex.daphne_limits.BoundedFactory" in ours
    assert stock != gateway
