"""Pages about markets: home, trading, history."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe

from accounts.models import User
from mex.page_cache import kept_for_anonymous
from trading import page_selectors as selectors
from trading.page_selectors import PAGE_NUMBER_MAX, Page
from trading.selectors import fee_rates_of, market_spec
from wallets.page_selectors import deposits_of, holding_of, withdrawals_of

HISTORIES = {"deposits": "Deposits", "withdrawals": "Withdrawals", "orders": "Orders", "trades": "Trades"}


@require_safe
@kept_for_anonymous
def home(request: HttpRequest) -> HttpResponse:
    """Say what mex is, and show its markets."""
    return render(request, "trading/home.html", {"listings": selectors.listings()})


@never_cache
@require_safe
@kept_for_anonymous
def trade(request: HttpRequest, symbol: str) -> HttpResponse:
    """Show a market and trade on it; everything live comes over the websockets."""
    market = selectors.market_of(symbol)
    context: dict[str, object] = {
        "market": market,
        "listings": selectors.listings(),
        "price_decimals": selectors.decimals_of(market.tick),
        "quantity_decimals": selectors.decimals_of(market.lot),
        "last": selectors.last_trade(market),
        "maker_fee_ppm": market.maker_fee_ppm,
        "taker_fee_ppm": market.taker_fee_ppm,
    }
    if isinstance(request.user, User):
        maker, taker = fee_rates_of(account=request.user.pk, market=market_spec(market))
        context |= {"maker_fee_ppm": maker, "taker_fee_ppm": taker}
        holdings = [holding_of(request.user.pk, market.base), holding_of(request.user.pk, market.quote)]
        context |= {"orders": selectors.open_orders(request.user.pk, market), "holdings": holdings}
    return render(request, "trading/trade.html", context)


@never_cache
@login_required
@require_GET
def history(request: HttpRequest) -> HttpResponse:
    """Show one's deposits, withdrawals, orders or trades, newest first."""
    assert isinstance(request.user, User)
    show = request.GET.get("show", "deposits")
    if show not in HISTORIES:
        show = "deposits"
    page = _history_page(request.user.pk, show, _page_number(request.GET.get("page", "1")))
    return render(request, "trading/history.html", {"show": show, "histories": HISTORIES, "page": page})


def _history_page(user_id: int, show: str, number: int) -> Page[Any]:
    start, end = selectors.bounds(number)
    pages: dict[str, Callable[[], Page[Any]]] = {
        "deposits": lambda: selectors.page_of(deposits_of(user_id, start=start, end=end), number),
        "withdrawals": lambda: selectors.page_of(withdrawals_of(user_id, start=start, end=end), number),
        "orders": lambda: selectors.orders_page(user_id, number),
        "trades": lambda: selectors.fills_page(user_id, number),
    }
    return pages[show]()


def _page_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        return 1
    return min(max(int(text), 1), PAGE_NUMBER_MAX)
