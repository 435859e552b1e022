"""Clients: gateways that send what traders and workers want, lose answers, and ask again.

Nothing here is told that an engine died, froze or came back: only the streams and the rows speak.
"""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from mex.limits import REPLY_TIMEOUT_S
from tests.engine.recipes import resolve
from tests.simulation.database import SimulatedDatabase
from tests.simulation.errands import Errand, OrderErrand, new_deposit, new_withdrawal
from tests.simulation.knowledge import Knowledge
from tests.simulation.streams import EVENTS, Streams, id_of, number_of
from tests.simulation.told import Told
from tests.strategies import ACCOUNTS, FUNDS, NUMBER_BYTES, opening, recipe_from
from trading.engine.commands import Command, HoldFunds, Parcel, PlaceOrder, Request, Transfer
from trading.engine.enums import Reason
from trading.engine.events import Batch, Outcome
from wallets.ledger.chart import Owner

JUNK = (
    b"",
    b"junk",
    b"\x92\xa1\xff\x90",
    msgspec.msgpack.encode([1, 2, 3]),
    msgspec.msgpack.encode(["web", [[1, [99]]]]),
)
"""Entries that are not parcels: they are passed over, and the engine goes on behind them."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Batch).decode


@dataclass(slots=True)
class Surroundings:
    """What clients see of the simulation."""

    chance: random.Random
    streams: Streams
    database: SimulatedDatabase
    told: Told
    now_ms: Callable[[], int]
    is_down: Callable[[], bool]
    """Whether the pipe's server is away."""
    note: Callable[[str], None]


