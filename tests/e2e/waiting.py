"""Waiting for something to become true, with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_PAUSE_S = 0.1


def wait_for(what: str, look: Callable[[], T | None], *, timeout_s: float = 60.0) -> T:
    """Look again and again until there is something, and return it; fail with `what` was waited for."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {timeout_s:.0f} s for {what}, in vain"
        time.sleep(_PAUSE_S)
