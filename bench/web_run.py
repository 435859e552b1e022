"""Accounts for bench/web.py: `python -m bench.web_run COUNT SYMBOL`, where an engine runs.

Makes users with an API key each, credits them with both coins of a market, and prints the keys as JSON.
"""

import json
import sys

import django
from redis.backoff import ConstantBackoff
from redis.retry import Retry

django.setup()

from accounts.models import User  # noqa: E402  # after Django's set-up, as all that follow
from accounts.services import api_key_create  # noqa: E402
from bench.rounds import RunFailed  # noqa: E402
from trading.engine.commands import Transfer  # noqa: E402
from trading.engine.enums import Reason  # noqa: E402
from trading.gateway import sender  # noqa: E402
from trading.models import Market  # noqa: E402
from wallets.ledger.chart import Owner  # noqa: E402
from wallets.models import Balance  # noqa: E402

FUNDS = 10**14
_WAIT_S = 60


def main(count: int, symbol: str) -> None:
    """Make accounts, credit them, and tell their keys."""
    market = Market.objects.get(symbol=symbol)
    users = User.objects.bulk_create(User(email=f"web{number}@bench.test") for number in range(count))
    keys = [api_key_create(user=user, label="bench", can_trade=True, can_withdraw=False) for user in users]
    sender.send([
        Transfer(f"bench-{user.pk}-{asset}", Owner.CHAIN, user.pk, asset, FUNDS, Reason.DEPOSIT)
        for user in users
        for asset in (market.base_id, market.quote_id)
    ])  # fmt: skip
    balances = Balance.objects.filter(owner__in=[user.pk for user in users])

    def check() -> None:
        if balances.count() < 2 * count:
            raise RunFailed("the accounts were not credited")

    Retry(ConstantBackoff(0.05), 20 * _WAIT_S, supported_errors=(RunFailed,)).call_with_retry(check, lambda _: None)
    sys.stdout.write(json.dumps([(key.key, secret) for key, secret in keys]) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
