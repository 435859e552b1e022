"""Log-ins and registrations over the forms of the pages, against a bare loop that does nothing but their hashes.

The loop is one process and one thread (Argon2 itself starts threads, for its lanes), with nothing beside it. Web
process, database and clients share the machine. A log-in is a POST with the token of a form and its cookie, which is
answered by a redirect and the cookie of a session.
"""

import json
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench import trees
from bench.asking import ask, note_of, ratio_of
from bench.http_client import NUMBER, Plan, numbered
from bench.report import Figure, Report
from bench.rounds import RunFailed, rotated
from bench.serving import Web, serving
from bench.stack import NO_POSTGRES, Database, Postgres, Sqlite, environment, migrate, postgres_programs, valkey

GOAL = 0.80
CLIENTS = 8
SECONDS = 10
USERS = 50_000
"""As many as a small exchange has: to find one must not depend on it."""
_PART = "logins"
_PASSWORD = "a-long-bench-password"
_EMAIL = f"login{NUMBER}@bench.test"
_LOGIN = f"username={_EMAIL}&password={_PASSWORD}"
_REGISTRATION = f"email=new{NUMBER}@bench.test&password={_PASSWORD}&password_again={_PASSWORD}"
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
_NO_BUDGET = {"MEX_LOGINS_PER_MINUTE": "1000000000"}
_RUN_S_MAX = 120
Cases = list[tuple[str, Callable[[], dict[str, Any]]]]


def measure(report: Report, tree: Path, tell: Callable[[str], None], *, rounds: int, part: int) -> None:
    """Add log-ins and registrations a second on each database, and what part of the bare hashes' rate that is."""
    trees.copy_pages(tree)
    if postgres_programs() is None:
        report.skip("logins on PostgreSQL", NO_POSTGRES, "logins | *, PostgreSQL | *")
    seconds, users = max(SECONDS // part, 2), USERS // part
    runs: dict[str, list[dict[str, Any]]] = {}
    for number in range(rounds):
        tell(f"logins: round {number + 1} of {rounds}")
        with (
            tempfile.TemporaryDirectory(prefix="mex-bench-") as folder,
            _cases(Path(folder), tree, seconds, users) as cases,
        ):
            runs |= {name: runs.get(name, []) for name, _ in cases}
            for name, run in rotated(cases, number):
                runs[name].append(run())
    for name, told in runs.items():
        is_login = name.startswith("logins")
        base = "verify" if is_login else "make"
        rate = median(run["per_second"] for run in told)
        if name in ("verify", "make"):
            report.figures.append(Figure(_PART, f"bare loop, {name}", rate, "hashes/s", details={"runs": told}))
            continue
        figure = Figure(
            _PART, name, rate, "answers/s", ratio_of(told, runs[base]), "bare loop", GOAL if is_login else None,
            note=note_of(told), details={"runs": told},
        )  # fmt: skip
        report.figures.append(figure)


@contextmanager
def _cases(folder: Path, tree: Path, seconds: int, users: int) -> Iterator[Cases]:
    """Run a web process on each database; give what is to be measured by name."""
    with ExitStack() as stack:
        redis_url = stack.enter_context(valkey(folder))
        databases: list[Database] = [Sqlite(folder)]
        programs = postgres_programs()
        if programs is not None:
            databases.append(stack.enter_context(closing(Postgres(programs, folder))))
        webs: dict[str, Web] = {}
        for database in databases:
            surroundings = environment(folder, tree, database.url("base"), redis_url) | _NO_BUDGET
            migrate(tree, surroundings)
            _hash(tree, surroundings, "users", str(users), _EMAIL, _PASSWORD)
            webs[database.kind] = stack.enter_context(serving("daphne", "mex.asgi:application", tree, surroundings))

        def bare(what: str) -> dict[str, Any]:
            told: dict[str, Any] = json.loads(_hash(tree, surroundings, what, str(seconds), _PASSWORD))
            return told

        forms = (
            ("verify", "logins", "/login", _LOGIN, users),
            ("make", "registrations", "/register", _REGISTRATION, 10**6),
        )
        cases: Cases = []
        for base, what, path, form, numbers in forms:
            cases.append((base, partial(bare, base)))
            posts = {kind: partial(_post, path, form, numbers, web, seconds) for kind, web in webs.items()}
            cases += [(f"{what}, {kind}", post) for kind, post in posts.items()]
        yield cases


def _post(path: str, form: str, numbers: int, web: Web, seconds: int) -> dict[str, Any]:
    """Post a form, filled in for one user after the other, with the token that it came with."""
    _, port = web
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=_RUN_S_MAX) as answer:
        cookie = str(answer.headers["Set-Cookie"]).partition(";")[0]
        found = _TOKEN.search(answer.read().decode())
    if found is None or not cookie.startswith("csrftoken="):
        raise RunFailed(f"{path} has no token, or none in a cookie")
    body = f"csrfmiddlewaretoken={found[1]}&{form}"
    lines = (
        f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Cookie: {cookie}",
        "Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(numbered(body, 0))}", "", body,
    )  # fmt: skip
    plan = Plan(
        port=port, request="\r\n".join(lines), connections=CLIENTS, seconds=seconds, status=302, length=0,
        cookie="sessionid", numbers=numbers,
    )  # fmt: skip
    return ask(plan, web)


def _hash(tree: Path, surroundings: dict[str, str], *arguments: str) -> str:
    """Run bench/logins_run.py and return what it prints. Raises RunFailed."""
    ended = subprocess.run(
        [sys.executable, "-m", "bench.logins_run", *arguments],
        cwd=tree, env=surroundings, check=False, text=True, capture_output=True, timeout=_RUN_S_MAX,
    )  # fmt: skip
    if ended.returncode:
        raise RunFailed(f"logins_run: {ended.stderr.strip()[-2000:]}")
    return ended.stdout
