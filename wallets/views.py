"""Pages about what someone owns: balances, deposits, withdrawals."""

import segno
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from accounts.models import User
from mex.errors import (
    AccountFrozen,
    AddressIllegal,
    AddressNotInBook,
    AddressNotReady,
    AddressTooNew,
    DepositsClosed,
    MexError,
    ParameterInvalid,
    SecondFactorWrong,
    WithdrawalFundsMissing,
    WithdrawalLimitExceeded,
    WithdrawalsClosed,
    WithdrawalStep,
    WithdrawalTooSmall,
)
from mex.money import format_short
from trading.engine.enums import MarketStatus
from trading.models import Market
from wallets import services
from wallets.control.accounts import frozen_because
from wallets.control.book import book_of, book_rule
from wallets.control.limits import quota_of
from wallets.control.second_factor import Origin, is_second_factor_set
from wallets.control.switch import withdrawals_halted
from wallets.forms import FaucetForm, WithdrawForm
from wallets.models import Asset, DepositAddress, Withdrawal
from wallets.page_selectors import (
    asset_of,
    deposits_of,
    holding_of,
    holdings_of,
    transaction_of,
    withdrawals_of,
)


def user_of(request: HttpRequest) -> User:
    """Return who is logged in, on a page that only such people see."""
    assert isinstance(request.user, User)
    return request.user


@never_cache
@login_required
@require_GET
def balances(request: HttpRequest) -> HttpResponse:
    """Show what one owns of every asset, with a market to trade it on where there is one."""
    markets = _markets_by_asset()
    rows = [(holding, markets.get(holding.asset.pk)) for holding in holdings_of(user_of(request).pk)]
    return render(request, "wallets/balances.html", {"rows": rows})


def _markets_by_asset() -> dict[int, str]:
    """Return the symbol of each asset's first market, rather one where it is bought than one where it pays."""
    markets = Market.objects.exclude(status=MarketStatus.DELISTED).order_by("-pk")
    listed = list(markets.values_list("base", "quote", "symbol"))
    return {quote: symbol for _, quote, symbol in listed} | {base: symbol for base, _, symbol in listed}


@never_cache
@login_required
@require_GET
def deposit(request: HttpRequest, code: str) -> HttpResponse:
    """Show one's deposit address of an asset and what arrived there."""
    return _deposit_page(request, asset_of(code), FaucetForm())


@login_required
@require_http_methods(["GET", "POST"])
def faucet(request: HttpRequest, code: str) -> HttpResponse:
    """Send test coins to one's own deposit address; on chains that we run ourselves only.

    Whoever follows the address, as after a log-in, gets to the page with the button.
    """
    if not settings.MEX_LOCAL_CHAINS:
        raise Http404("there is no faucet here")
    asset = asset_of(code)
    if request.method != "POST":
        return redirect("deposit", code=asset.code)
    form = FaucetForm(request.POST)
    if form.is_valid():
        try:
            services.faucet_request(user=user_of(request), asset=asset, amount=form.cleaned_data["amount"])
        except ParameterInvalid:
            form.add_error("amount", "The network cannot carry so many decimals.")
        except MexError as error:
            form.add_error("amount", error.message)
        else:
            messages.success(request, f"Test {asset.code} is on its way to your address.")
            return redirect("deposit", code=asset.code)
    return _deposit_page(request, asset, form)


@never_cache
@login_required
@require_GET
def transaction(request: HttpRequest, code: str, txid: str) -> HttpResponse:
    """Show what one transaction did for its owner: where there is no explorer, links to transactions lead here."""
    asset = asset_of(code)
    deposits, withdrawals = transaction_of(user_of(request).pk, asset, txid)
    context = {"asset": asset, "txid": txid, "deposits": deposits, "withdrawals": withdrawals}
    return render(request, "wallets/transaction.html", context)


