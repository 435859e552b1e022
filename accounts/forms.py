"""Forms of the account pages: they parse; `accounts.services` decides and writes."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.core.exceptions import ValidationError

from mex.forms import StyledForm

PASSWORD_HELP = "At least 10 characters; not a common password, not your e-mail."


class RegisterForm(StyledForm):
    """E-mail and a password, twice."""

    email = forms.EmailField(
        label="E-mail", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True})
    )
    password = forms.CharField(
        label="Password",
        strip=False,
        max_length=128,
        help_text=PASSWORD_HELP,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    password_again = forms.CharField(
        label="Password again",
        strip=False,
        max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_password_again(self) -> str:
        """Raise when the two passwords differ."""
        again = str(self.cleaned_data["password_again"])
        if "password" in self.cleaned_data and again != self.cleaned_data["password"]:
            raise ValidationError("The two passwords are not the same.")
        return again

    def refuse(self, error: ValidationError) -> None:
        """Show what the service found, next to the field it is about."""
        if not hasattr(error, "error_dict"):
            self.add_error("password", error)
        elif any(one.code in ("unique", "user_email_unique_in_any_case") for one in _flat(error)):
            self.add_error("email", "There is already an account with this e-mail. Log in instead?")
        else:
            for field, errors in error.error_dict.items():
                self.add_error(field if field in self.fields else None, errors)


def _flat(error: ValidationError) -> list[ValidationError]:
    return [one for errors in error.error_dict.values() for one in errors]


class LoginForm(StyledForm, AuthenticationForm):
    """E-mail and password."""

    username = forms.EmailField(
        label="E-mail", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True})
    )

    error_messages = {
        "invalid_login": "This e-mail and password do not belong together. The password is case-sensitive.",
    }


class PasswordForm(StyledForm, PasswordChangeForm):
    """The old password, and a new one twice."""

    error_messages = {
        "password_mismatch": "The two passwords are not the same.",
        "password_incorrect": "This is not your present password.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["old_password"].label = "Present password"
        self.fields["new_password1"].help_text = PASSWORD_HELP
        self.fields["new_password2"].label = "New password again"
        self.fields["new_password2"].help_text = ""


class ApiKeyForm(StyledForm):
    """A name for a new key, and what it may do besides reading."""

    label = forms.CharField(
        label="Name",
        max_length=60,
        help_text="Only for you, to tell your keys apart.",
        widget=forms.TextInput(attrs={"placeholder": "market maker at home", "autocomplete": "off"}),
    )
    can_trade = forms.BooleanField(label="Trade", required=False, help_text="Place and cancel orders.")
    can_withdraw = forms.BooleanField(
        label="Withdraw", required=False, help_text="Send coins to any address. Grant it only when needed."
    )
    password = forms.CharField(
        label="Your password",
        strip=False,
        max_length=128,
        required=False,
        help_text="Only needed for a key that may withdraw.",
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    code = forms.CharField(
        label="Code of your second factor",
        max_length=64,
        required=False,
        help_text="Only needed for a key that may withdraw.",
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )

    def __init__(self, *args: Any, asks_code: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not asks_code:
            del self.fields["code"]

    def clean(self) -> dict[str, Any]:
        """Demand a password for a key that may withdraw; whether it is the right one, the view finds out."""
        data = super().clean() or self.cleaned_data
        if data["can_withdraw"] and not data.get("password") and "password" not in self.errors:
            self.add_error("password", "A key that may withdraw needs your password.")
        return data
