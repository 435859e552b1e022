"""Nodes go down, come back and refuse: said once per change, not once per second."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from wallets.chains.jsonrpc import ChainRefused, ChainUnavailable

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
    if _said.pop(chain, None) is not None:
        log.info("the %s node answers again", chain)


def say_once(topic: str, state: str) -> bool:
    """Return whether this state of a topic is news to this process."""
    if _said.get(topic) == state:
        return False
    _said[topic] = state
    return True


def say_over(topic: str) -> None:
    """Forget a topic, so that its next occurrence is news."""
    _said.pop(topic, None)
