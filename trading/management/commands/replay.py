"""Rebuild the engine's state from the database alone, and compare it with what the running engine has in memory."""

import json
import time
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from mex.database import read_snapshot
from trading.engine.commands import Checkpoint
from trading.engine.snapshot import state_hash
from trading.gateway.sender import send
from trading.models import EngineState
from trading.runtime import lease, recovery

TRIES_MAX = 30
"""Under load the next batch may be committed before anyone has looked at the one with the hash."""

ANSWER_S = 30.0
"""An engine that is loading, or hashing millions of orders, needs its time."""

_POLL_S = 0.001
DIFFERENT, UNKNOWN = 1, 2
"""Exit statuses."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two hashes of one state, after the command of this number."""

    sequence: int
    engine: str
    database: str
    open_orders: int
    loaded_s: float
    is_running: bool

    @property
    def is_equal(self) -> bool:
        """Return whether the database says what the engine has."""
        return self.engine == self.database


class Command(BaseCommand):
    """Compare; end with status 1 when the states differ, and with 2 when there is nothing to compare with."""

    help = "Rebuild the state from the database and compare its hash with the running engine's, while it goes on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print one JSON object instead of lines.")

    def handle(self, *args: Any, **options: Any) -> None:
        shard = settings.MEX_SHARD
        found = self._running(shard) if lease.is_led(shard) else self._stopped(shard)
        if options["json"]:
            self.stdout.write(json.dumps(asdict(found) | {"equal": found.is_equal}, indent=1))
        else:
            whose = "the engine's" if found.is_running else "what the last engine left"
            self.stdout.write(
                f"after command {found.sequence}, {found.open_orders} open orders, {found.loaded_s:.2f} s:"
            )
            self.stdout.write(f"database  {found.database}")
            self.stdout.write(f"engine    {found.engine} ({whose})")
        if not found.is_equal:
            raise CommandError("the state that follows from the database is not the engine's", returncode=DIFFERENT)

    def _running(self, shard: int) -> Comparison:
        """Have the engine hash its state, and look at the commit that holds the hash before there is another."""
        for _ in range(TRIES_MAX):
            since = EngineState.objects.values_list("hash_sequence", flat=True).get(shard=shard)
            send([Checkpoint()])
            deadline = time.monotonic() + ANSWER_S
            while time.monotonic() < deadline:
                with read_snapshot():
                    state = EngineState.objects.only("sequence", "hash_sequence", "state_hash").get(shard=shard)
                    if state.hash_sequence > since and state.hash_sequence == state.sequence:
                        return _compare(shard, state, is_running=True)
                if state.hash_sequence > since:
                    break
                time.sleep(_POLL_S)
            else:
                raise CommandError(f"the engine has not answered for {ANSWER_S:.0f} s", returncode=UNKNOWN)
        raise CommandError(
            f"the engine went on before anyone could look, {TRIES_MAX} times: try again when there is less to do",
            returncode=UNKNOWN,
        )

    def _stopped(self, shard: int) -> Comparison:
        """Compare with the hash of the last checkpoint, if nothing has happened since."""
        with read_snapshot():
            state = EngineState.objects.filter(shard=shard).first() or EngineState(shard=shard)
            if not state.state_hash or state.hash_sequence != state.sequence:
                raise CommandError(
                    f"no engine runs, and the last hash is of command {state.hash_sequence}, not of the last one,"
                    f" {state.sequence}: start the engine",
                    returncode=UNKNOWN,
                )
            return _compare(shard, state, is_running=False)


def _compare(shard: int, state: EngineState, *, is_running: bool) -> Comparison:
    began = time.monotonic()
    core = recovery.load(shard).core
    loaded_s = time.monotonic() - began
    return Comparison(
        sequence=state.sequence,
        engine=state.state_hash,
        database=state_hash(core),
        open_orders=len(core.open_orders()),
        loaded_s=loaded_s,
        is_running=is_running,
    )
