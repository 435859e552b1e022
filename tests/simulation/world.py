"""One seed's world: one thread, a time of its own, engines that die, freeze and come back, and everybody around them.

The runtime is the real one, from taking the lease to giving it back. It meets the world where it waits: in its
database, at its pipe, in its sleep. There faults strike, and there everybody else has his turn.

A frozen engine is one whose call has not returned yet: the engine that takes over runs inside of that call.
"""

import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, ClassVar, NoReturn, TypeVar

import redis
from django.db import DatabaseError, connection

from mex.limits import LEASE_LOAD_MS, LEASE_MS
from tests.simulation.clients import Crowd, Surroundings
from tests.simulation.committer import Committer
from tests.simulation.database import INJECTED, SimulatedDatabase, fail
from tests.simulation.errands import Broken, require
from tests.simulation.faults import IDLE, Crash, Fault, Plan
from tests.simulation.process import PipeEnd, Process
from tests.simulation.streams import Streams
from tests.simulation.summary import Summary
from tests.simulation.told import Told
from tests.simulation.witness import Life, Witness
from trading.engine.events import Batch
from trading.engine.snapshot import state_hash
from trading.runtime.lease import LeaseHeld, LeaseLost
from trading.runtime.loop import Engine

Result = TypeVar("Result")
BEGINNING_MS = 1_790_000_000_000
TURNS = 60
"""Turns in which things go wrong. After them, all must come to rest."""
CALM_TURNS_MAX = 300
ENGINES_AT_ONCE = 3
_FAILURES = (AssertionError, DatabaseError, sqlite3.Error)


