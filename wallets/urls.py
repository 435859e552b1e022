"""Routes of the wallet pages."""

from django.urls import path

from wallets import views

urlpatterns = [
    path("balances", views.balances, name="balances"),
    path("deposit/<slug:code>", views.deposit, name="deposit"),
    path("deposit/<slug:code>/faucet", views.faucet, name="faucet"),
    path("transaction/<slug:code>/<slug:txid>", views.transaction, name="transaction"),
    path("withdraw/<slug:code>", views.withdraw, name="withdraw"),
]
