"""What must hold, looked at from outside: at every commit, at every publishing, whenever an engine starts, in the end.

The witness has a core of its own, which is fed what is committed, in order, and never forgets: so it knows by itself
which names and references were used, and needs no database for it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tests.simulation.clients import packed_requests
from tests.simulation.database import SimulatedDatabase
from tests.simulation.errands import Broken, require
from tests.simulation.streams import Entry, Number, Streams, number_of
from tests.strategies import MARKETS
from trading.engine import invariants
from trading.engine.commands import Checkpoint, Request
from trading.engine.core import Core
from trading.engine.events import Accepted, Batch, Event, ListChanged, MarketChanged, Posted, TermsChanged
from trading.engine.snapshot import _rows as snapshot_rows
from trading.engine.snapshot import state_hash
from trading.runtime import recovery
from wallets.ledger.audit import check_database

_decode = msgspec.msgpack.Decoder(Batch).decode
_STATE = (
    "SELECT epoch, position, batch, sequence, last_order, last_list, time_ms, last_batch, state_hash, hash_sequence"
    " FROM trading_enginestate WHERE shard = 0"
)


@dataclass(slots=True)
class Life:
    """One engine's life, as far as it can be seen from outside."""

    number: int
    epoch: int = 0
    """What its lease says; 0 before it has one."""
    read: dict[Number, Entry] = field(default_factory=dict)
    """The commands that it was given."""


