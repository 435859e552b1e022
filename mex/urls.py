"""HTTP routes: those of each app."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("accounts.urls")),
    path("", include("wallets.urls")),
    path("", include("trading.urls")),
]
# Pages for people: templates/400.html and so on. API routes answer in JSON themselves.
handler400 = "django.views.defaults.bad_request"
handler403 = "django.views.defaults.permission_denied"
handler404 = "django.views.defaults.page_not_found"
handler500 = "django.views.defaults.server_error"
