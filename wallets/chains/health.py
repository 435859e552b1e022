"""Nodes go down, come back and refuse: said once per change, not once per second."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from wallets.chains.jsonrpc import ChainRefused, ChainUnavailable
from wallets.chains.keyfile import KeysMissing, KeysUnusable
from wallets.chains.networks import WrongNetwork
from wallets.chains.watch import WalletForeign

log = logging.getLogger(__name__)
_said: dict[str, str] = {}


@contextmanager
def node_watch(chain: str) -> Iterator[None]:
    """Run a block of work that needs a node; when the node does not answer, log it once and go on later."""
    try:
        yield
    except ChainUnavailable as error:
        if say_once(chain, "down"):
            log.error("the %s node does not answer, work on it waits: %s", chain, error)
        return
    except ChainRefused as refusal:
        if say_once(chain, str(refusal)):
            log.exception("the %s node refuses what it should not, work on it waits", chain)
        return
    except (KeysUnusable, WalletForeign, WrongNetwork) as error:
        if say_once(chain, str(error)):
            # At the first start of all, the signing worker is about to make them.
            level = logging.WARNING if isinstance(error, KeysMissing) else logging.ERROR
            log.log(level, "work on %s waits: %s", chain, error)
        return
    before = _said.pop(chain, None)
    if before == "down":
        log.info("the %s node answers again", chain)
    elif before is not None:
        log.info("work on %s goes on", chain)


def say_once(topic: str, state: str) -> bool:
    """Return whether this state of a topic is news to this process."""
    if _said.get(topic) == state:
        return False
    _said[topic] = state
    return True


def say_over(topic: str) -> None:
    """Forget a topic, so that its next occurrence is news."""
    _said.pop(topic, None)
