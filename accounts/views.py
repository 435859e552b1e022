"""Pages about who someone is."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import login
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.contrib.auth.hashers import check_password
from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import services
from accounts.forms import ApiKeyForm, LoginForm, PasswordForm, RegisterForm
from accounts.models import ApiKey, User, email_normal
from accounts.selectors import api_key_of, api_keys_of
from accounts.throttle import throttle
from mex.errors import SecondFactorWrong, TooManyAttempts
from wallets.control.second_factor import Origin, WithdrawalFacts, is_second_factor_set, second_factor_check


def user_of(request: HttpRequest) -> User:
    """Return who is logged in, on a page that only such people see."""
    assert isinstance(request.user, User)
    return request.user


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """Create an account and log its owner in."""
    if request.user.is_authenticated:
        return redirect("balances")
    form = RegisterForm(request.POST or None)
    if request.method == "POST":
        try:
            throttle.attempt(_address_of(request))
        except TooManyAttempts as error:
            return _too_many(request, "accounts/register.html", RegisterForm(), error)
    if form.is_valid():
        try:
            user = services.account_register(email=form.cleaned_data["email"], password=form.cleaned_data["password"])
        except ValidationError as error:
            form.refuse(error)
        else:
            login(request, user)
            messages.success(request, "Welcome to mex. Deposit some test coins to begin.")
            return redirect("balances")
    return render(request, "accounts/register.html", {"form": form})


class Login(auth_views.LoginView):
    """Log in with e-mail and password."""

    template_name = "accounts/login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Check the password, unless the address or the e-mail was tried too often."""
        try:
            throttle.attempt(_address_of(request), f"mail {email_normal(request.POST.get('username', ''))}")
        except TooManyAttempts as error:
            return _too_many(request, self.template_name, LoginForm(request), error)
        return super().post(request, *args, **kwargs)

    def get_redirect_url(self, request: HttpRequest | None = None) -> str:
        """Return where to go from here, or "" for the usual place: a log-in that leads to itself leads nowhere."""
        url = super().get_redirect_url()
        return "" if url == self.request.path else url


class AdminLogin(Login):
    """Log in to the admin, in the same way and on the same budget.

    Who is logged in, and may not use the admin, can log in as somebody who may.
    """

    next_page = "admin:index"

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Lead on at once who needs no log-in, and nobody else: the admin would lead him back here."""
        super().setup(request, *args, **kwargs)
        self.redirect_authenticated_user = admin.site.has_permission(request)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Log in; the session of whoever was logged in before is over, and so are its connections."""
        before = self.request.user
        response = super().form_valid(form)
        if isinstance(before, User):
            services.sessions_ended(user=before)
        return response


class Logout(auth_views.LogoutView):
    """End the session, and the connections that came with it."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Log out."""
        user = request.user
        response = super().post(request, *args, **kwargs)
        if isinstance(user, User):
            services.sessions_ended(user=user)
        return response


@method_decorator(never_cache, name="dispatch")
class PasswordChange(auth_views.PasswordChangeView):
    """Change one's password; other sessions of the account end with it."""

    template_name = "accounts/password_change.html"
    form_class = PasswordForm
    success_url = reverse_lazy("balances")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Check the present password, unless it was tried too often: a session is no place to guess it either."""
        user = user_of(request)
        try:
            throttle.attempt(_address_of(request), f"mail {user.email}")
        except TooManyAttempts as error:
            return _too_many(request, self.template_name, PasswordForm(user), error)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        """Change it, and say so."""
        response = super().form_valid(form)
        services.sessions_ended(user=user_of(self.request))
        messages.success(self.request, "Your password is changed. Other devices have been logged out.")
        return response


@sensitive_post_parameters()
@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def api_keys(request: HttpRequest) -> HttpResponse:
    """List one's keys and create new ones. One that may withdraw is made by whoever knows the password, only."""
    user = user_of(request)
    asks_code = is_second_factor_set()
    form = ApiKeyForm(request.POST or None, asks_code=asks_code)
    context: dict[str, object] = {}
    if form.is_valid():
        try:
            is_allowed = not form.cleaned_data["can_withdraw"] or _is_owner(request, user, form)
        except TooManyAttempts as error:
            return _too_many(request, "accounts/api_keys.html", form, error, keys=api_keys_of(user))
        if is_allowed:
            key, secret = _key_create(user, form)
            # Shown in this one answer and kept nowhere: a redirect would have to store the secret in between.
            context = {"new_key": key, "new_secret": secret}
            form = ApiKeyForm(asks_code=asks_code)
    return render(request, "accounts/api_keys.html", context | {"form": form, "keys": api_keys_of(user)})


def _is_owner(request: HttpRequest, user: User, form: ApiKeyForm) -> bool:
    """Return whether the form has the user's password, and his code where codes are asked for; if not, it says so.

    A key that may withdraw needs no confirmation by mail, so that a session, which may be stolen, is not enough to make
    one. Raises TooManyAttempts.
    """
    throttle.attempt(_address_of(request), f"mail {user.email}")
    # Not user.check_password: that may store a new hash, which would end this session.
    if not check_password(form.cleaned_data["password"], user.password):
        form.add_error("password", "This is not your password.")
        return False
    facts = WithdrawalFacts(asset="", address="", amount=0, fee=0, origin=Origin.PAGE)
    try:
        second_factor_check(user_id=user.pk, facts=facts, code=form.cleaned_data.get("code", ""))
    except SecondFactorWrong:
        form.add_error("code", "This code is not right, or was used before.")
        return False
    return True


def _key_create(user: User, form: ApiKeyForm) -> tuple[ApiKey, str]:
    wanted = {name: form.cleaned_data[name] for name in ("label", "can_trade", "can_withdraw")}
    key, secret = services.api_key_create(user=user, **wanted)
    if key.can_withdraw:
        services.api_key_announce(key=key)
    return key, secret


@login_required
@require_http_methods(["GET", "POST"])
def api_key_revoke(request: HttpRequest, key_id: int) -> HttpResponse:
    """End one of one's keys. Whoever follows the address, as after a log-in, gets to the page."""
    if request.method == "POST":
        key = api_key_of(user=user_of(request), key_id=key_id)
        services.api_key_revoke(key=key)
        messages.success(request, f"The key “{key.label}” is revoked.")
    return redirect("api_keys")


def _address_of(request: HttpRequest) -> str:
    return f"address {request.META.get('REMOTE_ADDR', '')}"


def _too_many(
    request: HttpRequest, template: str, form: Form, error: TooManyAttempts, **context: object
) -> HttpResponse:
    messages.error(request, error.message)
    response = render(request, template, context | {"form": form}, status=error.status)
    response["Retry-After"] = str(error.retry_after_s)
    return response
