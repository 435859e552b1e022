"""Waiting for a condition with a deadline."""

import time
from collections.abc import Callable


def wait_for(condition: Callable[[], object], *, timeout_s: float = 15.0) -> None:
    """Wait until a condition holds; fail when it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)
