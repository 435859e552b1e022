"""Small news from any process to all web processes. Losing one is harmless: pages and caches look again."""

import logging
from collections.abc import Iterator, Mapping, Sequence

import msgspec
import redis

from trading.gateway import pipes

log = logging.getLogger(__name__)
_LENGTH_MAX = 10_000
_PACKED_MAX = 16
"""Notices in one entry of the stream: an entry for each costs more than the notice, and many more use much memory."""


class Notice(msgspec.Struct, frozen=True, array_like=True):
    """`account` has news `event` for its owner's browser, or something that let connections in is no longer valid:
    the API key `revoked_key`, or a session of the account `ended_sessions`.
    """

    account: int = 0
    event: Mapping[str, object] | None = None
    revoked_key: str = ""
    ended_sessions: int = 0


_decoder = msgspec.msgpack.Decoder(list[Notice])


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


def notices_of(fields: Mapping[bytes, bytes]) -> list[Notice]:
    """Return the notices of an entry of the stream. Raises msgspec.MsgspecError or UnicodeDecodeError."""
    return _decoder.decode(fields.get(pipes.FIELD, b""))


def _publish(notices: Sequence[Notice]) -> None:
    if not notices:
        return
    pipeline = pipes.connection().pipeline(transaction=False)
    for packed in _packed(notices):
        pipeline.xadd(pipes.NOTICES_KEY, {pipes.FIELD: packed}, maxlen=_LENGTH_MAX, approximate=True)
    try:
        pipeline.execute()
    except redis.RedisError as error:
        log.warning("%d notices were lost, readers will find out by themselves: %s", len(notices), error)


def _packed(notices: Sequence[Notice]) -> Iterator[bytes]:
    for start in range(0, len(notices), _PACKED_MAX):
        yield msgspec.msgpack.encode(notices[start : start + _PACKED_MAX])