class Witness:
    """Looks on."""

    def __init__(self, database: SimulatedDatabase, streams: Streams) -> None:
        self._database = database
        self._streams = streams
        self.core = Core(MARKETS)
        self.epoch = 0
        self.committed: dict[int, bytes] = {}
        """Batches by number, as they were stored."""
        self.published = 0
        """The last batch that anybody could read."""
        self.seen: Counter[type] = Counter()
        """How many events of each kind there were."""
        self._position: Number = (0, 0)
        self._batch = 0
        self._row: tuple[Any, ...] = ()
        self._once: Counter[tuple[str, object]] = Counter()

    # --- commits --------------------------------------------------------------------------------------

    def look(self, life: Life) -> None:
        """Look at the engine's row after something was committed by an engine."""
        [(epoch, position, batch, *rest)] = self._database.rows(_STATE)
        if epoch != self.epoch:
            require(epoch == self.epoch + 1, f"the epoch went from {self.epoch} to {epoch}")
            self.epoch = life.epoch = epoch
        row = (position, batch, *rest)
        if batch == self._batch:
            require(row == self._row or not self._row, f"no batch, but the engine's row changed: {self._row} to {row}")
            self._row = row
            return
        require(life.epoch == self.epoch, f"engine {life.number} of epoch {life.epoch} committed in {self.epoch}")
        require(batch == self._batch + 1, f"batch {batch} was committed after {self._batch}")
        self._committed(life, number_of(position), batch, *rest)
        self._row = row

    def _committed(
        self,
        life: Life,
        position: Number,
        number: int,
        sequence: int,
        last_order: int,
        last_list: int,
        time_ms: int,
        packed: bytes,
        hash: str,
        hash_sequence: int,
    ) -> None:
        core = self.core
        requests = self._requests(life, position)
        batch = _decode(packed)
        told = (batch.number, batch.first_sequence, batch.time_ms if requests else time_ms)
        require(told == (number, core.sequence + 1, time_ms), f"batch {number} says of itself {told}")
        require(len(batch.outcomes) == len(requests), f"{len(requests)} requests, {len(batch.outcomes)} outcomes")
        for (sender, request), outcome in zip(requests, batch.outcomes, strict=True):
            asked = (sender, request.id)
            require((outcome.sender, outcome.request) == asked, f"{asked} was answered as {outcome}")
            events = list(core.apply(request.command, time_ms))
            if outcome.events != events:
                told, right = _in_force(outcome.events), _in_force(events)
                require(told == right, f"{request.command}\n  gave {told}\n  and not {right}")
            self._count(events)
        levels, balances = core.close_batch()
        require(batch.levels == levels, f"batch {number} has levels {batch.levels}\n  and not {levels}")
        require(batch.balances == balances, f"batch {number} has balances {batch.balances}\n  and not {balances}")
        counters = (core.sequence, core.last_order, core.last_list, core.time_ms)
        stored = (sequence, last_order, last_list, time_ms)
        require(stored == counters, f"batch {number} left the counters {stored} and not {counters}")
        if any(isinstance(request.command, Checkpoint) for _, request in requests):
            marked = (hash, hash_sequence)
            require(marked == (state_hash(core), sequence), f"batch {number} stored the wrong hash: {marked}")
        invariants.check(core)
        self.committed[number] = packed
        self._batch, self._position = number, position

    def _requests(self, life: Life, position: Number) -> list[tuple[str, Request]]:
        """Return what must have been applied: all that lay between the last position and this one, each once."""
        start = self._position
        require(position > start, f"the position went from {start} to {position}")
        entries = [entry for number, entry in sorted(life.read.items()) if start < number <= position]
        passed = [
            entry
            for entry in self._streams.archive
            if start < entry.number <= position and not entry.is_lost and entry.number not in life.read
        ]
        require(not passed, f"entries were passed over: {[entry.number for entry in passed]}")
        require(bool(entries) and entries[-1].number == position, f"{position} is no entry that the engine has read")
        return [asked for entry in entries for asked in packed_requests(entry.packed)]

    def _count(self, events: Sequence[Event]) -> None:
        for event in events:
            self.seen[type(event)] += 1
            if isinstance(event, Accepted):
                key: tuple[str, object] = ("order", (event.order.account, event.order.client_order_id))
            elif isinstance(event, Posted):
                key = ("posting", (event.reference, event.reason))
            elif isinstance(event, MarketChanged | TermsChanged):
                key = ("change", event.reference)
            elif isinstance(event, ListChanged):
                key = ("list", (event.id, event.status))
            else:
                continue
            self._once[key] += 1
            require(self._once[key] == 1, f"{key} took effect twice")

    # --- the pipe -------------------------------------------------------------------------------------

    def publishes(self, packed: bytes) -> Batch | None:
        """Look at what an engine puts on the event stream; return it when it is there for the first time."""
        batch = _decode(packed)
        stored = self.committed.get(batch.number)
        require(stored is not None, f"batch {batch.number} is published, but not committed")
        require(stored == packed, f"batch {batch.number} is published in other words than it was committed")
        require(batch.number <= self.published + 1, f"batch {batch.number} is published after {self.published}")
        if batch.number <= self.published:
            return None
        self.published = batch.number
        return batch

    def trims(self, entry: str) -> None:
        """Look at what an engine removes from the command stream: all before an entry."""
        limit = number_of(entry)
        require(limit <= (self._position[0], self._position[1] + 1), f"trimmed to {entry}, committed {self._position}")

    # --- states ---------------------------------------------------------------------------------------

    def compare(self, core: Core, what: str) -> None:
        """Require that a core has the state that follows from what is committed."""
        if state_hash(core) == state_hash(self.core):
            return
        theirs, ours = set(map(repr, snapshot_rows(core))), set(map(repr, snapshot_rows(self.core)))
        lines = [f"  only there: {row}" for row in sorted(theirs - ours)] + [
            f"  only in the replay: {row}" for row in sorted(ours - theirs)
        ]
        raise Broken("\n".join([f"{what} differs from a replay of what is committed", *lines]))

    def check_recovery(self) -> None:
        """Require that the rows give the state that follows from what is committed."""
        self.compare(recovery.load(0).core, "what is read from the rows")

    def check_end(self) -> None:
        """Require that all is published, that the rows are right, and that the audit finds nothing."""
        require(self.published == self._batch, f"batch {self._batch} was committed, {self.published} published")
        self.check_recovery()
        found = [finding for finding in check_database() if not finding.has_passed]
        require(not found, f"the audit found: {found}")


def _in_force(events: Sequence[Event]) -> list[Event]:
    """Return events whose cards name the self-trade prevention in force: the rows do not keep what was asked for."""

    def plain(value: Any) -> Any:
        if isinstance(value, msgspec.Struct):
            changes = {name: plain(getattr(value, name)) for name in value.__struct_fields__}
            if isinstance(value, Accepted):
                changes["order"] = msgspec.structs.replace(value.order, stp=value.stp)
            return type(value)(**changes)
        return value

    return [plain(event) for event in events]
