"""A worker that dies at random steps and is started again, in one process: what it had not committed is gone.

Deaths are exceptions that nothing catches, raised before or after a step that changes the database, the chain or the
engine's stream; the steps are those of tests/crash, where real processes are killed. One seed gives one course.
"""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.crash.doomed_worker import STEPS, TASKS, step_label
from wallets import tasks
from wallets.pace import Aside, Courier, Pacer

_STRIKES_MAX = 14


class Died(BaseException):
    """The worker is no more."""


class Worker:
    """Does the tasks of both queues; with `mortality` (0 to 1) a round ends in death."""

    def __init__(self, chance: random.Random) -> None:
        self.deaths: Counter[str] = Counter()
        self.mortality = 0.0
        self._chance = chance
        self._strikes_left = 0
        for steps in STEPS.values():
            for place, name in dict.fromkeys(steps):
                self._arm(place, name)

    def round(self) -> None:
        """Do every task once, in random order, or die at some step on the way."""
        todo = [task for queue in TASKS.values() for task in queue]
        self._chance.shuffle(todo)
        self._strikes_left = self._chance.randint(1, _STRIKES_MAX) if self._chance.random() < self.mortality else 0
        try:
            for task in todo:
                task()
        except Died as death:
            self.deaths[str(death)] += 1
            self._be_born()
        self._strikes_left = 0

    def _be_born(self) -> None:
        """Forget what a process has in memory."""
        tasks.bitcoin_node_opened.cache_clear()
        tasks.ethereum_node.cache_clear()
        tasks.courier = Courier()
        tasks.pacer = Pacer()
        tasks.aside = Aside()

    def _arm(self, place: Any, name: str) -> None:
        label = step_label(place, name)
        function: Callable[..., Any] = getattr(place, name)

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self._strike(f"before {label}")
            result = function(*args, **kwargs)
            self._strike(f"after {label}")
            return result

        setattr(place, name, wrapped)

    def _strike(self, step: str) -> None:
        if self._strikes_left:
            self._strikes_left -= 1
            if not self._strikes_left:
                raise Died(step)
