"""Users and bare hashes for bench/logins.py, in one process and one thread.

`python -m bench.logins_run users COUNT EMAIL PASSWORD` makes users; EMAIL has a place for their numbers.
`python -m bench.logins_run verify|make SECONDS PASSWORD` does nothing but that to hashes, with Django's functions and
the hasher of the settings, and prints how many a second.
"""

import json
import sys
import time
from collections.abc import Callable
from functools import partial

import django

django.setup()

from django.contrib.auth.hashers import check_password, make_password  # noqa: E402  # after Django's set-up

from accounts.models import User  # noqa: E402
from bench.http_client import numbered  # noqa: E402


def users(count: int, email: str, password: str) -> None:
    """Make users with one hash for all: to verify it costs the same."""
    hashed = make_password(password)
    User.objects.bulk_create(User(email=numbered(email, number), password=hashed) for number in range(count))


def rate(hashing: Callable[[], object], seconds: int) -> dict[str, float]:
    """Return how many hashes there are a second, by the wall's clock."""
    hashing()
    count, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < seconds:
        hashing()
        count += 1
    return {"answered": count, "seconds": took, "per_second": count / took}


def main(what: str, number: int, *texts: str) -> None:
    """Do one of the three."""
    if what == "users":
        users(number, *texts)
        return
    (password,) = texts
    hashing: Callable[[], object] = partial(make_password, password)
    if what == "verify":
        hashed = make_password(password)
        assert check_password(password, hashed)
        hashing = partial(check_password, password, hashed)
    sys.stdout.write(json.dumps(rate(hashing, number)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
