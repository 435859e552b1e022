"""The admin of what operators decide: terms of accounts, and the audit trail of all that they changed."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.csrf import csrf_protect

from accounts.models import User
from mex.admin import ReadOnlyAdmin, time_column
from mex.errors import MexError, RulesUnsound
from trading.engine.enums import StpMode
from trading.models import OperatorChange, Terms
from trading.rules import differences
from trading.services import NOTE_CHARS_MAX, terms_set
from wallets.admin import owner_name


class AskingForm(forms.ModelForm):
    """Fields whose values the engine has to take, and a note for the audit trail."""

    refusal: MexError | None = None
    """Why the engine did not take them."""

    note = forms.CharField(required=False, max_length=NOTE_CHARS_MAX, help_text="Why, for the audit trail.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            # What the operator saw goes along, so that only what he himself changed counts as changed: what another
            # one changed meanwhile stays.
            field.show_hidden_initial = True

    def clean(self) -> dict[str, Any]:
        """Show the refusal beside the fields that it is about."""
        # Without Django's own look at what must be unique: services say that in words.
        if isinstance(self.refusal, RulesUnsound):
            for name, sentence in self.refusal.problems.items():
                self.add_error(name if name in self.fields else None, sentence)
        elif self.refusal is not None:
            self.add_error(None, self.refusal.message)
        return self.cleaned_data


class AskingAdmin(admin.ModelAdmin):
    """Rows that only the engine writes: `save_model` asks a service, and its refusal is shown in the form."""

    form = AskingForm

    @method_decorator(csrf_protect)
    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show or take the form, without the transaction that Django would begin: the engine must be able to commit."""
        view = self._changeform_view  # type: ignore[attr-defined]  # the stubs know only what wraps it in a transaction
        try:
            return view(request, object_id, form_url, extra_context)
        except MexError as refusal:
            # Once more, now with the reason: the form is not valid any more, and is shown again as it was filled in.
            request.refusal = refusal  # type: ignore[attr-defined]  # read in `get_form`
            return view(request, object_id, form_url, extra_context)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Return the form's class, which is made anew for each request."""
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.refusal = getattr(request, "refusal", None)
        return form

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse: the engine knows no such command."""
        return False


class TermsForm(AskingForm):
    """An account's terms."""

    stp = forms.TypedChoiceField(
        label="Self-trade prevention",
        choices=[(mode.value, mode.name) for mode in StpMode if mode is not StpMode.DEFAULT],
        coerce=int,
        help_text="Of orders that name no mode.",
    )

    class Meta:
        model = Terms
        fields = ("account", "maker_fee_ppm", "taker_fee_ppm", "stp")

    def clean_account(self) -> User:
        """Raise for an account that has terms: what this form shows are not those."""
        account: User = self.cleaned_data["account"]
        if Terms.objects.filter(account=account).exists():
            raise ValidationError("This account has terms already: change those.")
        return account


@admin.register(Terms)
class TermsAdmin(AskingAdmin):
    """Fee rates and self-trade prevention of single accounts. They take effect with the next command."""

    form = TermsForm
    list_display = ("account", "maker_fee_ppm", "taker_fee_ppm", "stp")
    list_filter = ("stp",)
    list_select_related = ("account",)
    search_fields = ("account__email",)
    raw_id_fields = ("account",)
    fields = ("account", "maker_fee_ppm", "taker_fee_ppm", "stp", "note")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return what terms are of: the account."""
        return ("account",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Terms, form: Any, change: bool) -> None:
        """Ask the engine. Raises MexError."""
        names = ("maker_fee_ppm", "taker_fee_ppm", "stp")
        given = {name: form.cleaned_data[name] for name in names if not change or name in form.changed_data}
        actor, note = request.user.get_username(), form.cleaned_data["note"]
        terms_set(account=obj.account_id, actor=actor, note=note, **given)


@admin.register(OperatorChange)
class OperatorChangeAdmin(ReadOnlyAdmin):
    """Who changed what, when and why."""

    list_display = ("time", "kind", "subject_text", "actor", "changes", "note", "sequence")
    list_filter = ("kind", "actor")
    search_fields = ("symbol", "actor", "note", "=reference", "=subject")
    search_help_text = "Symbol, actor, note, reference, or the number of a market or account"
    ordering = ("-id",)
    fields = ("time", "kind", "subject_text", "actor", "note", "changes", "reference", "sequence")
    time = staticmethod(time_column("time_ms", "time"))

    @admin.display(description="of", ordering="subject")
    def subject_text(self, change: OperatorChange) -> str:
        """Return which market, or whose terms."""
        return change.symbol or owner_name(change.subject)

    @admin.display(description="changes")
    def changes(self, change: OperatorChange) -> SafeString:
        """Return what is different since, a rule a line."""
        lines = [
            format_html("{}: {} → {}", name, before, after) if before else format_html("{}: {}", name, after)
            for name, before, after in differences(change.before, change.after)
        ]
        return format_html_join("", "{}<br>", ((line,) for line in lines))