class World:
    """Everything that one seed decides."""

    current: ClassVar["World"]
    """The world that runs in this process."""

    def __init__(self, seed: int, database: SimulatedDatabase) -> None:
        World.current = self
        self.seed = seed
        self.chance = chance = random.Random(seed)
        self.ms = BEGINNING_MS
        self.steps: list[str] = []
        self.turns = 0
        self.streams = Streams(lambda: self.ms + self._pipe_skew_ms)
        self.witness = Witness(database, self.streams)
        self.batch_limits = chance.choice([3, 20, 1_000]), chance.choice([2, 5, 200])
        """Commands in a batch, entries read at once."""
        self.overlaps_from = chance.choice([0, 0, 1, 5])
        """How many commands a batch needs to be committed while the next one is prepared; 0: no overlapping."""
        self.writes_first = chance.random() < 0.5
        """Whether only the commit itself is done while the next batch is prepared, as on SQLite, or writing, too."""
        self._database = database
        self._told = Told(database)
        self._plan = Plan(chance, chance.choice([5, 15, 30, 60, 150]))
        around = Surroundings(
            chance, self.streams, database, self._told, lambda: self.ms, lambda: self.is_down, self.note
        )
        self._crowd = Crowd(around, commands_max=chance.choice([60, 150, 250]))
        self._ends: Counter[str] = Counter()
        self._stack: list[Process] = []
        """Who runs now is the last one; those below him are frozen."""
        self._paused: Process | None = None
        """An engine that leads and waits for work, while a frozen one goes on."""
        self._gone: set[str] = set()
        self._lives = 0
        self._pipe_skew_ms = 0
        self._down_until_ms = 0
        self._place = ""
        self._is_watching = True
        self._is_over = False

    # --- the run ----------------------------------------------------------------------------------------

    def run(self) -> Summary:
        """Run until everybody has what he wanted, and look at the result. Raises Broken."""
        self._database.reset()
        with self._database.watched_by(self):
            while not self._is_over:
                self._lead(turns=10**9)
            with self._unwatched():
                self.witness.check_end()
                self._told.check()
        return Summary(
            self.seed,
            self.turns,
            self.witness.published,
            self.witness.core.sequence,
            self._ends,
            self._plan.struck,
            self.witness.seen,
            self.steps,
            state_hash(self.witness.core),
        )

    def note(self, step: str) -> None:
        """Note a step, for whoever looks for the cause of a failure."""
        who = f" engine {self._stack[-1].life.number}" if self._stack else ""
        self.steps.append(f"{self.turns:4d} {self.ms - BEGINNING_MS:7d} ms{who}: {step}")

    def _lead(self, *, turns: int) -> None:
        """Let an engine lead: the one that waits for that, or a new one, for so many turns at most."""
        process, self._paused = self._paused, None
        if process is None:
            process = self._new_process()
        process.turns_left, process.is_pausing = turns, False
        self._stack.append(process)
        try:
            end = self._live(process)
        finally:
            self._stack.pop()
        if process.is_pausing and not end:
            self._paused = process
            return
        self._ends[end] += 1
        self.note(f"engine {process.life.number} has ended: {end}")
        self._gone.add(process.identity)
        self._require_clean_connection()
        if end == "another one leads":
            self.let_pass(self.chance.choice([200, 2_000, 6_000]))
            self._turn()

    def _live(self, process: Process) -> str:
        """Let a process run until it ends or pauses; return how it ended."""
        try:
            if process.engine is None:
                process.engine = Engine(0, PipeEnd(self, process))  # type: ignore[arg-type]  # all that it uses
                process.engine._committer = process.committer  # type: ignore[assignment]  # all that it uses
                process.engine._writes_first = self.writes_first
                self._check_state(process, "a new engine's state")
                process.engine.start()
                self.note("leads")
            process.engine._is_ending = False  # it only paused
            process.engine.run(self._is_stopping)
            if process.is_pausing:
                return ""
            process.engine._committer = None  # nothing is left to close: there is one connection for all
            process.engine.close()
        except Crash:
            return "crashed"
        except (LeaseHeld, LeaseLost, redis.ConnectionError, redis.TimeoutError, *_FAILURES) as error:
            end = self._end_by(process, error)
            if process.committer is not None:
                with suppress(Crash):
                    process.committer.end()
            return end
        return "stopped"

    def _end_by(self, process: Process, error: Exception) -> str:
        """Return how an error ends a process, where it may."""
        if isinstance(error, LeaseHeld):
            return "another one leads"
        is_replaced = process.life.epoch < self.witness.epoch
        if isinstance(error, LeaseLost):
            require(is_replaced, "it ended without need: nobody had taken over")
            return f"lost its lease at {self._place.partition(' ')[0]}"
        if isinstance(error, AssertionError):
            raise Broken(f"it found itself in the wrong: {error}") from error
        if isinstance(error, DatabaseError | sqlite3.Error):
            require(INJECTED in str(error), f"the database refused: {error}")
            return "database error"
        return "no pipe at its start"

    def _new_process(self) -> Process:
        self._lives += 1
        chance = self.chance
        committer = Committer(chance, self._require_clean_connection) if self.overlaps_from else None
        is_near, skew_ms = chance.random() < 0.7, chance.choice([0, 0, 0, 2_000, -2_000])
        return Process(Life(self._lives), is_near, skew_ms, committer)

    def _check_state(self, process: Process, what: str) -> None:
        # One that was replaced may have read what is old by now, and one that commits may be ahead.
        if process.life.epoch == self.witness.epoch and process.engine is not None and process.is_settled:
            self.witness.compare(process.engine.core, what)

    def _is_stopping(self) -> bool:
        process = self._stack[-1]
        return process.is_pausing or process.is_told_to_stop or self._is_over

    # --- everybody else -----------------------------------------------------------------------------------

    @property
    def is_down(self) -> bool:
        """Whether the pipe's server is away."""
        return self.ms < self._down_until_ms

    def let_pass(self, ms: int) -> None:
        """Let time pass."""
        self.ms += ms

    def wait(self, process: Process) -> bool:
        """Let everybody else have his turn; return whether the process may go on, or gives way."""
        if self.chance.random() < 0.3:
            self._check_state(process, "a running engine's state")
        self.pass_place(IDLE)
        self._turn()
        process.turns_left -= 1
        process.is_pausing = process.turns_left < 0 and process.may_pause
        return not process.is_pausing

    def sleep(self) -> None:
        """Let everybody else have his turn while an engine sleeps: a little, or as long as a machine under load."""
        self.let_pass(self.chance.choice([200, 200, 1_000, 2_500]))
        self.pass_place(IDLE)
        self._turn()

    def _turn(self) -> None:
        self.turns += 1
        self.let_pass(self.chance.randint(1, 30))
        if self.turns == TURNS:
            self.note("nothing goes wrong from here on")
            self._plan.is_calm = True
            self._down_until_ms = 0
        require(self.turns < TURNS + CALM_TURNS_MAX, "it does not come to rest")
        with self._unwatched():
            self._crowd.turn(is_calm=self._plan.is_calm)
            if self.chance.random() < 0.1:
                self.witness.check_recovery()
        if self._plan.is_calm and len(self._stack) == 1:
            if self._paused is None:
                self._is_over = self._crowd.is_satisfied
            else:
                # One that was replaced while it waited: it goes on, too, and has to find that out.
                self._lead(turns=1)

    # --- what an engine meets -------------------------------------------------------------------------------

    def now_ms(self) -> int:
        """Return the time as the running process sees it."""
        return self.ms + (self._stack[-1].skew_ms if self._stack else 0)

    @property
    def running(self) -> Engine | None:
        """The engine that runs now, if it is through with loading."""
        return self._stack[-1].engine if self._stack else None

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query that nobody watches."""
        return self._database.rows(sql)

    def identity(self) -> str:
        """Return the name of the running process."""
        return self._stack[-1].identity

    def is_gone(self, leader: str) -> bool:
        """Return whether a process can be seen to have ended."""
        return leader in self._gone and leader.startswith("near")

    def statement(self, sql: str, carry_out: Callable[[], Result], fail: Callable[[], NoReturn]) -> Result:
        """Carry a statement out, or let it fail."""
        place = self._place_of(sql)
        if not place:
            return carry_out()
        self.pass_place(f"{place} before", fail)
        result = carry_out()
        if place not in ("find", "load") and not connection.connection.in_transaction:
            self.witness.look(self._stack[-1].life)
        self.pass_place(f"{place} after", fail)
        return result

    def commit(self, raw: sqlite3.Connection, carry_out: Callable[[], None]) -> None:
        """Commit, or let it fail."""
        if not self._is_watching or not self._stack:
            carry_out()
            return
        try:
            self.pass_place("commit before")
        except Crash:
            # What Django does on the way out would commit.
            sqlite3.Connection.rollback(raw)
            raise
        carry_out()
        self.let_pass(self.chance.randint(0, 3))
        self.witness.look(self._stack[-1].life)
        self.pass_place("commit after")

    def publishes(self, packed: bytes) -> Batch | None:
        """See a batch being published."""
        batch = self.witness.publishes(packed)
        if batch is not None:
            self._crowd.knowledge.take(batch)
            self.note(f"publishes batch {batch.number}: {len(batch.outcomes)} commands")
        return batch

    def trims(self, entry: str) -> None:
        """See the command stream being trimmed."""
        self.witness.trims(entry)

    def _place_of(self, sql: str) -> str:
        """Return the name of what a statement is for, or "" when nothing may go wrong with it."""
        if not self._is_watching or not self._stack or sql.startswith(("ROLLBACK", "PRAGMA", "SAVEPOINT", "RELEASE")):
            return ""
        is_loading = self._stack[-1].engine is None
        if sql.startswith("BEGIN"):
            return ("load" if "DEFERRED" in sql else "lease") if is_loading else "begin"
        if is_loading:
            return "lease" if '"trading_enginestate"' in sql and not sql.startswith("SELECT") else "load"
        if sql.startswith(("WITH", "SELECT")):
            return "find"
        if sql.startswith("UPDATE trading_enginestate"):
            return "fence"
        return "renew" if "trading_enginestate" in sql else "write"

    # --- faults ---------------------------------------------------------------------------------------------

    def pass_place(self, place: str, fail: Callable[[], NoReturn] = fail) -> None:
        """Pass a place where a fault may strike."""
        self._place = place
        raw = connection.connection
        fault = self._plan.at(place, is_free=not raw.in_transaction and connection.get_autocommit())
        if fault is None:
            return
        self.note(f"{fault} at {place}")
        if fault is Fault.CRASH:
            raise Crash
        if fault is Fault.ERROR:
            fail()
        if fault is Fault.DOWN:
            raise redis.ConnectionError(INJECTED)
        if fault is Fault.LOST:
            raise redis.TimeoutError(INJECTED)
        _STRIKES[fault](self)

    def _freeze(self) -> None:
        """Let the running process stand still for so long that another one takes over, if it can."""
        chance = self.chance
        longer_than = chance.choice([LEASE_MS, LEASE_MS, LEASE_LOAD_MS])
        self.let_pass(longer_than + chance.randint(1, 3_000))
        if len(self._stack) >= ENGINES_AT_ONCE:
            return
        end = self.turns + chance.randint(1, 12)
        while self.turns < end and not self._is_over:
            self._lead(turns=end - self.turns)
        self.note("goes on")

    def _slow(self) -> None:
        self.let_pass(self.chance.randint(500, 2 * LEASE_MS))

    def _outage(self) -> None:
        self._down_until_ms = self.ms + self.chance.randint(100, 12_000)

    def _amnesia(self) -> None:
        """Start the pipe's server anew with nothing; when its host went down, with a clock that is behind."""
        self.streams.lose_all()
        self._pipe_skew_ms = 0
        self._down_until_ms = self.ms + self.chance.randint(500, 3_000)
        if len(self._stack) == 1 and self._paused is None and self.chance.random() < 0.5:
            self._pipe_skew_ms = -self.chance.randint(600_000, 10_000_000)
            self.note("with its host")
            raise Crash

    def _stop(self) -> None:
        self._stack[-1].is_told_to_stop = True

    @contextmanager
    def _unwatched(self) -> Iterator[None]:
        """Let statements pass that are not the engine's."""
        self._is_watching = False
        try:
            yield
        finally:
            self._is_watching = True

    def _require_clean_connection(self) -> None:
        """After an engine or a thread of it, let the database's connection be as a new one."""
        raw = connection.connection
        if raw.in_transaction:
            sqlite3.Connection.rollback(raw)
        require(not connection.in_atomic_block and connection.get_autocommit(), "a transaction was left open")


_STRIKES: dict[Fault, Callable[[World], None]] = {
    Fault.FREEZE: World._freeze,
    Fault.SLOW: World._slow,
    Fault.OUTAGE: World._outage,
    Fault.AMNESIA: World._amnesia,
    Fault.STOP: World._stop,
}

__all__ = ["Broken", "Summary", "World"]
