"""Who is asking: signed requests. The same rules serve REST and the websocket API.

Source: docs/api.md, "Authentication" (Binance Spot API: HMAC-SHA256 over the whole request, a time window).
"""

import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl, unquote_plus, urlencode

from accounts.models import ApiKey
from accounts.secrets import decrypt
from mex.clock import now_ms
from mex.errors import (
    KeyMalformed,
    MexError,
    NotAuthorized,
    ParameterIllegal,
    ParameterMissing,
    SignatureInvalid,
    TimestampAhead,
    TimestampTooOld,
)
from mex.limits import CLOCK_AHEAD_MS_MAX, RECV_WINDOW_MS_DEFAULT, RECV_WINDOW_MS_MAX
from mex.params import Params

_MICROSECONDS = 10**14  # a timestamp above this is in microseconds
_WINDOW = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,3}))?")


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated account and what it may do. A browser's session may trade, and withdraws on pages only."""

    account: int
    can_trade: bool
    can_withdraw: bool


@dataclass(frozen=True, slots=True)
class Credential:
    """An API key as checking a signature needs it."""

    caller: Caller
    secret: bytes


def credential_load(key: str) -> Credential | None:
    """Return the credential of a key that is not revoked and whose user is active, or None."""
    row = ApiKey.objects.select_related("user").filter(key=key, revoked_at=None, user__is_active=True).first()
    if row is None:
        return None
    caller = Caller(account=row.user_id, can_trade=row.can_trade, can_withdraw=row.can_withdraw)
    return Credential(caller=caller, secret=decrypt(row.secret_encrypted).encode())


def check_key_form(key: str) -> None:
    """Raise KeyMalformed unless a key could be one of ours."""
    if not (key and len(key) <= 128 and key.isascii() and key.isalnum()):
        raise KeyMalformed()


def check_time(params: Params) -> None:
    """Raise unless `timestamp` (ms, or us) is inside the request's `recvWindow` (ms)."""
    now = now_ms()
    timestamp = params.integer("timestamp")
    if timestamp > _MICROSECONDS:
        timestamp //= 1000
    window = _window_ms(params.text("recvWindow", str(RECV_WINDOW_MS_DEFAULT)))
    if timestamp >= now + CLOCK_AHEAD_MS_MAX:
        raise TimestampAhead()
    if now - timestamp > window:
        raise TimestampTooOld()


@lru_cache(maxsize=1024)
def _window_ms(text: str) -> float:
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise ParameterIllegal("recvWindow", f"^{_WINDOW.pattern}$")
    window = int(match[1]) + int((match[2] or "").ljust(3, "0")) / 1000
    if window > RECV_WINDOW_MS_MAX:
        raise MexError(-1131, "recvWindow must be less than 60000")
    return window


def check_may_trade(caller: Caller) -> None:
    """Raise NotAuthorized unless the caller may place and cancel orders."""
    if not caller.can_trade:
        raise NotAuthorized()


def check_may_withdraw(caller: Caller) -> None:
    """Raise NotAuthorized unless the caller may withdraw."""
    if not caller.can_withdraw:
        raise NotAuthorized()


def signature_of(secret: bytes, text: str) -> str:
    """Return the hex HMAC-SHA256 of a text."""
    return hmac.digest(secret, text.encode(), "sha256").hex()


def check_signature(secret: bytes, signature: str, candidates: Iterable[str]) -> None:
    """Raise unless the signature fits one of the texts that the client may have signed."""
    given = signature.lower().encode()
    if not any(hmac.compare_digest(signature_of(secret, text).encode(), given) for text in candidates):
        raise SignatureInvalid()


def http_texts(query: str, body: str) -> list[str]:
    """Return what a client may have signed for an HTTP request: raw query without its signature, then raw body.

    Clients differ in whether they sign before or after percent-encoding (docs/api.md), so the decoded and the
    re-encoded forms count too, but only where decoding cannot move a boundary between parameters.
    """
    parts = [_without_signature(query), _without_signature(body)]
    texts = ["".join(parts)]
    pairs = [parse_qsl(part, keep_blank_values=True) for part in parts]
    if not any(char in name + value for part in pairs for name, value in part for char in "&="):
        texts.append("".join(unquote_plus(part) for part in parts))
        texts.append("".join(urlencode(part) for part in pairs))
    return texts


def _without_signature(text: str) -> str:
    return "&".join(pair for pair in text.split("&") if not pair.startswith("signature="))


def frame_texts(params: Mapping[str, str]) -> Iterator[str]:
    """Yield what a client may have signed for a websocket request: all but the signature, sorted by name.

    The plain form counts only where nothing in it could be taken for a boundary between parameters. It comes first,
    as nearly everybody signs it, and the other one costs ten times as much.
    """
    names = sorted(params)
    if "signature" in params:
        names.remove("signature")
    plain = "&".join([f"{name}={params[name]}" for name in names])
    if plain.count("=") == len(names) and plain.count("&") < max(len(names), 1):
        yield plain
    yield urlencode([(name, params[name]) for name in names])


def authenticate(credential: Credential | None, params: Params, candidates: Iterable[str]) -> Caller:
    """Return the caller of a signed request. Checked in this order: key, timestamp, signature."""
    if credential is None:
        raise NotAuthorized()
    if not params.has("timestamp"):
        raise ParameterMissing("timestamp")
    check_time(params)
    check_signature(credential.secret, params.text("signature"), candidates)
    return credential.caller