class Gateway:
    """One web process or worker: it knows its requests by their numbers, and reads the event stream for itself."""

    def __init__(self, name: str, around: Surroundings) -> None:
        self.name = name
        self._around = around
        self._outgoing: list[Request] = []
        self._waiting: dict[int, tuple[int, Errand, Command]] = {}
        """By request: until when to wait (ms), whose it is, and what was asked."""
        self._last_id = 0
        self._read_to = "0-0"
        self._batch = 0
        self._sent: deque[bytes] = deque(maxlen=4)
        self.unknown: list[Errand] = []
        """Errands whose answer did not come."""
        self.missed = 0

    def submit(self, errand: Errand) -> None:
        """Ask for an errand's command."""
        assert errand.command is not None
        self._last_id += 1
        errand.asked += 1
        self._waiting[self._last_id] = (self._around.now_ms() + int(REPLY_TIMEOUT_S * 1000), errand, errand.command)
        self._outgoing.append(Request(self._last_id, errand.command))

    def read(self, *, loses: float) -> None:
        """Read what was published; of the answers, lose a part on the way to whoever asked."""
        around = self._around
        if around.is_down():
            return
        if number_of(around.streams.last_id(EVENTS)) < number_of(self._read_to):
            self._read_to = "0-0"  # a server without memory, and with a clock that is behind
        for entry in around.streams.after(EVENTS, self._read_to, None):
            self._read_to = id_of(entry.number).decode()
            batch = _decode(entry.packed)
            if batch.number <= self._batch:
                continue
            self.missed += batch.number - self._batch - 1
            self._batch = batch.number
            for outcome in batch.outcomes:
                if outcome.sender == self.name:
                    self._take(batch.number, outcome, is_lost=around.chance.random() < loses)

    def expire(self) -> None:
        """Give up on what is overdue."""
        now = self._around.now_ms()
        for request in [request for request, (until, _, _) in self._waiting.items() if until < now]:
            self._lose(request)

    def send(self, *, repeats: float) -> None:
        """Send what was asked for as one parcel, and now and then an old one again, byte by byte."""
        around = self._around
        if self._outgoing:
            # What was given up meanwhile is not sent any more.
            requests = [request for request in self._outgoing if request.id in self._waiting]
            self._outgoing = []
            packed = _encode(Parcel(self.name, requests))
            if around.is_down():
                for request in requests:
                    self._lose(request.id)
            else:
                around.streams.send(packed)
                self._sent.append(packed)
                if around.chance.random() < repeats:
                    # Its answer was lost: it may have arrived all the same, and is put there again.
                    around.note(f"{self.name} puts a parcel on the stream twice")
                    around.streams.send(packed)
        elif self._sent and not around.is_down() and around.chance.random() < repeats / 3:
            around.note(f"{self.name} puts an old parcel on the stream again")
            around.streams.send(around.chance.choice(self._sent))

    def restart(self, name: str) -> None:
        """End, and begin anew without any memory of what was asked."""
        self.name = name
        for request in list(self._waiting):
            self._lose(request)
        self._outgoing = []
        self._sent.clear()

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits for anything."""
        return not self._waiting and not self.unknown

    def _take(self, batch: int, outcome: Outcome, *, is_lost: bool) -> None:
        waiting = self._waiting.get(outcome.request)
        if waiting is None:
            return  # a second answer, or one that nobody waits for any more
        if is_lost:
            self._around.note(f"{self.name} loses the answer to {outcome.request}")
            self._lose(outcome.request)
            return
        del self._waiting[outcome.request]
        _, errand, command = waiting
        self._around.told.take(batch, outcome.events)
        if errand.command is command:
            errand.answered(outcome.events, self._around.database)
            if errand.command is not None:
                self.submit(errand)

    def _lose(self, request: int) -> None:
        _, errand, command = self._waiting.pop(request)
        if errand.command is command:
            self.unknown.append(errand)


class Crowd:
    """All gateways, and what goes through them."""

    def __init__(self, around: Surroundings, commands_max: int) -> None:
        self._around = around
        self.knowledge = Knowledge()
        self.gateways = [Gateway(f"web{number}", around) for number in range(3)]
        self._commands_left = commands_max
        self._step = 0
        self._restarts = 0
        self.asked = 0
        self._loses = around.chance.choice([0.0, 0.02, 0.1, 0.3])
        self._repeats = around.chance.choice([0.0, 0.05, 0.3])
        for command in opening():
            self.gateways[0].submit(Errand(_adjustment(command)))

    @property
    def is_satisfied(self) -> bool:
        """Whether all that was wanted is done."""
        return self._commands_left == 0 and all(gateway.is_idle for gateway in self.gateways)

    def turn(self, *, is_calm: bool) -> None:
        """Let every gateway read, give up, want something and send."""
        chance = self._around.chance
        wanted = min(chance.choice([0, 1, 1, 2, 3, 5, 9, 25]), self._commands_left)
        self._commands_left -= wanted
        for _ in range(wanted):
            self._want(chance.choice(self.gateways))
        for gateway in self.gateways:
            if is_calm or chance.random() < 0.7:
                gateway.read(loses=0.0 if is_calm else self._loses)
            gateway.expire()
            self._settle(gateway, is_calm=is_calm)
            if is_calm or chance.random() < 0.8:
                gateway.send(repeats=0.0 if is_calm else self._repeats)
        if not is_calm:
            self._disturb()

    def _want(self, gateway: Gateway) -> None:
        around = self._around
        chance, self._step = around.chance, self._step + 1
        draw = chance.random()
        errand: Errand
        if draw < 0.05:
            errand = new_withdrawal(chance, around.database, chance.choice(ACCOUNTS))
        elif draw < 0.08:
            errand = new_deposit(chance, around.database, chance.choice(ACCOUNTS))
        else:
            command = self._command()
            if command is None:
                return
            errand = OrderErrand(command) if isinstance(command, PlaceOrder) else Errand(command)
        self.asked += 1
        gateway.submit(errand)
        if chance.random() < 0.03:
            chance.choice(self.gateways).submit(errand)  # impatient: asked twice at once

    def _command(self) -> Command | None:
        recipe = recipe_from(self._around.chance.getrandbits(8 * NUMBER_BYTES), self._step)
        command = resolve(recipe, self.knowledge.exchange)
        if isinstance(command, HoldFunds):
            return None  # a hold without a withdrawal is a breach; `new_withdrawal` makes them
        if isinstance(command, Transfer):
            command = _adjustment(command)
        try:
            _encode(command)
        except OverflowError:
            return None  # no gateway could send it
        return command

    def _settle(self, gateway: Gateway, *, is_calm: bool) -> None:
        """Deal with answers that did not come: look in the database, or ask again."""
        chance = self._around.chance
        unknown, gateway.unknown = gateway.unknown, []
        for errand in unknown:
            if errand.command is None:
                continue  # it was asked twice, and the other answer came
            if not is_calm and chance.random() < 0.3:
                gateway.unknown.append(errand)  # later
            elif chance.random() < 0.5 and errand.look(self._around.database):
                self._around.note(f"found in the database: {errand.command}")
                errand.command = None
            else:
                chance.choice(self.gateways).submit(errand)

    def _disturb(self) -> None:
        chance = self._around.chance
        if chance.random() < 0.02:
            gateway = chance.choice(self.gateways)
            self._restarts += 1
            self._around.note(f"{gateway.name} is started again")
            gateway.restart(f"{gateway.name.partition('.')[0]}.{self._restarts}")
        if chance.random() < 0.02 and not self._around.is_down():
            self._around.note("junk on the command stream")
            self._around.streams.send(chance.choice(JUNK))


def _adjustment(transfer: Transfer) -> Transfer:
    """Return a transfer as an operator's correction: the others need rows of a chain's worker beside them."""
    debit, credit = transfer.debit, transfer.credit
    if debit > 0:
        credit = Owner.ADJUSTMENT
    else:
        debit = Owner.ADJUSTMENT
    if credit == Owner.COLD:
        credit = Owner.FEES  # what comes back from cold addresses was there before, and here nothing was
    # Sums over many of the largest amounts do not fit the database.
    amount = min(transfer.amount, FUNDS)
    return msgspec.structs.replace(
        transfer, debit=int(debit), credit=int(credit), amount=amount, reason=Reason.ADJUSTMENT, recoup=0
    )


def packed_requests(packed: bytes) -> list[tuple[str, Request]]:
    """Return who asks for what in an entry: nothing, when it is not a parcel."""
    if packed in JUNK:
        return []
    parcel = msgspec.msgpack.decode(packed, type=Parcel)
    return [(parcel.sender, request) for request in parcel.requests]
