"""What a worker looks at before its first task: whether it may sign, and whether its nodes are the right ones.

What is wrong ends the worker with one line. A node that does not answer yet is looked at again before it is used.
"""

import gc
import logging
from collections.abc import Collection
from typing import Any

from celery.signals import celeryd_after_setup

from mex.env import Unusable
from wallets.chains.key_rotation import generations_check
from wallets.chains.keys import KeysUnusable, keys_ensure
from wallets.chains.networks import WrongNetwork, networks_check
from wallets.chains.signer_lock import signer_lock_hold
from wallets.chains.signing_role import SIGNER_QUEUE, signing_role_take
from wallets.network_defaults import network_defaults_apply

log = logging.getLogger(__name__)


def worker_start(*, queues: Collection[str]) -> None:
    """Prepare this process to work on queues. Raises Unusable, which ends it with one line."""
    try:
        for name in networks_check():
            log.warning("the %s node does not answer yet: which network it is on is looked at later", name)
        network_defaults_apply()
        if SIGNER_QUEUE in queues:
            signing_role_take()
            signer_lock_hold()
            keys_ensure()
            generations_check()
    except (WrongNetwork, KeysUnusable) as error:
        raise Unusable(str(error)) from error
    except OSError as error:
        raise Unusable(f"the key files cannot be read or written: {error}") from error


def imports_freeze() -> None:
    """Keep the collector from looking through all that was imported, again and again: it stays."""
    gc.collect()
    gc.freeze()


@celeryd_after_setup.connect
def _start(instance: Any, **_: Any) -> None:
    # Before the pool is made: its processes are forks of this one and may do what it may.
    worker_start(queues=set(instance.app.amqp.queues.consume_from))
    imports_freeze()
