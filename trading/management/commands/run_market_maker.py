"""Keep the markets quoted on local chains, so that a newcomer's first market order fills."""

import asyncio
import contextlib
import json
import logging
import os
import secrets
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from accounts.models import ApiKey, User
from accounts.services import account_register, api_key_create, api_key_revoke
from mex.errors import MexError
from mex.money import UNITS
from trading.market_maker.maker import Account, MarketMaker
from wallets.models import Asset
from wallets.services import faucet_request

log = logging.getLogger(__name__)
EMAIL = "mm@mex.local"
LABEL = "market maker"
LOW = {"BTC": UNITS, "ETH": 20 * UNITS, "USDT": 25_000 * UNITS}
"""Free units below which it asks the faucet for more."""
GIFT = {"BTC": 2 * UNITS, "ETH": 40 * UNITS, "USDT": 100_000 * UNITS}
"""Real coins on the local chains, deposited as anybody's are."""
ARRIVES_S = 60.0
"""Time in which a gift should have its confirmations."""


class Command(BaseCommand):
    """Run the market maker until SIGTERM or SIGINT."""

    help = (
        "Keep the markets that mex begins with quoted, through the public API at MEX_URL, with an account of its own."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Quote until told to stop."""
        url = os.environ.get("MEX_URL", "http://127.0.0.1:8000")
        key, secret = credentials()
        maker = MarketMaker(Account(url, key, secret), Faucet(faucet_ask).top_up)
        asyncio.run(_until_stopped(maker))


async def _until_stopped(maker: MarketMaker) -> None:
    task = asyncio.create_task(maker.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _key_file() -> Path:
    path: Path = settings.MEX_DATA / "keys" / "market_maker.json"
    return path


def credentials() -> tuple[str, str]:
    """Return the key and secret of the market maker, which are made at the first start on local chains."""
    path = _key_file()
    if path.exists():
        kept = json.loads(path.read_text())
        if ApiKey.objects.filter(key=kept["api_key"], revoked_at=None, user__email=EMAIL).exists():
            return kept["api_key"], kept["secret"]
    if not settings.MEX_LOCAL_CHAINS:
        raise CommandError(f"there is no valid key in {path}; only local chains make one by themselves")
    user = User.objects.filter(email=EMAIL).first()
    if user is None:
        # Nobody logs in as it: the password is forgotten at once.
        user = account_register(email=EMAIL, password=secrets.token_urlsafe(32), verified=True)
    for lost in ApiKey.objects.filter(user=user, revoked_at=None):
        api_key_revoke(key=lost)
    row, secret = api_key_create(user=user, label=LABEL, can_trade=True, can_withdraw=False)
    _write(path, json.dumps({"api_key": row.key, "secret": secret}))
    return row.key, secret


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text + "\n")
    draft.replace(path)


class Faucet:
    """Asks the faucet of local chains for what is short, and gives it time to arrive before it asks again."""

    def __init__(self, ask: Callable[[list[str]], list[str]]) -> None:
        self._ask = ask
        self._asked_at: dict[str, float] = {}

    async def top_up(self, free: dict[str, int]) -> None:
        """Ask for more of every asset of which less than LOW is free."""
        now = time.monotonic()
        short = [
            code
            for code, low in LOW.items()
            if free.get(code, 0) < low and now - self._asked_at.get(code, -ARRIVES_S) >= ARRIVES_S
        ]
        if short and settings.MEX_LOCAL_CHAINS:
            for code in await asyncio.to_thread(self._ask, short):
                self._asked_at[code] = now


def faucet_ask(codes: list[str]) -> list[str]:
    """Ask the faucet for each asset, and return those that it gives."""
    given = []
    try:
        user = User.objects.get(email=EMAIL)
        for asset in Asset.objects.filter(code__in=codes):
            try:
                faucet_request(user=user, asset=asset, amount=GIFT[asset.code])
            except MexError as error:
                log.info("the faucet gives no %s now: %s", asset.code, error)
                continue
            log.info("the faucet gives %s", asset.code)
            given.append(asset.code)
    finally:
        connections.close_all()  # this thread's own: it will not be the next call's
    return given
