"""The admin of accounts. The secret of an API key is shown nowhere."""

from functools import partial

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import BaseUserCreationForm, UserChangeForm
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.models import ApiKey, User, email_normal
from accounts.services import api_key_revoke, sessions_ended

admin.site.site_header = "mex administration"
admin.site.site_title = "mex"
admin.site.index_title = "Everything that mex knows"


class NewUserForm(BaseUserCreationForm):
    """A new user's e-mail and password."""

    class Meta:
        model = User
        fields = ("email",)

    def clean_email(self) -> str:
        """Return the e-mail in lower case, as the model wants it."""
        return email_normal(str(self.cleaned_data["email"]))


class ChangedUserForm(UserChangeForm):
    """A user without the username that Django's form expects."""

    class Meta:
        model = User
        fields = "__all__"
        field_classes: dict[str, type[forms.Field]] = {}

    def clean_email(self) -> str:
        """Return the e-mail in lower case, as the model wants it."""
        return email_normal(str(self.cleaned_data["email"]))


@admin.register(User)
class MexUserAdmin(UserAdmin):
    """People, with the form that sets their password."""

    form = ChangedUserForm
    add_form = NewUserForm
    list_display = ("email", "id", "is_active", "is_staff", "email_verified_at", "created_at", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")
    date_hierarchy = "created_at"
    search_fields = ("email", "id")
    ordering = ("-id",)
    readonly_fields = ("created_at", "last_login")
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        ("State", {"fields": ("is_active", "email_verified_at", "created_at", "last_login")}),
        ("Rights", {"fields": ("is_staff", "is_superuser", "groups", "user_permissions")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "password1", "password2")}),)

    def save_model(self, request: HttpRequest, obj: User, form: forms.ModelForm, change: bool) -> None:
        """Save a user; the connections of one whose account was closed end."""
        super().save_model(request, obj, form, change)
        if change and "is_active" in form.changed_data:
            transaction.on_commit(partial(sessions_ended, user=obj))

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Set a user's password; the connections of the sessions that end with it are closed."""
        response = super().user_change_password(request, id, form_url)
        user = User.objects.filter(pk=id).first() if request.method == "POST" else None
        if user is not None:
            sessions_ended(user=user)
        return response


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):
    """API keys: who may do what. They are made by their owners; an operator can revoke them."""

    list_display = ("label", "user", "short_key", "can_trade", "can_withdraw", "created_at", "revoked_at")
    list_filter = ("can_trade", "can_withdraw", ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("user",)
    search_fields = ("label", "key", "user__email")
    date_hierarchy = "created_at"
    fields = ("user", "label", "key", "can_trade", "can_withdraw", "created_at", "revoked_at")
    readonly_fields = fields
    actions = ("revoke",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: nobody but its owner may see a key's secret, and that only once."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Refuse: a revoked key stays on record."""
        return False

    @admin.display(description="key")
    def short_key(self, key: ApiKey) -> str:
        """Return the beginning of the key, which is what its owner sees too."""
        return f"{key.key[:8]}…"

    @admin.action(description="Revoke selected keys", permissions=["change"])
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        """End keys for ever; the history says who did it."""
        for key in keys.filter(revoked_at=None):
            api_key_revoke(key=key)
            self.log_change(request, key, "Revoked")
        self.message_user(request, "The selected keys are revoked.")
