"""Run the matching engine: the one process that writes orders, trades, postings and balances."""

import gc
import logging
import signal
import sqlite3
import time
from types import FrameType
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection

from mex.outages import database_outage
from trading.runtime import lease
from trading.runtime.loop import Engine, open_pipe

log = logging.getLogger(__name__)
_LOOK_S = 0.1
"""How often a standby looks whether the leader is well."""
_RETRY_S = 1.0
"""How often an engine looks whether the database can be used again."""


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
            self._say(f"engine ready, epoch {engine.epoch}")
            # What was loaded stays: keeping the collector off it saves long pauses.
            gc.freeze()
            engine.run(lambda: self._stopping)
            engine.close()
        except lease.LeaseLost as error:
            raise CommandError(f"another engine has taken over: {error}") from error
        except (DatabaseError, sqlite3.Error, psycopg.Error) as error:
            why = database_outage(error)
            if not why:
                self._say_where(engine)
                raise
            # Memory may be ahead of the database, as after any commit that failed: the next start waits, see `_lead`.
            raise CommandError(
                f"the database cannot be used, {why} ({error}): nobody was told of what may not be committed, and the "
                "next engine does it"
            ) from error
        except Exception:
            self._say_where(engine)
            raise

    @staticmethod
    def _say_where(engine: Engine) -> None:
        """Say where to look, for the next engine takes the same entries and may end there as well."""
        text = "the engine ends at an entry of the command stream after %s, %s at the latest (docs/operations.md)"
        log.error(text, *engine.entries)

    def _lead(self, *, wait: bool) -> Engine | None:
        said = ""
        reason: Exception
        while not self._stopping:
            try:
                return Engine(settings.MEX_SHARD, open_pipe())
            except lease.LeaseHeld as error:
                if lease.is_own(settings.MEX_SHARD):
                    # From a start that failed here. The next process finds this one gone, and need not wait.
                    raise CommandError("this engine could not load: the next one takes over") from error
                reason, words, look_s = error, "standing by", _LOOK_S
            except DatabaseError as error:
                why = database_outage(error)
                if not why:
                    raise
                reason, words, look_s = error, f"waiting, the database cannot be used, {why}", _RETRY_S
                connection.close()  # one that broke stays so
            if not wait:
                raise CommandError(str(reason)) from reason
            if words != said:
                self._say(f"{words}: {reason}")
                said = words
            time.sleep(look_s)
        return None

    def _say(self, text: str) -> None:
        try:
            self.stdout.write(text)
        except OSError as error:
            # The disk of the logs may be full while that of the database is not: no reason not to trade.
            log.warning("%s (which could not be written to the output: %s)", text, error)

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self._stopping = True
