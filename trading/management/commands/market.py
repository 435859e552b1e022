"""Open, change, halt and delist markets, while the engine runs."""

import argparse
from typing import Any

import msgspec
from django.core.management.base import CommandError, CommandParser

from mex.errors import MarketUnknown
from mex.money import UNITS, NotANumber, TooLarge, TooPrecise, parse_units
from trading import services
from trading.engine.enums import MarketStatus
from trading.engine.markets import MarketSpec
from trading.management.operating import OperatorCommand, actor, told
from trading.models import Market, OperatorChange
from trading.rules import AMOUNTS, COUNTS, RULES, new_market, texts_of
from trading.selectors import market_spec
from wallets.models import Asset

_HELP = {
    "tick": "price step, in the quote asset per whole base asset",
    "lot": "quantity step, in the base asset; tick x lot must be a multiple of 0.00000001",
    "price_min": "lowest price",
    "price_max": "highest price",
    "quantity_min": "smallest quantity",
    "quantity_max": "largest quantity",
    "notional_min": "smallest price x quantity, in the quote asset",
    "notional_max": "largest price x quantity, in the quote asset",
    "position_max": "what a buyer may have of the base asset, what he has ordered included (0: any)",
    "maker_fee_ppm": "fee of makers, in parts per million of what they receive (1000 is 0.1 %%)",
    "taker_fee_ppm": "fee of takers",
    "orders_max": "open orders that one account may have here",
    "algo_orders_max": "of these, orders that wait for a stop price",
    "iceberg_parts_max": "slices that one iceberg order may have",
    "bid_up_ppm": "highest limit price to buy, in ppm of the last price (0: any)",
    "bid_down_ppm": "lowest limit price to buy",
    "ask_up_ppm": "highest limit price to sell",
    "ask_down_ppm": "lowest limit price to sell",
    "trailing_min": "smallest trailing delta, in basis points",
    "trailing_max": "largest trailing delta, in basis points",
}
_DEFAULTS = texts_of(new_market("ANY", 1, 2, UNITS, UNITS)) | {"price_min": "the tick", "quantity_min": "the lot"}
_HALTS = {
    "halt": (services.market_halt, "take no new orders; open ones stay and can be cancelled"),
    "resume": (services.market_resume, "take orders again, also after delisting"),
    "delist": (services.market_delist, "let all open orders expire, and show the market no longer"),
}


class Command(OperatorCommand):
    """Markets. Each change takes effect between two commands of traders, and is kept with who made it."""

    help = "List and change markets; what is changed takes effect at once, while the engine runs."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the actions."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        self.add_json(actions.add_parser("list", help="all markets"))
        show = actions.add_parser("show", help="the rules of one market")
        create = actions.add_parser("create", help="open a market")
        change = actions.add_parser("change", help="change rules of a market")
        create.add_argument("--base", required=True, help="code of the asset that is traded")
        create.add_argument("--quote", required=True, help="code of the asset that it is paid with")
        create.add_argument("--halted", action="store_true", help="take no orders until it is resumed")
        changing = [create, change, *(actions.add_parser(name, help=text) for name, (_, text) in _HALTS.items())]
        for action in (show, *changing):
            action.add_argument("symbol", help="such as ETHUSDT")
            self.add_json(action)
        for action in changing:
            self.add_note(action)
        for action in (create, change):
            _add_rules(action, required=("tick", "lot") if action is create else ())
        history = actions.add_parser("history", help="who changed what, and why")
        history.add_argument("symbol", nargs="?", help="one market; all of them if it is left out")
        history.add_argument("--limit", type=int, default=20, help="how many changes, the newest first (%(default)s)")
        self.add_json(history)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do one of them."""
        action = options["action"]
        if action == "list":
            self._list(as_json=options["json"])
        elif action == "history":
            self._history(options)
        elif action == "show":
            self._show(_market(options["symbol"]), options)
        else:
            with told():
                spec = self._changed(action, options)
            self._show(spec, options)

    def _changed(self, action: str, options: dict[str, Any]) -> MarketSpec:
        given = {name: options[name] for name in RULES if options.get(name) is not None}
        shared = {"actor": actor(), "note": options["note"]}
        if action == "create":
            return services.market_create(spec=_new(options, given), **shared)
        if action == "change":
            return services.market_change(symbol=options["symbol"], changes=given, **shared)
        service, _ = _HALTS[action]
        return service(symbol=options["symbol"], **shared)

    def _show(self, spec: MarketSpec, options: dict[str, Any]) -> None:
        self.print_rules(_readable(spec, _codes()), as_json=options["json"])

    def _list(self, *, as_json: bool) -> None:
        codes = _codes()
        markets = [_readable(market_spec(market), codes) for market in Market.objects.all()]
        if as_json:
            self.print_json(markets)
            return
        row = "{symbol:<20} {status:<8} {tick:>14} {lot:>14} {maker_fee_ppm:>13} {taker_fee_ppm:>13}"
        names = ("symbol", "status", "tick", "lot", "maker_fee_ppm", "taker_fee_ppm")
        self.stdout.write(row.format(**{name: name for name in names}))
        for market in markets:
            self.stdout.write(row.format(**market))

    def _history(self, options: dict[str, Any]) -> None:
        if options["limit"] < 1:
            raise CommandError("the limit must be at least 1")
        changes = OperatorChange.objects.filter(kind="market").order_by("-id")
        if options["symbol"]:
            changes = changes.filter(subject=_market(options["symbol"]).id)
        self.print_history(changes[: options["limit"]], as_json=options["json"])


def _add_rules(parser: CommandParser, *, required: tuple[str, ...]) -> None:
    for name in RULES:
        kind = _units if name in AMOUNTS else int
        assert name in AMOUNTS or name in COUNTS
        option = "--" + name.replace("_", "-")
        text = _HELP[name] + (f"; without it: {_DEFAULTS[name]}" if required and name not in required else "")
        parser.add_argument(option, type=kind, required=name in required, help=text, metavar="N")


def _units(text: str) -> int:
    try:
        return parse_units(text)
    except (NotANumber, TooPrecise, TooLarge):
        raise argparse.ArgumentTypeError(f"{text!r} is not a decimal number with at most eight decimals") from None


def _new(options: dict[str, Any], given: dict[str, int]) -> MarketSpec:
    base, quote = _asset(options["base"]), _asset(options["quote"])
    spec = new_market(options["symbol"], base.pk, quote.pk, given["tick"], given["lot"])
    status = MarketStatus.HALT if options["halted"] else MarketStatus.TRADING
    return msgspec.structs.replace(spec, **given, status=status)


def _asset(code: str) -> Asset:
    asset = Asset.objects.filter(code=code.upper()).first()
    if asset is None:
        known = ", ".join(Asset.objects.values_list("code", flat=True))
        raise CommandError(f"there is no asset {code}; there are: {known}")
    return asset


def _market(symbol: str) -> MarketSpec:
    market = Market.objects.filter(symbol=symbol).first()
    if market is None:
        with told():
            raise MarketUnknown(symbol)
    return market_spec(market)


def _codes() -> dict[int, str]:
    return dict(Asset.objects.values_list("pk", "code"))


def _readable(spec: MarketSpec, codes: dict[int, str]) -> dict[str, str]:
    return texts_of(spec) | {side: codes.get(getattr(spec, side), "?") for side in ("base", "quote")}
