"""How the demo ends when something does not hold, and how it waits.  [pure]"""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_PAUSE_S = 0.25


class DemoFailed(Exception):
    """Raised at the first thing that does not hold, with a line that says what was expected and what came."""


def demand(holds: bool, otherwise: str) -> None:
    """Raise DemoFailed unless something holds."""
    if not holds:
        raise DemoFailed(otherwise)


def wait_for(what: str, look: Callable[[], T | None], timeout_s: float) -> T:
    """Look again and again until there is something, and return it. Raises DemoFailed when it does not come in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        time.sleep(_PAUSE_S)
    raise DemoFailed(f"waited {timeout_s:.0f} s for {what}, in vain")
