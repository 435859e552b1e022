"""What a load test can be told on the command line."""

import argparse
import secrets
from pathlib import Path
from typing import Any

from launcher import web_servers
from loadtest.markets import MARKETS
from loadtest.mix import DEFAULT_MIX, MixWrong, parse_mix

DATABASES = ("sqlite", "postgresql")

QUICK: dict[str, Any] = {
    "users": 4,
    "start": 20.0,
    "max_rate": 40.0,
    "step_seconds": 2.0,
    "bisections": 1,
    "warmup_seconds": 1.0,
    "soak_seconds": 4.0,
    "overload_seconds": 2.0,
    "recovery_seconds": 3.0,
    "subscribers": 2,
    "deposits_per_minute": 60.0,
    "withdrawals_per_minute": 60.0,
}
"""What --quick changes: everything is done once, and nothing can be read from the speed."""


GROUPS = ("instance", "orders", "course", "background", "result")


def names(parser: argparse.ArgumentParser) -> list[str]:
    """Return the names of our own options: Django adds others."""
    groups = [group for group in parser._action_groups if group.title in GROUPS]
    return [action.dest for group in groups for action in group._group_actions]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare all options."""
    _add_instance(parser)
    _add_orders(parser)
    _add_course(parser)
    _add_background(parser)
    result = parser.add_argument_group("result")
    result.add_argument("--json", type=Path, metavar="FILE", help="Write the whole result there.")
    result.add_argument("--html", type=Path, metavar="FILE", help="Write a report with plots there.")


def check(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> None:
    """End with one clear line if the options cannot be carried out; fill in what --quick and other options imply."""
    if chosen.quick:
        for name, value in QUICK.items():
            if getattr(chosen, name) == parser.get_default(name):
                setattr(chosen, name, value)
    chosen.connections = chosen.connections or chosen.users
    chosen.seed = chosen.seed or secrets.token_hex(4)
    try:
        parse_mix(chosen.mix)
    except MixWrong as error:
        parser.error(str(error))
    chosen.symbols = [word.strip().upper() for word in chosen.symbols.split(",") if word.strip()]
    strangers = [symbol for symbol in chosen.symbols if symbol not in MARKETS]
    if strangers or not chosen.symbols:
        parser.error(f"--symbols: {', '.join(strangers) or 'none'} of {', '.join(MARKETS)}")
    if chosen.generators > chosen.connections:
        parser.error(f"{chosen.generators} generators need at least as many connections, not {chosen.connections}")
    if chosen.factor <= 1:
        parser.error(f"--factor must be above 1, not {chosen.factor:g}")


def _add_instance(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("instance")
    group.add_argument(
        "--data", type=Path, metavar="DIR", help="Use the running instance of this folder. Default: one of its own."
    )
    group.add_argument("--keep", type=Path, metavar="DIR", help="Put the own instance there, and leave it there.")
    group.add_argument("--database", choices=DATABASES, default="sqlite", help="Of the own instance: %(default)s.")
    group.add_argument(
        "--server",
        choices=web_servers.SERVERS,
        default=web_servers.DEFAULT,
        help="Of the own instance: %(default)s.",
    )


def _add_orders(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("orders")
    group.add_argument("--users", type=_whole, default=50, help="Users, each with one API key. Default: %(default)s.")
    group.add_argument("--connections", type=_whole, help="Connections to /ws-api/v3. Default: one for each user.")
    group.add_argument("--generators", type=_whole, default=1, help="Processes that send. Default: %(default)s.")
    group.add_argument("--mix", default=DEFAULT_MIX, help="Shares of what is sent. Default: %(default)s.")
    group.add_argument("--symbols", default=",".join(MARKETS), help="Markets. Default: %(default)s.")
    group.add_argument(
        "--open-orders", type=_whole, default=40, help="Open orders of a user, above which he cancels: %(default)s."
    )
    group.add_argument("--no-user-streams", action="store_true", help="Users do not listen to their own events.")
    group.add_argument("--seed", default="", help="Makes arrivals and mix repeatable. Default: drawn, and told.")


def _add_course(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("course")
    group.add_argument("--start", type=_positive, default=250.0, help="First rate, orders/s. Default: %(default)s.")
    group.add_argument("--factor", type=_positive, default=2.0, help="From step to step. Default: %(default)s.")
    group.add_argument("--step-seconds", type=_positive, default=10.0, help="Of ramp and search. Default: %(default)s.")
    group.add_argument("--max-rate", type=_positive, default=1_000_000.0, help="Try no rate above this one.")
    group.add_argument("--bisections", type=_count, default=4, help="Steps of the search. Default: %(default)s.")
    group.add_argument("--warmup-seconds", type=_seconds, default=3.0, help="Before, uncounted. Default: %(default)s.")
    group.add_argument("--soak-seconds", type=_seconds, default=60.0, help="Length of the soak. Default: %(default)s.")
    group.add_argument("--soak-part", type=_positive, default=0.8, help="Of the knee. Default: %(default)s.")
    group.add_argument("--overload-seconds", type=_seconds, default=30.0, help="At 150 %%. Default: %(default)s.")
    group.add_argument("--recovery-seconds", type=_seconds, default=15.0, help="At 50 %%. Default: %(default)s.")
    group.add_argument(
        "--soak-only", type=_positive, metavar="RATE", help="Only a soak, at this rate: fail if it does not hold."
    )
    group.add_argument("--p99-ms", type=_positive, default=50.0, help="Objective of the p99. Default: %(default)g.")
    group.add_argument(
        "--growth-max", type=_seconds, metavar="PERCENT", help="Fail if a process grows by more in a soak."
    )
    group.add_argument(
        "--drift-max", type=_seconds, metavar="PERCENT", help="Fail if the p99 of a second rises by more in a soak."
    )
    group.add_argument("--quick", action="store_true", help="Everything, but short and slow: whether it works.")


def _add_background(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("background")
    group.add_argument("--subscribers", type=_count, default=20, help="Readers of all markets. Default: %(default)s.")
    group.add_argument("--pages-per-second", type=_seconds, default=2.0, help="Page views. Default: %(default)s.")
    group.add_argument("--rest-per-second", type=_seconds, default=5.0, help="REST calls. Default: %(default)s.")
    group.add_argument("--deposits-per-minute", type=_seconds, default=6.0, help="Default: %(default)s.")
    group.add_argument("--withdrawals-per-minute", type=_seconds, default=6.0, help="Default: %(default)s.")


def _number(text: str) -> "int | float":
    import msgspec

    try:
        return msgspec.json.decode(text, type=int | float)  # no nan and no inf
    except msgspec.DecodeError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def _positive(text: str) -> "int | float":
    number = _number(text)
    if number <= 0:
        raise argparse.ArgumentTypeError(f"it must be above 0, not {text}")
    return number


def _seconds(text: str) -> "int | float":
    number = _number(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"it must not be below 0, as {text} is")
    return number


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def _whole(text: str) -> int:
    number = _count(text)
    if number < 1:
        raise argparse.ArgumentTypeError("it must be at least 1")
    return number
