"""Routes of the wallet API, under /sapi/v1/."""

from accounts.endpoints import Endpoint, route
from wallets import api, solvency_api

urlpatterns = [
    route("sapi/v1/system/status", GET=Endpoint(api.system_status)),
    route("sapi/v1/capital/config/getall", GET=Endpoint(api.coins, signed=True, weight=10)),
    route("sapi/v1/capital/deposit/address", GET=Endpoint(api.deposit_address, signed=True, weight=10)),
    route("sapi/v1/capital/deposit/hisrec", GET=Endpoint(api.deposit_history, signed=True)),
    route("sapi/v1/capital/withdraw/history", GET=Endpoint(api.withdraw_history, signed=True)),
    route("sapi/v1/capital/withdraw/apply", POST=Endpoint(api.withdraw_apply, signed=True, withdraw=True, weight=10)),
    route("sapi/v1/capital/withdraw/cancel", POST=Endpoint(api.withdraw_cancel, signed=True, withdraw=True)),
    route("sapi/v1/solvency", GET=Endpoint(solvency_api.solvency, weight=5)),
    route("sapi/v1/solvency/addresses", GET=Endpoint(solvency_api.solvency_addresses, weight=10)),
    route("sapi/v1/solvency/proof", GET=Endpoint(solvency_api.solvency_proof, signed=True, weight=50)),
]
