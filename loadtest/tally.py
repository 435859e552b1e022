"""What happened in a step, counted second by second.  [pure]"""

from loadtest.histogram import Histogram
from loadtest.messages import Second, Times


class Tally:
    """Counts of one second; `take` returns them and begins the next."""

    def __init__(self) -> None:
        self.sent = 0
        self.acked = 0
        self.late_cancels = 0
        self.refused: dict[str, int] = {}
        self.errors: dict[str, int] = {}
        self.kinds: dict[str, int] = {}
        self.latency = Histogram()
        self.cancel_latency = Histogram()
        self.fill_latency = Histogram()
        self.late = Histogram()

    def note_sent(self, kind: str, late_us: int) -> None:
        """Count a request that was sent so much later than intended."""
        self.sent += 1
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        self.late.add(late_us)

    def note_answer(self, kind: str, us: int, *, is_late_cancel: bool = False) -> None:
        """Count an answer that came `us` after the intended time."""
        if is_late_cancel:
            self.late_cancels += 1
        else:
            self.acked += 1
        (self.cancel_latency if kind == "cancel" else self.latency).add(us)

    def note_refused(self, code: int) -> None:
        """Count a retryable refusal."""
        self.refused[str(code)] = self.refused.get(str(code), 0) + 1

    def note_error(self, code: str) -> None:
        """Count an error: a code of the API, or a word for what came instead of an answer."""
        self.errors[code] = self.errors.get(code, 0) + 1

    def take(self, t: float) -> Second:
        """Return what was counted, as of `t` seconds after the start of the step, and begin anew."""
        second = Second(
            t=t,
            sent=self.sent,
            acked=self.acked,
            late_cancels=self.late_cancels,
            refused=self.refused,
            errors=self.errors,
            kinds=self.kinds,
            latency=Times.of(self.latency),
            cancel_latency=Times.of(self.cancel_latency),
            fill_latency=Times.of(self.fill_latency),
            late=Times.of(self.late),
        )
        self.__init__()  # type: ignore[misc]
        return second
