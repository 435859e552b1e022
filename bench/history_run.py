"""Fills a database with a history and with visitors, for bench/history.py.

`python -m bench.history_run fill HISTORY OPEN`: only the rows of bench/startup_run.py.
`python -m bench.history_run visit HISTORY OPEN`: these, and three who visit: "busy" has a hundredth of all orders,
"newcomer" has none, "operator" may use the admin. Tells what they need to be let in, and what they ask for.
"""

import json
import sys
import time
from collections.abc import Sequence
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402  # after Django's set-up, as all that follow
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402

from accounts.models import User  # noqa: E402
from accounts.services import api_key_create  # noqa: E402
from bench.startup_run import fill, time_of  # noqa: E402
from bench.workloads import ACCOUNTS  # noqa: E402

BUSY = 1
"""The account of the orders whose number is a multiple of ACCOUNTS."""
DAY_MS = 86_400_000


def visit(history: int) -> dict[str, Any]:
    """Make the visitors; return their keys and cookies, and the values in what they ask for."""
    visitors = {
        "busy": User.objects.get(pk=BUSY),
        "newcomer": User.objects.create(email="newcomer@bench.test"),
        "operator": User.objects.create(email="operator@bench.test", is_staff=True, is_superuser=True),
    }
    keys = {
        name: api_key_create(user=user, label="bench", can_trade=False, can_withdraw=False)
        for name, user in visitors.items()
    }
    order = history // 2 // ACCOUNTS * ACCOUNTS
    return {
        "keys": {name: (key.key, secret) for name, (key, secret) in keys.items()},
        "cookies": {name: _cookie(user) for name, user in visitors.items()},
        # Of the middle of the history, where a search from either end takes longest.
        "values": {"order": order, "trade": order // 2, "start": time_of(order), "end": time_of(order) + DAY_MS - 1},
    }


def _cookie(user: User) -> str:
    browser = Client()
    browser.force_login(user)
    name: str = settings.SESSION_COOKIE_NAME
    return f"{name}={browser.cookies[name].value}"


def settle() -> None:
    """Do what the server does by itself in the minutes after so many rows, lest it does it while we measure."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM (ANALYZE)")
            cursor.execute("CHECKPOINT")


def main(arguments: Sequence[str]) -> None:
    """Fill, and tell how long that took, in seconds, and what visitors need."""
    what, history, open_orders = arguments
    began = time.perf_counter()
    fill(int(history), int(open_orders))
    told: dict[str, Any] = {"fill_s": time.perf_counter() - began}
    if what == "visit":
        told |= visit(int(history))
    settle()
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
