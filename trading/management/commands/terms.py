"""Show and set the terms of an account: its own fee rates, and its default of self-trade prevention."""

import argparse
from typing import Any

from django.core.management.base import CommandError, CommandParser

from trading import services
from trading.engine.enums import StpMode
from trading.management.operating import OperatorCommand, actor, told, user_of
from trading.models import OperatorChange, Terms
from trading.rules import OF_THE_MARKET, terms_texts

_MODES = [mode.name for mode in StpMode if mode is not StpMode.DEFAULT]


class Command(OperatorCommand):
    """Terms. A change takes effect with the next command, and is kept with who made it."""

    help = "Show and set an account's own fee rates and its default of self-trade prevention."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the actions."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        show = actions.add_parser("show", help="the terms of one account, or of all that have their own")
        change = actions.add_parser("set", help="set terms; what is not named stays as it is")
        history = actions.add_parser("history", help="who changed what, and why")
        for action in (show, history):
            action.add_argument("email", nargs="?", help="one account; all if it is left out")
        change.add_argument("email")
        change.add_argument("--maker-ppm", type=_rate, help='ppm of what a maker receives, or "market"', metavar="N")
        change.add_argument("--taker-ppm", type=_rate, help='ppm of what a taker receives, or "market"', metavar="N")
        change.add_argument("--stp", choices=_MODES, help="self-trade prevention of orders that name no mode")
        self.add_note(change)
        history.add_argument("--limit", type=int, default=20, help="how many changes, the newest first (%(default)s)")
        for action in (show, change, history):
            self.add_json(action)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do one of them."""
        if options["action"] == "set":
            self._set(options)
        elif options["action"] == "history":
            self._history(options)
        else:
            self._show(options)

    def _set(self, options: dict[str, Any]) -> None:
        user = user_of(options["email"])
        with told():
            terms = services.terms_set(
                account=user.pk,
                maker_fee_ppm=options["maker_ppm"],
                taker_fee_ppm=options["taker_ppm"],
                stp=StpMode[options["stp"]] if options["stp"] else None,
                actor=actor(),
                note=options["note"],
            )
        shown = terms_texts(terms.maker_fee_ppm, terms.taker_fee_ppm, terms.stp)
        self.print_rules({"account": user.email} | shown, as_json=options["json"])

    def _show(self, options: dict[str, Any]) -> None:
        rows = Terms.objects.select_related("account").order_by("account")
        if options["email"]:
            user = user_of(options["email"])
            rows = rows.filter(pk=user.pk)
            shown = [_readable(row) for row in rows] or [_readable(Terms(account=user))]
        else:
            shown = [_readable(row) for row in rows]
        if options["json"]:
            self.print_json(shown)
            return
        for terms in shown:
            self.print_rules(terms, as_json=False)

    def _history(self, options: dict[str, Any]) -> None:
        if options["limit"] < 1:
            raise CommandError("the limit must be at least 1")
        changes = OperatorChange.objects.filter(kind="terms").order_by("-id")
        if options["email"]:
            changes = changes.filter(subject=user_of(options["email"]).pk)
        self.print_history(changes[: options["limit"]], as_json=options["json"])


def _rate(text: str) -> int:
    if text == "market":
        return OF_THE_MARKET
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f'{text!r} is neither a whole number of ppm nor "market"')
    return int(text)


def _readable(terms: Terms) -> dict[str, str]:
    return {"account": terms.account.email} | terms_texts(
        terms.maker_fee_ppm, terms.taker_fee_ppm, StpMode(terms.stp or StpMode.NONE)
    )
