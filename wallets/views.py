"""Pages about what someone owns: balances, deposits, withdrawals."""

import segno
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.models import User
from mex.errors import (
    AddressIllegal,
    AddressNotReady,
    DepositsClosed,
    MexError,
    ParameterInvalid,
    WithdrawalFundsMissing,
    WithdrawalStep,
    WithdrawalTooSmall,
)
from mex.money import format_short
from wallets import services
from wallets.forms import FaucetForm, WithdrawForm
from wallets.models import Asset, DepositAddress
from wallets.page_selectors import asset_of, deposits_of, holding_of, holdings_of, transaction_of, withdrawals_of


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


@never_cache
@login_required
@require_GET
def balances(request: HttpRequest) -> HttpResponse:
    """Show what one owns of every asset."""
    return render(request, "wallets/balances.html", {"holdings": holdings_of(_user(request).pk)})


@never_cache
@login_required
@require_GET
def deposit(request: HttpRequest, code: str) -> HttpResponse:
    """Show one's deposit address of an asset and what arrived there."""
    return _deposit_page(request, asset_of(code), FaucetForm())


@login_required
@require_POST
def faucet(request: HttpRequest, code: str) -> HttpResponse:
    """Send test coins to one's own deposit address; on chains that we run ourselves only."""
    if not settings.MEX_LOCAL_CHAINS:
        raise Http404("there is no faucet here")
    asset = asset_of(code)
    form = FaucetForm(request.POST)
    if form.is_valid():
        try:
            services.faucet_request(user=_user(request), asset=asset, amount=form.cleaned_data["amount"])
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
    deposits, withdrawals = transaction_of(_user(request).pk, asset, txid)
    context = {"asset": asset, "txid": txid, "deposits": deposits, "withdrawals": withdrawals}
    return render(request, "wallets/transaction.html", context)


def _deposit_page(request: HttpRequest, asset: Asset, form: FaucetForm) -> HttpResponse:
    user = _user(request)
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
    user, asset = _user(request), asset_of(code)
    form = WithdrawForm(request.POST or None)
    if form.is_valid():
        try:
            services.withdrawal_request(
                user_id=user.pk,
                asset=asset,
                address=form.cleaned_data["address"],
                amount=form.cleaned_data["amount"],
                client_id=form.cleaned_data["client_id"],
            )
        except MexError as error:
            _show(form, asset, error)
        else:
            messages.success(request, "Your withdrawal is requested. Its progress is shown below.")
            return redirect("withdraw", code=asset.code)
    context = {
        "asset": asset,
        "assets": Asset.objects.all(),
        "holding": holding_of(user.pk, asset),
        "form": form,
        "withdrawals": withdrawals_of(user.pk, asset=asset),
    }
    return render(request, "wallets/withdraw.html", context)


def _show(form: WithdrawForm, asset: Asset, error: MexError) -> None:
    # The API's texts are for programs, which match them; people get their own, beside the field.
    match error:
        case AddressIllegal():
            text = f"This is not an address of {asset.name} on this test network. Check for typing mistakes."
            form.add_error("address", text)
        case WithdrawalFundsMissing():
            form.add_error("amount", f"You do not have so much {asset.code} available.")
        case WithdrawalTooSmall():
            form.add_error("amount", f"The smallest withdrawal is {format_short(asset.withdrawal_min)} {asset.code}.")
        case WithdrawalStep():
            form.add_error("amount", "The network cannot carry so many decimals.")
        case ParameterInvalid():
            form.add_error(None, "This form was sent before. Reload the page to make another withdrawal.")
        case _:
            form.add_error(None, error.message)
