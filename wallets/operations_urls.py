"""Routes of the operator's page, below /admin/operations/."""

from django.contrib import admin
from django.urls import path

from wallets import operations_admin

urlpatterns = [
    path("", admin.site.admin_view(operations_admin.operations), name="operations"),
    path("offers/<int:pk>/", admin.site.admin_view(operations_admin.offer), name="operations_offer"),
    path("offers/<int:pk>/file", admin.site.admin_view(operations_admin.offer_file), name="operations_offer_file"),
]
