"""Whether this process's event loop keeps up: while it does not, new orders are refused before they cost anything.

What is read from sockets and waits for its turn is seen by nobody; but the loop then takes long to come round, and a
timer that is due shows it. If nothing were refused, requests would wait ever longer while the load lasts.
"""

import asyncio
import math
import time

from mex.limits import LOOP_LATE_MAX_S

_PERIOD_S = 0.05


class Pulse:
    """A timer of the running event loop that is due again and again, and how late it is."""

    def __init__(self) -> None:
        self._due = time.monotonic() + _PERIOD_S
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Beat until `stop`."""
        # Not a task: its turn would come after that of all requests which were read before the timer was due.
        self._due = time.monotonic() + _PERIOD_S
        self._timer = asyncio.get_running_loop().call_later(_PERIOD_S, self.start)

    def stop(self) -> None:
        """End. From then on it is never late."""
        if self._timer is not None:
            self._timer.cancel()
        self._due = math.inf

    @property
    def is_late(self) -> bool:
        """Return whether the event loop is so far behind that new orders are to be refused."""
        return time.monotonic() > self._due + LOOP_LATE_MAX_S
