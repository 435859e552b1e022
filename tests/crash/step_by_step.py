"""Every step between request and settlement, killed before and after it: `python -m tests.crash.step_by_step`.

For each step of tests/crash/doomed_worker.py there is one deposit and one withdrawal of each asset. A fork of this
process works on them until it comes by the step, where it kills itself with SIGKILL; then this process works on until
all is finished. Prints one JSON object: what was paid in, and the steps that no fork came by.
"""

import itertools
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable

import django

django.setup()

from django.db import connections  # noqa: E402

from accounts.services import account_register  # noqa: E402
from tests.crash.chain_load import CONFIRMATIONS, Outside, deposit_address, is_finished  # noqa: E402
from tests.crash.doomed_worker import STEPS, TASKS, arm, step_label  # noqa: E402
from wallets import services  # noqa: E402
from wallets.models import Asset, Deposit, Withdrawal  # noqa: E402

CAPITAL_UNITS = 5 * 10**8
DEPOSIT_UNITS = 3_000_000
WITHDRAWAL_UNITS = 2_000_000
PLACES = {step_label(place, name) for steps in STEPS.values() for place, name in steps}
LABELS = sorted(f"{when} {place}" for place in PLACES for when in ("before", "after"))
_CASE_S = 60.0
_UNREACHED = 3
_SMALL_COINS = 10
"""Deposits that make the signer consolidate, whatever withdrawals have left of those before."""
_CALM_ROUNDS = 6
"""Rounds after everything is finished in which a fork may still come by what follows: sweeps, consolidation."""


class DoomAt:
    """Kills the process at one step, the first time that it comes by."""

    def __init__(self, step: str) -> None:
        self._step = step

    def strike(self, step: str) -> None:
        """Die if this is the step."""
        if step == self._step:
            os.kill(os.getpid(), signal.SIGKILL)


def work(outside: Outside, is_done: Callable[[], bool]) -> bool:
    """Do all tasks and mine until something holds; return False if it does not within a minute."""
    deadline = time.monotonic() + _CASE_S
    while not is_done():
        if time.monotonic() > deadline:
            return False
        for tasks in TASKS.values():
            for task in tasks:
                task()
        outside.mine_now()
    return True


def die(label: str, outside: Outside, paid: int) -> bool:
    """Let a fork work until it dies at a step; return whether it came by."""
    connections.close_all()  # a connection must not be shared with a fork
    child = os.fork()
    if child == 0:
        for queue in STEPS:
            arm(DoomAt(label), queue)
        calm = itertools.count()
        finished = work(outside, lambda: is_finished(paid) and next(calm) == _CALM_ROUNDS)
        os._exit(_UNREACHED if finished else 1)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL, f"{label}: the fork ended with signal {os.WTERMSIG(status)}"
        return True
    assert os.WEXITSTATUS(status) == _UNREACHED, f"{label}: the fork ended with {os.WEXITSTATUS(status)}"
    return False


def main() -> None:
    """Go through all steps in random order: what one leaves behind is what the next one finds."""
    random.Random(1).shuffle(LABELS)
    for code, confirmations in CONFIRMATIONS.items():
        Asset.objects.filter(code=code).update(confirmations=confirmations)
    outside = Outside()
    assets = list(Asset.objects.order_by("pk"))
    for asset in assets:
        Asset.objects.filter(pk=asset.pk).update(withdrawal_fee=WITHDRAWAL_UNITS // 100, withdrawal_min=10**6)
        asset.refresh_from_db()
    print("ready", flush=True)
    user = account_register(email="steps@crash.test", password="correct horse battery")
    assert work(outside, pools_are_full)
    addresses = {asset.pk: deposit_address(user, asset, outside) for asset in assets}
    deposits = [
        (user.pk, asset.pk, outside.pay(asset, addresses[asset.pk], CAPITAL_UNITS), CAPITAL_UNITS) for asset in assets
    ]
    assert work(outside, lambda: is_finished(len(deposits)))
    unreached = []
    for label in LABELS:
        for asset in assets:
            payee, address = user, addresses[asset.pk]
            if asset.is_token:
                # Somebody without ether: before his tokens can be swept, he has to be sent some.
                payee = account_register(email=f"{len(deposits)}@crash.test", password="correct horse battery")
                address = deposit_address(payee, asset, outside)
            for _ in range(_SMALL_COINS if "bitcoin_consolidate" in label and asset.code == "BTC" else 1):
                deposits.append((payee.pk, asset.pk, outside.pay(asset, address, DEPOSIT_UNITS), DEPOSIT_UNITS))
            services.withdrawal_request(
                user_id=user.pk, asset=asset, address=outside.fresh(asset.code), amount=WITHDRAWAL_UNITS
            )
        if not die(label, outside, len(deposits)):
            unreached.append(label)
        assert work(outside, lambda: is_finished(len(deposits))), f"{label}: {unfinished()}"
    print(json.dumps({"deposits": deposits, "steps": len(LABELS), "unreached": sorted(unreached)}), flush=True)


def pools_are_full() -> bool:
    """Return whether there are addresses to give out."""
    from wallets.models import DepositAddress

    return DepositAddress.objects.filter(user=None).values("asset").distinct().count() == 2


def unfinished() -> list[str]:
    """Return what has not come to its end."""
    deposits = Deposit.objects.exclude(status="credited").values_list("pk", "status")
    withdrawals = Withdrawal.objects.exclude(status="confirmed").values_list("pk", "status")
    return [f"{pk} {status}" for pk, status in (*deposits, *withdrawals)]


if __name__ == "__main__":
    main()
    sys.exit(0)
