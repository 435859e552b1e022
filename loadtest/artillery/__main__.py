"""`script/artillery`: runs scenarios against an instance, and ends with status 1 when one of them fails."""

import argparse
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlparse

import msgspec

from launcher.console import say
from launcher.instance import default_folder, without_settings
from launcher.programs import InstallError
from launcher.services import write_secret
from loadtest.artillery.install import HERE, Artillery, ensure
from loadtest.exchange import Exchange, ExchangeFailed, own, running
from loadtest.markets import MARKETS, around_the_touch
from loadtest.messages import Market, User
from loadtest.options import DATABASES
from trading.client.errors import ApiRefused, ApiUnavailable

SCENARIOS = tuple(sorted(path.stem for path in HERE.glob("*.yml")))
_WITHOUT_KEYS = frozenset({"accounts", "pages"})
_USERS, _USERS_SHORT = 20, 3
_SHORT_TIMEOUT_S = 120.0
_TIMEOUT_S = 24 * 3600.0
_FAILED, _UNUSABLE, _INTERRUPTED = 1, 2, 130


class RunFailed(Exception):
    """Raised when scenarios cannot be run, with the reason."""


class Key(msgspec.Struct):
    """A line of `create_api_key --json`."""

    api_key: str
    secret: str


class Given(msgspec.Struct):
    """What processor.js reads."""

    users: list[User]
    markets: list[Market]


def main(arguments: Sequence[str]) -> int:
    """Run scenarios and return the exit code."""
    words, extra = split(arguments)
    options = parse(words)
    os.environ["DJANGO_SETTINGS_MODULE"] = "mex.settings"  # for what makes the users, which is no manage.py
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        artillery = ensure()
        with tempfile.TemporaryDirectory(prefix="mex-artillery-") as work, _target(options, Path(work)) as found:
            url, given = found
            file = Path(work) / "given.json"
            write_secret(file, msgspec.json.encode(given).decode())
            failed = [name for name in options.scenarios if not _run(artillery, name, url, file, options, extra)]
    except (ExchangeFailed, InstallError, RunFailed, ApiRefused, ApiUnavailable) as error:
        say(f"mex: artillery: {error}")
        return _UNUSABLE
    except KeyboardInterrupt:
        say("mex: artillery: interrupted")
        return _INTERRUPTED
    say(f"mex: artillery: failed: {', '.join(failed)}" if failed else "mex: artillery: all passed")
    return _FAILED if failed else 0


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return our own arguments, and those for artillery, which follow `--`."""
    words = list(arguments)
    place = words.index("--") if "--" in words else len(words)
    return words[:place], words[place + 1 :]


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Return the options. Ends the program with one clear line if they are wrong."""
    parser = argparse.ArgumentParser(
        prog="script/artillery",
        description="Run load tests of Artillery. What follows `--` is for `artillery run`.",
    )
    parser.add_argument("scenarios", nargs="*", metavar="scenario", help=f"of {', '.join(SCENARIOS)} (default: all)")
    parser.add_argument("--short", action="store_true", help="a few seconds at a low rate: whether it works")
    parser.add_argument("--own", action="store_true", help="start an instance in a temporary folder, and end it")
    parser.add_argument("--database", choices=DATABASES, default="sqlite", help="of the own instance (%(default)s)")
    parser.add_argument(
        "--data", type=Path, default=default_folder(os.environ), help="folder of the running instance (.mex)"
    )
    parser.add_argument("--target", metavar="URL", help="where it is (that instance's: http://127.0.0.1:8000)")
    parser.add_argument("--keys", type=Path, metavar="FILE", help="lines of `create_api_key --json` at that URL")
    parser.add_argument("--json", type=Path, metavar="DIR", help="write Artillery's reports there: SCENARIO.json")
    options = parser.parse_args(words)
    unknown = [name for name in options.scenarios if name not in SCENARIOS]
    if unknown:
        parser.error(f"there is no scenario {', '.join(unknown)}: choose of {', '.join(SCENARIOS)}")
    options.scenarios = options.scenarios or list(SCENARIOS)
    if options.target is not None:
        if urlparse(options.target).scheme not in ("http", "https") or not urlparse(options.target).netloc:
            parser.error(f"--target: {options.target!r} is not a URL such as http://127.0.0.1:8000")
        options.target = options.target.rstrip("/")
    if options.own and (options.target or options.keys):
        parser.error("--own starts an instance: --target and --keys are for one that runs")
    if options.keys and not options.target:
        parser.error("--keys needs the --target where they belong")
    return options


def keys_in(path: Path) -> list[User]:
    """Return the keys of a file. Raises RunFailed."""
    try:
        found = msgspec.json.Decoder(Key).decode_lines(path.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise RunFailed(f"--keys {path}: {error}") from error
    if not found:
        raise RunFailed(f"--keys {path}: there is no key in it")
    return [User("", key.api_key, key.secret) for key in found]


@contextmanager
def _target(options: argparse.Namespace, work: Path) -> Iterator[tuple[str, Given]]:
    """Return the URL and what the processor needs. Raises ExchangeFailed, RunFailed, ApiRefused or ApiUnavailable."""
    needs_keys = not _WITHOUT_KEYS.issuperset(options.scenarios)
    if options.target and (options.keys or not needs_keys):
        users = keys_in(options.keys) if options.keys else []
        yield options.target, Given(users, around_the_touch(options.target, list(MARKETS)))
        return
    with own(work, options.database) if options.own else running(options.data) as exchange:
        url = options.target or exchange.url
        users = _users(exchange, _USERS_SHORT if options.short else _USERS) if needs_keys else []
        yield url, Given(users, around_the_touch(url, list(MARKETS)))


def _users(exchange: Exchange, count: int) -> list[User]:
    say(f"mex: making {count} users, with coins from the faucet …")
    done = exchange.python("-m", "loadtest.people", str(count), f"artillery-{secrets.token_hex(4)}")
    if done.returncode:
        raise RunFailed(f"the users could not be made: {done.stderr.strip()[-3000:]}")
    return msgspec.json.decode(done.stdout, type=list[User])


def _run(
    artillery: Artillery, name: str, url: str, given: Path, options: argparse.Namespace, extra: Sequence[str]
) -> bool:
    """Run one scenario and return whether it passed."""
    words = [str(artillery.tools.node), str(artillery.program), "run", "--target", url]
    words += ["--environment", "short" if options.short else "full"]
    if options.json:
        options.json.mkdir(parents=True, exist_ok=True)
        words += ["--output", str(options.json.absolute() / f"{name}.json")]
    environment = {
        **without_settings(artillery.tools.environment()),
        # Its client is not even installed (README.md): this keeps it from saying that it is on.
        "ARTILLERY_DISABLE_TELEMETRY": "true",
        "MEX_ARTILLERY_FILE": str(given),
    }
    say(f"mex: artillery: {name}")
    try:
        done = subprocess.run(
            [*words, *extra, str(HERE / f"{name}.yml")],
            env=environment,
            stdin=subprocess.DEVNULL,
            timeout=_SHORT_TIMEOUT_S if options.short else _TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        say(f"mex: artillery: {name} did not end within {error.timeout:.0f} s")
        return False
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
