"""Pages with which people control their withdrawals: address book, confirmation by e-mail, cancelling."""

import uuid

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from mex.errors import AddressIllegal, BookFull, MexError
from wallets.control.book import book_add, book_of, book_only_set, book_remove, book_rule
from wallets.control.confirmation import (
    RESEND_S,
    LinkInvalid,
    confirm_by,
    confirmation_resend,
    withdrawal_confirm,
    withdrawal_of_link,
)
from wallets.control.ending import withdrawal_cancel
from wallets.forms import BookAddressForm
from wallets.models import Withdrawal
from wallets.views import user_of


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def address_book(request: HttpRequest) -> HttpResponse:
    """Show one's address book, and keep another address."""
    user = user_of(request)
    form = BookAddressForm(request.POST or None)
    if form.is_valid():
        try:
            entry = book_add(user_id=user.pk, **form.cleaned_data)
        except AddressIllegal:
            form.add_error("address", "This is not an address of this network. Check for typing mistakes.")
        except BookFull as error:
            form.add_error(None, error.message)
        else:
            if entry.label == form.cleaned_data["label"]:
                messages.success(request, f"“{entry.label}” is in your address book.")
            else:
                messages.warning(request, f"This address is in your book already, as “{entry.label}”.")
            return redirect("address_book")
    context = {"form": form, "book": book_of(user.pk), "cooling_h": settings.ADDRESS_COOLING_H}
    return render(request, "wallets/address_book.html", context | {"rule": book_rule(user.pk)})


@login_required
@require_http_methods(["GET", "POST"])
def address_remove(request: HttpRequest, entry_id: int) -> HttpResponse:
    """Take an address out of one's book. Whoever follows the address, as after a log-in, gets to the page."""
    if request.method == "POST":
        if not book_remove(user_id=user_of(request).pk, pk=entry_id):
            raise Http404("no such address of yours")
        messages.success(request, "The address is removed.")
    return redirect("address_book")


@login_required
@require_http_methods(["GET", "POST"])
def address_book_only(request: HttpRequest) -> HttpResponse:
    """Withdraw to one's book only, or to any address again. Whoever follows the address gets to the page."""
    if request.method != "POST":
        return redirect("address_book")
    only = request.POST.get("only") == "yes"
    book_only_set(user_id=user_of(request).pk, only=only)
    if only:
        messages.success(request, "From now on you can withdraw to addresses of your book only.")
    elif settings.ADDRESS_COOLING_H:
        messages.success(request, f"In {settings.ADDRESS_COOLING_H} hours you can withdraw to any address.")
    else:
        messages.success(request, "You can withdraw to any address.")
    return redirect("address_book")


@login_required
@require_http_methods(["GET", "POST"])
def cancel(request: HttpRequest, withdrawal_id: uuid.UUID) -> HttpResponse:
    """Cancel a withdrawal of one's own that is not signed yet. Whoever follows the address gets to the page."""
    withdrawal = _own(request, withdrawal_id)
    if request.method == "POST":
        try:
            withdrawal_cancel(user_id=user_of(request).pk, pk=withdrawal_id)
        except MexError:
            messages.error(request, "It is too late: this withdrawal can no longer be cancelled.")
        else:
            messages.success(request, "Your withdrawal is cancelled. The coins are yours again in a moment.")
    return redirect("withdraw", code=withdrawal.asset.code)


@login_required
@require_http_methods(["GET", "POST"])
def mail_again(request: HttpRequest, withdrawal_id: uuid.UUID) -> HttpResponse:
    """Have the mail sent again that asks to confirm a withdrawal. Whoever follows the address gets to the page."""
    user, withdrawal = user_of(request), _own(request, withdrawal_id)
    if request.method == "POST":
        if confirmation_resend(user_id=user.pk, pk=withdrawal_id):
            messages.success(request, f"The mail to {user.email} is sent again, as soon as the mail server takes it.")
        else:
            messages.error(request, f"Nothing was sent: mails can be asked for again after {RESEND_S} seconds.")
    return redirect("withdraw", code=withdrawal.asset.code)


def _own(request: HttpRequest, withdrawal_id: uuid.UUID) -> Withdrawal:
    rows = Withdrawal.objects.select_related("asset").filter(pk=withdrawal_id, user=user_of(request))
    withdrawal = rows.first()
    if withdrawal is None:
        raise Http404("no such withdrawal of yours")
    return withdrawal


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def confirmation(request: HttpRequest, token: str) -> HttpResponse:
    """Show what a link from a mail confirms; the button confirms it. Programs that look into mails press no buttons."""
    user = user_of(request)
    try:
        if request.method == "POST":
            withdrawal = withdrawal_confirm(user_id=user.pk, token=token)
            messages.success(request, "Your withdrawal is confirmed. Its progress is shown below.")
            return redirect("withdraw", code=withdrawal.asset.code)
        withdrawal = withdrawal_of_link(user_id=user.pk, token=token)
    except LinkInvalid:
        return render(request, "wallets/confirmation.html", {"withdrawal": None}, status=404)
    context = {"withdrawal": withdrawal, "confirm_by": confirm_by(withdrawal)}
    return render(request, "wallets/confirmation.html", context)
