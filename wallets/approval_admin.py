"""The admin's page of withdrawals that wait for approval: what is known about each, approve, reject with a reason."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from accounts.models import User
from mex.admin import ReadOnlyAdmin
from mex.errors import DecisionRefused
from wallets.control.approvals import PERMISSION, REASON_CHARS_MAX, withdrawal_approve, withdrawal_reject
from wallets.control.ending import is_endable
from wallets.control.queue import approval_queue, approvals_waiting
from wallets.models import Withdrawal


class ApprovalQueueAdmin(ReadOnlyAdmin):
    """Adds the queue to the admin of withdrawals."""

    def get_urls(self) -> list[URLPattern]:
        """Return the queue's addresses before those of single withdrawals."""
        view = self.admin_site.admin_view
        own = [
            path("approvals/", view(self.queue), name="wallets_withdrawal_approvals"),
            path("approvals/<uuid:pk>/", view(self.decide), name="wallets_withdrawal_decide"),
        ]
        return own + super().get_urls()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list, with the way to the queue."""
        more = {"approvals_waiting": approvals_waiting(), "may_approve": _may_decide(request)}
        return super().changelist_view(request, (extra_context or {}) | more)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one withdrawal; one that is not signed yet can be rejected there, whatever it waits for."""
        row = self.get_object(request, object_id)
        may_reject = isinstance(row, Withdrawal) and is_endable(row) and _may_decide(request)
        more = {"may_reject": may_reject, "reason_chars_max": REASON_CHARS_MAX}
        return super().change_view(request, object_id, form_url, (extra_context or {}) | more)

    def queue(self, request: HttpRequest) -> HttpResponse:
        """Show what waits for approval."""
        _operator(request)
        context = {
            **self.admin_site.each_context(request),
            "title": "Withdrawals waiting for approval",
            "opts": self.opts,
            "queue": approval_queue(),
            "waiting": approvals_waiting(),
            "reason_chars_max": REASON_CHARS_MAX,
        }
        return TemplateResponse(request, "admin/wallets/withdrawal/approvals.html", context)

    def decide(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        """Approve of a withdrawal, or reject it."""
        operator = _operator(request)
        if request.method != "POST":
            return redirect("admin:wallets_withdrawal_approvals")
        decision, reason = request.POST.get("decision", ""), request.POST.get("reason", "").strip()
        decide = {"approve": withdrawal_approve, "reject": withdrawal_reject}.get(decision)
        if decide is None:
            self.message_user(request, "Approve or reject: nothing was done.", messages.ERROR)
            return redirect("admin:wallets_withdrawal_approvals")
        try:
            withdrawal = decide(operator=operator, pk=pk, reason=reason)
        except DecisionRefused as refusal:
            self.message_user(request, f"{pk}: {refusal.message}", messages.ERROR)
        else:
            self.log_change(request, withdrawal, f"{decision}: {reason}" if reason else decision)
            self.message_user(request, f"{pk} is now: {withdrawal.get_status_display().lower()}.", messages.SUCCESS)
        return redirect("admin:wallets_withdrawal_approvals")


def _may_decide(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.has_perm(PERMISSION)


def _operator(request: HttpRequest) -> User:
    if not _may_decide(request):
        raise PermissionDenied
    assert isinstance(request.user, User)
    return request.user
