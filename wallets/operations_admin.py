"""The operator's page in the admin: queue, hot wallets, chains; and offers to the cold address, with their way back."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_GET, require_http_methods

from accounts.models import User
from mex.admin import ReadOnlyAdmin, amount_column
from mex.errors import OfferRefused
from wallets.chains import keys
from wallets.chains.bitcoin import BitcoinNode
from wallets.chains.ethereum import EthereumNode
from wallets.chains.jsonrpc import ChainRefused, ChainUnavailable
from wallets.cold.sent import offer_accept
from wallets.cold.unsigned import unsigned_read
from wallets.models import (
    Chain,
    ColdOffer,
    HotWallet,
    SolvencyAddress,
    SolvencyAsset,
    SolvencyLeaves,
    SolvencyReport,
)
from wallets.operations import (
    chain_lines,
    family_lines,
    lost_rows,
    question_lines,
    queue_lines,
    switch_reason,
    wallet_lines,
)

PERMISSION = "wallets.change_coldoffer"
SIGNED_CHARS_MAX = 50_000
"""What fits into a request (HTTP_BODY_BYTES_MAX), with what a browser adds: an eighth for what it escapes."""
_SHORTER = "paste the final transaction in hex, which is shorter, or send it yourself."


@require_GET
def operations(request: HttpRequest) -> HttpResponse:
    """Show how everything stands."""
    context = _context(request, "Operations") | {
        "switch": switch_reason(),
        "queue": queue_lines(),
        "wallets": wallet_lines(),
        "chains": chain_lines(),
        "families": family_lines(),
        "lost": lost_rows(),
        "questions": question_lines(),
        "report": SolvencyReport.objects.order_by("-pk").first(),
    }
    return TemplateResponse(request, "admin/operations.html", context)


@require_http_methods(["GET", "POST"])
def offer(request: HttpRequest, pk: int) -> HttpResponse:
    """Show an offer to the cold address, and take back what was signed elsewhere."""
    row = get_object_or_404(ColdOffer.objects.select_related("asset", "transaction"), pk=pk)
    if request.method == "POST":
        return _take_back(request, row)
    is_bitcoin = row.asset.chain == Chain.BITCOIN
    context = _context(request, f"Offer {row.pk} to the cold address") | {
        "offer": row,
        "is_open": row.transaction is None and row.withdrawn_at is None,
        "call": None if is_bitcoin else unsigned_read(row.unsigned),
        "may_sign": _operator(request).has_perm(PERMISSION),
        "signed_chars_max": f"{SIGNED_CHARS_MAX:,}",
    }
    return TemplateResponse(request, "admin/offer.html", context)


@require_GET
def offer_file(request: HttpRequest, pk: int) -> HttpResponse:
    """Send an offer as a file: a PSBT as other programs read it, or the hex of an Ethereum transaction."""
    row = get_object_or_404(ColdOffer.objects.select_related("asset"), pk=pk)
    ending = "psbt.txt" if row.asset.chain == Chain.BITCOIN else "unsigned.txt"
    answer = HttpResponse(row.unsigned, content_type="text/plain; charset=us-ascii")
    answer["Content-Disposition"] = f'attachment; filename="mex-cold-{row.asset.code}-{row.pk}.{ending}"'
    return answer


def _take_back(request: HttpRequest, row: ColdOffer) -> HttpResponse:
    if not _operator(request).has_perm(PERMISSION):
        raise PermissionDenied
    text = "".join(request.POST.get("signed", "").split())
    try:
        if not text:
            raise OfferRefused("Paste the signed transaction.")
        if len(text) > SIGNED_CHARS_MAX:
            raise OfferRefused(f"This has more than {SIGNED_CHARS_MAX:,} characters: {_SHORTER}")
        is_bitcoin = row.asset.chain == Chain.BITCOIN
        hot = "" if is_bitcoin else keys.hot_address()
        record = offer_accept(row, text, hot_address=hot, node=BitcoinNode() if is_bitcoin else EthereumNode())
    except OfferRefused as refusal:
        messages.error(request, refusal.message)
    except (ChainUnavailable, ChainRefused, keys.KeysMissing) as error:
        messages.error(request, f"It could not be looked at, nothing was stored: {error}")
    else:
        admin.site.get_model_admin(ColdOffer).log_change(request, row, f"signed: {record.txid}")
        messages.success(request, f"{record.txid} is stored, and sent in a moment.")
    return redirect("operations_offer", pk=row.pk)


def _context(request: HttpRequest, title: str) -> dict[str, Any]:
    return {**admin.site.each_context(request), "title": title}


def _operator(request: HttpRequest) -> User:
    assert isinstance(request.user, User), "the admin lets nobody else in"
    return request.user


@admin.register(HotWallet)
class HotWalletAdmin(ReadOnlyAdmin):
    """How each hot wallet stood when it was last looked at."""

    list_display = (
        "asset",
        amount_column("units"),
        amount_column("promised"),
        amount_column("waiting"),
        amount_column("offered"),
        amount_column("unexplained"),
        "low_since",
        "short_since",
        "seen_at",
    )
    list_select_related = ("asset",)


@admin.register(SolvencyReport)
class SolvencyReportAdmin(ReadOnlyAdmin):
    """What was told in public."""

    list_display = ("id", "taken_at", "sequence", "root")
    search_fields = ("=root",)
    date_hierarchy = "taken_at"


@admin.register(SolvencyAsset)
class SolvencyAssetAdmin(ReadOnlyAdmin):
    """Debts and coins of each asset in each report."""

    list_display = (
        "report",
        "asset",
        amount_column("liabilities"),
        amount_column("coins"),
        amount_column("in_flight"),
        "height",
        "unknown",
    )
    list_filter = ("asset",)
    list_select_related = ("report", "asset")
    ordering = ("-report", "asset")


@admin.register(SolvencyAddress)
class SolvencyAddressAdmin(ReadOnlyAdmin):
    """Coins at each address, as far as they are kept."""

    list_display = ("of", "address", "role", amount_column("units"))
    list_select_related = ("of",)
    search_fields = ("=address",)
    ordering = ("-of", "-units")


@admin.register(SolvencyLeaves)
class SolvencyLeavesAdmin(ReadOnlyAdmin):
    """Parts of trees, as far as they are kept. What proofs are made from is not shown."""

    list_display = ("of", "number", amount_column("top_units"))
    list_select_related = ("of",)
    fields = ("of", "number", "top_units")
    ordering = ("-of", "number")
