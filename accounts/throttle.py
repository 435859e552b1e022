"""Budgets: request weight per address and minute, orders per account and ten seconds and day.

Counted in fixed windows in each web process; with several processes an account has the budget of each.
Source: docs/api.md, "Rate limits".
"""

import time
from collections.abc import Mapping

from django.conf import settings

from mex.errors import TooManyAttempts, TooManyOrders, TooManyRequests

_NAME_CHARS_MAX = 260
"""What is kept of a name: "mail" and an e-mail of 254 characters. Longer ones belong to nobody, and share."""


class Window:
    """Counts by name within a window of fixed length; all counts end together with the window."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        self._number = -1
        self._counts: dict[str | int, int] = {}

    def add(self, name: str | int, count: int) -> int:
        """Return the count of a name in this window, with `count` added."""
        number = int(time.time()) // self.seconds
        if number != self._number:
            self._number, self._counts = number, {}
        total = self._counts[name] = self._counts.get(name, 0) + count
        return total

    def rest_s(self) -> int:
        """Return the seconds until the window ends."""
        return self.seconds - int(time.time()) % self.seconds


class Throttle:
    """The budgets of one web process."""

    def __init__(self) -> None:
        self._weight = Window(60)
        self._orders_10s = Window(10)
        self._orders_day = Window(86_400)
        self._attempts = Window(60)

    def request(self, address: str, weight: int) -> int:
        """Count a request and return the weight used in this minute. Raises TooManyRequests."""
        used = self._weight.add(address, weight)
        if used > settings.WEIGHT_PER_MINUTE:
            raise TooManyRequests(settings.WEIGHT_PER_MINUTE, retry_after_s=self._weight.rest_s())
        return used

    def weight_used(self, address: str) -> int:
        """Return the weight that an address has used in this minute, refused requests included, and count nothing."""
        return self._weight.add(address, 0)

    def attempt(self, *names: str) -> None:
        """Count a log-in or registration for each name (an address, an e-mail as it is kept). Raises TooManyAttempts.

        Guessing passwords must be slow, and each try costs us an Argon2 hash. The names are counted in order, up to the
        first whose budget is used up: an address that may not try any more uses up nobody's e-mail, and no memory.
        """
        for name in names:
            if self._attempts.add(name[:_NAME_CHARS_MAX], 1) > settings.LOGINS_PER_MINUTE:
                raise TooManyAttempts(retry_after_s=self._attempts.rest_s())

    def order(self, account: int, count: int = 1) -> Mapping[str, str]:
        """Count orders and return the headers that say how many there were. Raises TooManyOrders."""
        in_10s = self._orders_10s.add(account, count)
        in_day = self._orders_day.add(account, count)
        if in_day > settings.ORDERS_PER_DAY:
            raise TooManyOrders(settings.ORDERS_PER_DAY, "1 DAY", retry_after_s=self._orders_day.rest_s())
        if in_10s > settings.ORDERS_PER_10S:
            raise TooManyOrders(settings.ORDERS_PER_10S, "10 SECOND", retry_after_s=self._orders_10s.rest_s())
        return _told(in_10s, in_day)

    def orders_used(self, account: int) -> Mapping[str, str]:
        """Return the headers that say how many orders there were, refused ones included, and count nothing."""
        return _told(self._orders_10s.add(account, 0), self._orders_day.add(account, 0))


def _told(in_10s: int, in_day: int) -> Mapping[str, str]:
    return {"X-MBX-ORDER-COUNT-10S": str(in_10s), "X-MBX-ORDER-COUNT-1D": str(in_day)}


throttle = Throttle()
