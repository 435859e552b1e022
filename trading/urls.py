"""Routes of the trading pages."""

from django.urls import path

from trading import views

urlpatterns = [
    path("", views.home, name="home"),
    path("trade/<slug:symbol>", views.trade, name="trade"),
    path("history", views.history, name="history"),
]
