"""Wake the scanner when bitcoind has something new."""

import logging
import signal
import threading
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from kombu.exceptions import OperationalError

from wallets import tasks
from wallets.chains.bell import bell_listen
from wallets.chains.health import say_once, say_over

log = logging.getLogger(__name__)
_EXPIRES_S = 5


class Command(BaseCommand):
    """Listen to bitcoind until told to stop. Without this, deposits are found by looking every second."""

    help = "Look for deposits as soon as bitcoind publishes a block or a transaction (MEX_BITCOIN_ZMQ)."

    def handle(self, *args: Any, **options: Any) -> None:
        """Listen until SIGTERM."""
        if not settings.BITCOIN_ZMQ:
            raise CommandError("MEX_BITCOIN_ZMQ does not say where bitcoind publishes blocks and transactions")
        stopping = threading.Event()

        def stop(number: int, frame: FrameType | None) -> None:
            stopping.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        self.stdout.write(f"listening to bitcoind at {settings.BITCOIN_ZMQ}")
        self.stdout.flush()
        bell_listen(settings.BITCOIN_ZMQ, wake, stopping=stopping)


def wake(has_block: bool) -> None:
    """Have the scanner look, and after a block whatever waits for confirmations."""
    try:
        tasks.scan_bitcoin.apply_async(queue="chains", expires=_EXPIRES_S)
        if has_block:
            tasks.advance_withdrawals.apply_async(queue="chains", expires=_EXPIRES_S)
    except OperationalError as error:
        # Nothing is lost: the workers look every second as soon as their pipe is back.
        if say_once("bell", str(error)):
            log.warning("the scanner could not be woken: %s", error)
        return
    say_over("bell")
