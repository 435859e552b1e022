"""HTTP routes: those of each app."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from accounts.endpoints import unknown
from accounts.views import AdminLogin, Logout
from mex.error_pages import API_PREFIXES

urlpatterns = [
    # The admin's own know neither the budget for guesses of passwords nor the connections that end with a session.
    path("admin/login/", AdminLogin.as_view()),
    path("admin/logout/", Logout.as_view()),
    path("admin/password_change/", RedirectView.as_view(pattern_name="password_change")),
    path("admin/operations/", include("wallets.operations_urls")),
    path("admin/", admin.site.urls),
    path("", include("accounts.urls")),
    path("", include("wallets.urls")),
    path("", include("trading.urls")),
    path("", include("trading.rest_urls")),
    path("", include("wallets.sapi_urls")),
    path("", include("trading.health")),
    # Last: what of the API is not above.
    *(re_path(f"^{prefix[1:]}", unknown) for prefix in API_PREFIXES),
]
# JSON under the API's paths, templates/404.html and so on for people.
handler400 = "mex.error_pages.bad_request"
handler403 = "mex.error_pages.permission_denied"
handler500 = "mex.error_pages.server_error"
