"""An engine that stops itself: `python -m tests.runtime.freezing_engine POINT BATCH`.

It is `manage.py run_engine`, but at a point of its BATCHth commit it sends itself SIGSTOP, as an operator or a
hypervisor might at any moment.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import django

django.setup()

from django.core.management import execute_from_command_line  # noqa: E402

from trading.runtime import store, tables  # noqa: E402
from trading.runtime.publisher import Publisher  # noqa: E402

POINTS: dict[str, tuple[object, str]] = {
    "inside": (tables, "_check"),  # something is written, nothing committed
    "committed": (store, "commit"),  # nobody was told yet
    "published": (Publisher, "send"),
}


def arm(point: str, batch: int) -> None:
    """Stop this process the first time that it has come by the point in that commit."""
    batches: list[None] = []
    stopped: list[None] = []

    def count(*args: Any, **kwargs: Any) -> Any:
        batches.append(None)
        return commit(*args, **kwargs)

    def then_stop(*args: Any, **kwargs: Any) -> Any:
        answer = passed(*args, **kwargs)
        if len(batches) >= batch and not stopped:
            stopped.append(None)
            os.kill(os.getpid(), signal.SIGSTOP)
        return answer

    commit: Callable[..., Any] = store.commit
    store.commit = count
    place, name = POINTS[point]
    passed: Callable[..., Any] = getattr(place, name)
    setattr(place, name, then_stop)


if __name__ == "__main__":
    arm(sys.argv[1], int(sys.argv[2]))
    execute_from_command_line(["manage.py", "run_engine"])
