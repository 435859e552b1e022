"""Run the matching engine: the one process that writes orders, trades, postings and balances."""

import gc
import logging
import signal
import time
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from trading.runtime import lease
from trading.runtime.loop import Engine, open_pipe

log = logging.getLogger(__name__)
_LOOK_S = 0.1
"""How often a standby looks whether the leader is well."""


class Command(BaseCommand):
    """Start the engine; wait while another one is alive, and take over when it is not."""

    help = "Run the matching engine. Waits while another engine is alive, then takes over."

    def add_arguments(self, parser: CommandParser) -> None:
        group = parser.add_mutually_exclusive_group()
        group.add_argument("--no-wait", action="store_true", help="End with an error if another engine is alive.")
        group.add_argument("--standby", action="store_true", help="Wait while another engine is alive; the default.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not __debug__:
            raise CommandError("the engine's invariants are assertions: do not run it with python -O")
        self._stopping = False
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        engine = self._lead(wait=not options["no_wait"])
        if engine is None:
            return
        try:
            engine.start()
            self.stdout.write(f"engine ready, epoch {engine.epoch}")
            # What was loaded stays: keeping the collector off it saves long pauses.
            gc.freeze()
            engine.run(lambda: self._stopping)
        except lease.LeaseLost as error:
            raise CommandError(f"another engine has taken over: {error}") from error
        engine.close()

    def _lead(self, *, wait: bool) -> Engine | None:
        said = False
        while not self._stopping:
            try:
                return Engine(settings.MEX_SHARD, open_pipe())
            except lease.LeaseHeld as error:
                if not wait:
                    raise CommandError(str(error)) from error
                if not said:
                    self.stdout.write(f"standing by: {error}")
                    said = True
                time.sleep(_LOOK_S)
        return None

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self._stopping = True
