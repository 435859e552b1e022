"""The whole load test: an instance, users, the course of steps, the verification, and what comes out of it."""

import argparse
import json
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TextIO

import msgspec

from loadtest import exchange, machine, verdict
from loadtest.children import Child, ChildFailed, T
from loadtest.course import Course
from loadtest.crew import Crew, ack_files
from loadtest.exchange import Exchange, ExchangeFailed
from loadtest.markets import around_the_touch
from loadtest.messages import Around, Market, Second, Setup, User, Wish
from loadtest.mix import parse_mix
from loadtest.progress import Progress
from loadtest.verification import Verdict
from trading.client.errors import ApiRefused, ApiUnavailable

VERSION = 1


class LoadTestFailed(Exception):
    """Raised when the test could not be carried out; what a test finds out is no failure of it."""


def run(options: argparse.Namespace, stream: TextIO) -> int:
    """Run it and return 0, or 1 if it has failed (loadtest/verdict.py). Raises LoadTestFailed."""
    progress = Progress(stream)
    started = machine.now_iso()
    with ExitStack() as held:
        folder = _work_folder(options, held)
        try:
            mex = held.enter_context(_instance(options, folder, progress))
            load = _Load(options, mex, folder, progress)
            course, was_interrupted = load.measure()
            verification = load.verify()
        except (ExchangeFailed, ChildFailed, ApiRefused, ApiUnavailable) as error:
            raise LoadTestFailed(str(error)) from error
        result = {
            "version": VERSION,
            "started": started,
            "ended": machine.now_iso(),
            "machine": machine.described(),
            "options": {
                name: str(value) if isinstance(value, Path) else value for name, value in vars(options).items()
            },
            "server": mex.server,
            "database": mex.database,
            "objectives": {**verdict.OBJECTIVES, "p99_ms": options.p99_ms},
            "steps": course.steps,
            "knee": course.knee,
            "recovery_s": course.recovery_s,
            "interrupted": was_interrupted,
            "verification": verification,
        }
        _write(options, result)
    return 1 if _conclude(result, progress) else 0


class _Load:
    """What is done to a running instance."""

    def __init__(self, options: argparse.Namespace, mex: Exchange, folder: Path, progress: Progress) -> None:
        self._options = options
        self._mex = mex
        self._folder = folder
        self._progress = progress
        self._prefix = f"lt{secrets.token_hex(4)}"
        self._acks = ack_files(folder, options.generators)

    def measure(self) -> tuple[Course, bool]:
        """Walk the course, and return it and whether somebody stopped it with Ctrl-C."""
        options, progress = self._options, self._progress
        progress.say(f"making {options.users} users, with coins from the faucet (seed {options.seed})")
        users = self._users()
        markets = around_the_touch(self._mex.url, options.symbols)
        with ExitStack() as held:
            background = self._background(users)
            held.callback(background.close)
            generators = [self._generator(number, users, markets) for number in range(options.generators)]
            for generator in generators:
                held.callback(generator.close)
            crew = Crew(self._mex, generators, background, progress, p99_max_ms=options.p99_ms)
            crew.start()
            held.callback(crew.stop)
            course = Course(options, crew.run, cores=machine.cores(), database=self._mex.database)
            try:
                course.walk()
            except KeyboardInterrupt:
                progress.say("interrupted: what was acknowledged so far is verified all the same")
                return course, True
        return course, False

    def verify(self) -> dict[str, Any]:
        """Look whether all that was acknowledged is kept, and whether everything adds up."""
        self._progress.say("comparing what was acknowledged with the database, and auditing")
        done = self._mex.python("-m", "loadtest.verification", self._prefix, *map(str, self._acks))
        if not done.stdout:
            raise LoadTestFailed(f"the verification ended with code {done.returncode}: {done.stderr.strip()}")
        orders = msgspec.json.decode(done.stdout, type=Verdict)
        audit = self._mex.audit()
        return {
            "acknowledged": orders.acknowledged,
            "canceled": orders.canceled,
            "refused": orders.refused,
            "in_database": orders.in_database,
            "missing_count": orders.missing_count,
            "missing": orders.missing,
            "twice_count": orders.twice_count,
            "twice": orders.twice,
            "done_count": orders.done_count,
            "done": orders.done,
            "audit": audit,
            "ok": orders.is_good and audit == "clean",
        }

    def _users(self) -> list[User]:
        done = self._mex.python("-m", "loadtest.people", str(self._options.users), f"loadtest-{self._prefix}")
        if done.returncode:
            raise LoadTestFailed(f"the users could not be made: {done.stderr.strip()[-3000:]}")
        return msgspec.json.decode(done.stdout, type=list[User])

    def _generator(self, number: int, users: list[User], markets: list[Market]) -> "Child[Second]":
        options = self._options
        count = options.generators
        connections = len(range(number, options.connections, count))
        setup = Setup(
            url=self._mex.url,
            users=users[number % len(users) :: count] or users,
            markets=markets,
            mix=parse_mix(options.mix),
            seed=f"{options.seed}:{number}",
            prefix=f"{self._prefix}-{number}-",
            acks=str(self._acks[number]),
            connections=connections,
            open_orders=options.open_orders,
            user_streams=not options.no_user_streams,
        )
        self._acks[number].touch()
        return self._child("loadtest.generator", setup, Second, f"generator-{number}")

    def _background(self, users: list[User]) -> "Child[Around]":
        options = self._options
        wish = Wish(
            url=self._mex.url,
            users=users,
            symbols=options.symbols,
            subscribers=options.subscribers,
            pages_per_second=options.pages_per_second,
            rest_per_second=options.rest_per_second,
            deposits_per_minute=options.deposits_per_minute,
            withdrawals_per_minute=options.withdrawals_per_minute,
            seed=options.seed,
        )
        return self._child("loadtest.background", wish, Around, "background")

    def _child(self, module: str, first: msgspec.Struct, kind: type[T], name: str) -> Child[T]:
        log = self._folder / f"{name}.log"
        return Child(module, first, kind, environment=self._mex.environment, log=log)


