"""Routes of the wallet pages."""

from django.urls import path

from wallets import control_views, solvency_views, views

urlpatterns = [
    path("balances", views.balances, name="balances"),
    path("deposit/<slug:code>", views.deposit, name="deposit"),
    path("deposit/<slug:code>/faucet", views.faucet, name="faucet"),
    path("solvency", solvency_views.solvency, name="solvency"),
    path("solvency/proof.json", solvency_views.proof, name="solvency_proof"),
    path("transaction/<slug:code>/<slug:txid>", views.transaction, name="transaction"),
    path("withdraw/<slug:code>", views.withdraw, name="withdraw"),
    path("withdrawal/<uuid:withdrawal_id>/cancel", control_views.cancel, name="withdrawal_cancel"),
    path("withdrawal/<uuid:withdrawal_id>/mail", control_views.mail_again, name="withdrawal_mail"),
    path("withdrawal/confirm/<str:token>", control_views.confirmation, name="withdrawal_confirm"),
    path("address-book", control_views.address_book, name="address_book"),
    path("address-book/only", control_views.address_book_only, name="address_book_only"),
    path("address-book/<int:entry_id>/remove", control_views.address_remove, name="address_remove"),
]
