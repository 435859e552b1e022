"""Lives that end by SIGKILL, one after the other, each a fork of one prepared process: hundreds fit into a test."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import TypeVar

from django.db import connections

Doom = TypeVar("Doom")
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def run_lives(count: int, draw: Callable[[], Doom], live: Callable[[Doom | None], None]) -> None:
    """Run `live` with `count` dooms, each of which must end in SIGKILL, then once without, until SIGTERM.

    Says "last life" when that one begins. Ends the process with an error when a life ended in any other way.
    """
    connections.close_all()  # a connection must not be shared with a fork
    for number in range(count):
        status = os.waitpid(_begin(live, draw()), 0)[1]
        if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
            sys.exit(f"life {number} ended with status {status}, and not as it should")
    last = _begin(live, None)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(last, signal.SIGTERM))
    print("last life", flush=True)
    status = os.waitpid(last, 0)[1]
    if status != 0:
        sys.exit(f"the last life ended with status {status}")


def _begin(live: Callable[[Doom | None], None], doom: Doom | None) -> int:
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        # A test that fails kills the parent only: its last life must not stay behind.
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == parent:
            live(doom)
        os._exit(0)
    return child
