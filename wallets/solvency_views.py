"""The page that tells everybody what is owed and what is there, and gives users the proof that they are counted."""

import json

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe

from accounts.models import User
from mex.limits import SOLVENCY_ADDRESSES_SHOWN
from mex.page_cache import kept_for_anonymous
from wallets.solvency.proofs import latest_report, lines_of, proof_of


@require_safe
@kept_for_anonymous
def solvency(request: HttpRequest) -> HttpResponse:
    """Show the newest report."""
    report = latest_report()
    lines = [] if report is None else lines_of(report, addresses_max=SOLVENCY_ADDRESSES_SHOWN)
    return render(request, "wallets/solvency.html", {"report": report, "lines": lines})


@never_cache
@login_required
@require_GET
def proof(request: HttpRequest) -> HttpResponse:
    """Send one's own proof as a file."""
    assert isinstance(request.user, User)
    report = latest_report()
    found = None if report is None else proof_of(request.user, report)
    if found is None or report is None:
        raise Http404("there is no report yet")
    answer = HttpResponse(json.dumps(found, indent=1), content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="mex-proof-{report.pk}.json"'
    return answer
