"""The REST API, with the standard library alone."""

import http.client
import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode

from mex.clock import now_ms
from trading.client.errors import ApiRefused, ApiUnavailable
from trading.client.signing import signed_query

TIMEOUT_S = 15.0
_RECV_WINDOW_MS = "20000"
# An exchange on loopback must not be looked for behind the proxy of the environment.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class RestClient:
    """Calls of one account, or of nobody when there is no key. Amounts are decimal texts, as on the wire."""

    def __init__(self, url: str, key: str = "", secret: str = "", *, timeout_s: float = TIMEOUT_S) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._secret = secret
        self._timeout_s = timeout_s

    def public(self, path: str, **params: str) -> Any:
        """Return the answer of a GET that anybody may ask. Raises ApiRefused or ApiUnavailable."""
        query = f"?{urlencode(params)}" if params else ""
        return self._send(urllib.request.Request(f"{self._url}{path}{query}"))

    def signed(self, method: str, path: str, **params: str) -> Any:
        """Return the answer of a signed request. Raises ApiRefused or ApiUnavailable."""
        text = signed_query(self._secret, {**params, "recvWindow": _RECV_WINDOW_MS, "timestamp": str(now_ms())})
        headers = {"X-MBX-APIKEY": self._key}
        if method == "POST":
            request = urllib.request.Request(f"{self._url}{path}", text.encode(), headers, method=method)
        else:
            request = urllib.request.Request(f"{self._url}{path}?{text}", headers=headers, method=method)
        return self._send(request)

    def _send(self, request: urllib.request.Request) -> Any:
        try:
            with _DIRECT.open(request, timeout=self._timeout_s) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            raise _refusal(error.code, error.read()) from None
        except (OSError, http.client.HTTPException, json.JSONDecodeError) as error:
            raise ApiUnavailable(f"{request.get_method()} {request.full_url.partition('?')[0]}: {error}") from error


def _refusal(status: int, body: bytes) -> ApiRefused | ApiUnavailable:
    try:
        answer = json.loads(body)
        return ApiRefused(int(answer["code"]), str(answer["msg"]))
    except (ValueError, KeyError, TypeError):
        return ApiUnavailable(f"HTTP {status} without an answer of the API")
