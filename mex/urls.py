"""HTTP routes: those of each app."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/operations/", include("wallets.operations_urls")),
    path("admin/", admin.site.urls),
    path("", include("accounts.urls")),
    path("", include("wallets.urls")),
    path("", include("trading.urls")),
    path("", include("trading.rest_urls")),
    path("", include("wallets.sapi_urls")),
    path("", include("trading.health")),
]
# JSON under the API's paths, templates/404.html and so on for people.
handler400 = "mex.error_pages.bad_request"
handler403 = "mex.error_pages.permission_denied"
handler404 = "mex.error_pages.not_found"
handler500 = "mex.error_pages.server_error"