def _deposit_page(request: HttpRequest, asset: Asset, form: FaucetForm) -> HttpResponse:
    user = user_of(request)
    context = {
        "asset": asset,
        "assets": Asset.objects.all(),
        "form": form,
        "deposits": deposits_of(user.pk, asset=asset),
        "address": None,
        "qr": None,
    }
    if asset.deposits_open:
        # A token whose contract is not known raises one of the two.
        try:
            address: DepositAddress = services.deposit_address_assign(user=user, asset=asset)
        except AddressNotReady as error:
            context["wait_message"] = error.message
        except DepositsClosed:
            pass  # the page says so
        else:
            context |= {"address": address.address, "qr": _qr(address.address)}
    return render(request, "wallets/deposit.html", context)


def _qr(text: str) -> SafeString:
    drawing = segno.make(text, error="m", micro=False).svg_inline(
        border=2, dark="#0b0f14", light="#ffffff", svgclass="qr", lineclass=None, omitsize=True, title="QR code"
    )
    return mark_safe(drawing)


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def withdraw(request: HttpRequest, code: str) -> HttpResponse:
    """Send coins to an address outside."""
    user, asset = user_of(request), asset_of(code)
    book, rule = book_of(user.pk), book_rule(user.pk)
    form = WithdrawForm(
        request.POST or None,
        book=[entry for entry in book if entry.chain == asset.chain],
        book_only=rule.is_book_only,
        asks_code=is_second_factor_set(),
    )
    if form.is_valid():
        try:
            withdrawal = services.withdrawal_request(
                user_id=user.pk,
                asset=asset,
                address=form.cleaned_data["destination"],
                amount=form.cleaned_data["amount"],
                client_id=form.cleaned_data["client_id"],
                origin=Origin.PAGE,
                code=form.cleaned_data.get("code", ""),
            )
        except MexError as error:
            _show(form, asset, error)
        else:
            messages.success(request, _requested(user, withdrawal))
            return redirect("withdraw", code=asset.code)
    context = {
        "rule": rule,
        "asset": asset,
        "assets": Asset.objects.all(),
        "holding": holding_of(user.pk, asset),
        "form": form,
        "is_halted": bool(withdrawals_halted(asset)),
        "is_frozen": bool(frozen_because(user.pk)),
        "quota": quota_of(user.pk, asset),
        "withdrawals": withdrawals_of(user.pk, asset=asset),
    }
    return render(request, "wallets/withdraw.html", context)


def _requested(user: User, withdrawal: Withdrawal) -> str:
    if withdrawal.needs_email:
        return f"Your withdrawal is requested. Confirm it with the link in the mail to {user.email}."
    return "Your withdrawal is requested. Its progress is shown below."


_PROBLEMS: dict[type[MexError], tuple[str, str]] = {
    AddressIllegal: ("address", "This is not an address of {name} on this test network. Check for typing mistakes."),
    AddressNotInBook: ("address", "You chose to withdraw to addresses of your book only, and this one is not in it."),
    AddressTooNew: ("address", "This address is too new. Your address book says from when on it can be used."),
    WithdrawalFundsMissing: ("amount", "You do not have so much {code} available."),
    WithdrawalTooSmall: ("amount", "The smallest withdrawal is {least} {code}."),
    WithdrawalStep: ("amount", "The network cannot carry so many decimals."),
    WithdrawalLimitExceeded: ("amount", "This is more than you may withdraw in 24 hours."),
    SecondFactorWrong: ("code", "This code is not right, or was used before."),
    AccountFrozen: ("", "Withdrawals of your account are stopped. Please ask the operators."),
    WithdrawalsClosed: ("", "Withdrawals of {code} are closed at the moment."),
    ParameterInvalid: ("", "This form was sent before. Reload the page to make another withdrawal."),
}
"""The API's texts are for programs, which match them; people get their own, beside the field."""


def _show(form: WithdrawForm, asset: Asset, error: MexError) -> None:
    field, text = _PROBLEMS.get(type(error), ("", error.message))
    if field == "address" and field not in form.fields:
        field = "book"
    least = format_short(asset.withdrawal_min)
    known = text if type(error) not in _PROBLEMS else text.format(name=asset.name, code=asset.code, least=least)
    form.add_error(field if field in form.fields else None, known)