def _work_folder(options: argparse.Namespace, held: ExitStack) -> Path:
    if options.keep is None:
        return Path(held.enter_context(tempfile.TemporaryDirectory(prefix="mex-loadtest-")))
    folder: Path = options.keep.absolute()
    if folder.exists() and any(folder.iterdir()):
        raise LoadTestFailed(f"--keep needs an empty folder or none, and {folder} has something in it")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _instance(options: argparse.Namespace, folder: Path, progress: Progress) -> Iterator[Exchange]:
    if options.data is not None:
        with exchange.running(options.data) as mex:
            yield mex
        return
    progress.say(f"starting an instance with {options.database} in {folder}")
    with exchange.own(folder, options.database, options.server) as mex:
        yield mex
        progress.say("stopping the instance")


def _write(options: argparse.Namespace, result: dict[str, Any]) -> None:
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    if options.html:
        from loadtest.report import render

        options.html.write_text(render(result))


def _conclude(result: dict[str, Any], progress: Progress) -> list[str]:
    """Tell what was found, and return why the run has failed, if it has."""
    for step in result["steps"]:
        told = (f"{name} {before:,.0f} to {after:,.0f}" for name, (before, after) in step.get("change", {}).items())
        if text := ", ".join(told):
            progress.say(f"from the second to the last quarter of {step['name']}: MB of {text} ms")
    if result["knee"]:
        progress.say(result["knee"]["sentence"])
    if result["recovery_s"] is not None:
        progress.say(f"recovered {result['recovery_s']:.0f} s after the overload")
    found = result["verification"]
    progress.say(
        f"verification {'passed' if found['ok'] else 'FAILED'}: {found['acknowledged']} orders and "
        f"{found['canceled']} cancels acknowledged, {found['in_database']} of the orders in the database, "
        f"{found['missing_count']} missing, {found['twice_count']} twice, "
        f"{found['done_count']} of {found['refused']} refused ones done, audit {found['audit']}"
    )
    for text in (*found["missing"], *found["twice"], *found["done"]):
        progress.say(f"  {text}")
    failures = verdict.failures(result)
    for text in failures:
        progress.say(f"FAILED: {text}")
    return failures
