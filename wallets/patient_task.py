"""Tasks that wait while the database cannot be used: said once, not every second with a trace."""

import logging
import time
from collections.abc import Callable
from typing import Any

from celery import Task
from django.db import OperationalError

from mex.outages import database_outage

log = logging.getLogger(__name__)
QUIET_S = 20.0
"""So long without an outage, and it is over: on a full disk those tasks succeed that have nothing to store."""


class Outage:
    """Whether the database can be used, as this process last saw it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._why = ""
        self._seen_at = 0.0

    def goes_on(self, why: str, task: str) -> None:
        """Note that a task could not use the database; say so if that is news."""
        is_news = why != self._why
        self._why, self._seen_at = why, self._clock()
        if is_news:
            log.error(
                "the database cannot be used, %s: %s waits, and so does every task that needs it. "
                "Nothing is lost: each is tried again until it works",
                why,
                task,
            )

    def is_not_seen(self) -> None:
        """Note that a task came to its end; say so if nothing has gone wrong for long enough."""
        if self._why and self._clock() - self._seen_at > QUIET_S:
            self._why = ""
            log.info("the database can be used again, tasks go on")


outage = Outage()


class PatientTask(Task):
    """A task that is asked for again and again: what the database does not take now is done another time."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it. What is asked for only once (not acknowledged late) fails as usual."""
        try:
            answer = super().__call__(*args, **kwargs)
        except OperationalError as error:
            why = database_outage(error)
            if not (why and self.acks_late):
                raise
            outage.goes_on(why, self.name)
            return None
        outage.is_not_seen()
        return answer
