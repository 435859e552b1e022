"""A histogram of times that is exact to under one percent at every size, and can be added up and sent.  [pure]

As HdrHistogram's: seven bits of mantissa, so that a percentile of an hour costs as much memory as one of a second.
"""

from collections.abc import Mapping

_MANTISSA_BITS = 7
_HALF = 1 << _MANTISSA_BITS
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
"""The percentiles that results have, by name."""


class Histogram:
    """Counts of times in whole microseconds."""

    def __init__(self, counts: Mapping[int, int] | None = None, max_us: int = 0) -> None:
        self.counts: dict[int, int] = dict(counts or {})
        self.max_us = max_us

    def add(self, us: int) -> None:
        """Count one time, in microseconds; below zero counts as zero, since clocks of two processes may differ."""
        us = max(us, 0)
        shift = max(us.bit_length() - _MANTISSA_BITS - 1, 0)
        bucket = shift * _HALF + (us >> shift)
        self.counts[bucket] = self.counts.get(bucket, 0) + 1
        self.max_us = max(self.max_us, us)

    def merge(self, other: "Histogram") -> None:
        """Add all of another histogram."""
        for bucket, count in other.counts.items():
            self.counts[bucket] = self.counts.get(bucket, 0) + count
        self.max_us = max(self.max_us, other.max_us)

    @property
    def total(self) -> int:
        """How many times were counted."""
        return sum(self.counts.values())

    def quantile_us(self, part: float) -> int:
        """Return the time that a part (0 to 1) of all does not exceed, in µs; 0 of nothing. At most 0.8 % too long."""
        wanted = part * self.total
        seen = 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= wanted:
                return min(_highest_us(bucket), self.max_us)
        return self.max_us

    def as_ms(self) -> dict[str, float]:
        """Return the percentiles and the maximum in milliseconds, by the names that results have; {} of nothing."""
        if not self.counts:
            return {}
        found = {name: self.quantile_us(part) / 1000 for name, part in QUANTILES.items()}
        return {**found, "max": self.max_us / 1000}


def _highest_us(bucket: int) -> int:
    shift = max(bucket // _HALF - 1, 0)
    return ((bucket - shift * _HALF + 1) << shift) - 1
