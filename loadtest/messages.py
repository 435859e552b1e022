"""What controller, generator and background tell each other: JSON lines over standard input and output.  [pure]"""

import msgspec

from loadtest.histogram import Histogram


class Market(msgspec.Struct, frozen=True):
    """Where orders go: amounts in units of 10⁻⁸."""

    symbol: str
    mid: int
    tick: int
    quantities: list[int]


class User(msgspec.Struct, frozen=True):
    """Someone with an API key."""

    email: str
    key: str
    secret: str


class Setup(msgspec.Struct, frozen=True):
    """The first line to a generator."""

    url: str
    users: list[User]
    markets: list[Market]
    mix: dict[str, int]
    seed: str
    prefix: str
    """Client order ids begin so: different for each generator of each run."""
    acks: str
    """The file for acknowledged orders."""
    connections: int
    open_orders: int
    user_streams: bool


class Run(msgspec.Struct, frozen=True):
    """Offer `rate` orders a second for `seconds`; then wait at most `drain_s` for the answers that are missing."""

    rate: float
    seconds: float
    drain_s: float
    number: int


class Times(msgspec.Struct):
    """A histogram on its way."""

    counts: dict[int, int] = {}
    max_us: int = 0

    @classmethod
    def of(cls, histogram: Histogram) -> "Times":
        """Return what a histogram holds."""
        return cls(histogram.counts, histogram.max_us)

    def histogram(self) -> Histogram:
        """Return the histogram."""
        return Histogram(self.counts, self.max_us)


class Second(msgspec.Struct):
    """What a generator did and heard in about one second of a step."""

    t: float
    """Seconds from the start of the step to the end of this second."""
    sent: int = 0
    acked: int = 0
    late_cancels: int = 0
    """Cancels and replaces of orders that were filled meanwhile: rightly answered, and no error."""
    refused: dict[str, int] = {}
    """Retryable refusals by code."""
    errors: dict[str, int] = {}
    in_flight: int = 0
    oldest_ms: float = 0.0
    """How long the oldest unanswered request waits."""
    draining: bool = False
    done: bool = False
    """This was the last one of the step."""
    kinds: dict[str, int] = {}
    latency: Times = msgspec.field(default_factory=Times)
    """Of orders and replaces, from the intended time to the acknowledgement."""
    cancel_latency: Times = msgspec.field(default_factory=Times)
    fill_latency: Times = msgspec.field(default_factory=Times)
    """Of orders that were filled at once: they are among those of `latency`, too."""
    late: Times = msgspec.field(default_factory=Times)


class Ready(msgspec.Struct, frozen=True):
    """A generator's or the background's first line: all connections are there."""

    ready: int


class Wish(msgspec.Struct, frozen=True):
    """The first line to the background."""

    url: str
    users: list[User]
    symbols: list[str]
    subscribers: int
    pages_per_second: float
    rest_per_second: float
    deposits_per_minute: float
    withdrawals_per_minute: float
    seed: str


class Calls(msgspec.Struct):
    """HTTP requests of one kind."""

    sent: int = 0
    failed: int = 0
    times: Times = msgspec.field(default_factory=Times)


class Around(msgspec.Struct):
    """What the background did in a second."""

    readers: int = 0
    """Of market data, there or about to be again."""
    frames: int = 0
    gaps: int = 0
    closes: int = 0
    lag: Times = msgspec.field(default_factory=Times)
    pages: Calls = msgspec.field(default_factory=Calls)
    rest: Calls = msgspec.field(default_factory=Calls)
    deposits_sent: int = 0
    deposits_credited: int = 0
    withdrawals_requested: int = 0
    withdrawals_confirmed: int = 0
    failures: list[str] = []
    """What was said of calls that failed, the first few."""
