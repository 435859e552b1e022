"""Small news from any process to all web processes. Losing one is harmless: pages and caches look again."""

import logging
from collections.abc import Mapping, Sequence

import msgspec
import redis

from trading.gateway import pipes

log = logging.getLogger(__name__)
_LENGTH_MAX = 10_000


class Notice(msgspec.Struct, frozen=True, array_like=True):
    """`account` has news `event` for its owner's browser, or something that let connections in is no longer valid:
    the API key `revoked_key`, or a session of the account `ended_sessions`.
    """

    account: int = 0
    event: Mapping[str, object] | None = None
    revoked_key: str = ""
    ended_sessions: int = 0


def account_news(account: int, event: Mapping[str, object]) -> None:
    """Tell the browsers of an account something; `event["e"]` names it (docs/api.md, "Browser events")."""
    _publish([Notice(account=account, event=event)])


def accounts_news(news: Sequence[tuple[int, Mapping[str, object]]]) -> None:
    """Tell the browsers of accounts something, each an event as `account_news` does, in order and in one go."""
    _publish([Notice(account=account, event=event) for account, event in news])


def key_revoked(key: str) -> None:
    """Tell web processes to forget a key that they may have cached, and to close what listens by it."""
    _publish([Notice(revoked_key=key)])


def sessions_ended(account: int) -> None:
    """Tell web processes to close the connections of an account's sessions: those still valid come back."""
    _publish([Notice(ended_sessions=account)])


def _publish(notices: Sequence[Notice]) -> None:
    if not notices:
        return
    pipeline = pipes.connection().pipeline(transaction=False)
    for notice in notices:
        pipeline.xadd(
            pipes.NOTICES_KEY, {pipes.FIELD: msgspec.msgpack.encode(notice)}, maxlen=_LENGTH_MAX, approximate=True
        )
    try:
        pipeline.execute()
    except redis.RedisError as error:
        log.warning("%d notices were lost, readers will find out by themselves: %s", len(notices), error)
