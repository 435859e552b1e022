"""What let a connection in may end while it is open: a session by logging out, a key by being revoked."""

import urllib.request

from websockets.exceptions import ConnectionClosed

from tests.api.client import WsApi
from tests.api.exchange import Exchange

GOING_AWAY = 1001


def close_code(ws: WsApi) -> int | None:
    """Return the code with which the server closes a connection."""
    try:
        while True:
            ws.receive()
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd is not None else None


def log_out(exchange: Exchange, session: str) -> None:
    """Press the button."""
    token = "a" * 32
    headers = {"Cookie": f"sessionid={session}; csrftoken={token}", "X-CSRFToken": token}
    request = urllib.request.Request(f"{exchange.web.url}/logout", data=b"", headers=headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        assert response.status == 200


def test_logging_out_closes_the_connections_of_the_session(exchange: Exchange) -> None:
    """Whoever left a device, or changed a password, must not be traded for by a page that is still open there."""
    [trader] = exchange.traders(1)
    left, kept = exchange.session_of(trader), exchange.session_of(trader)
    own = exchange.web.url
    with exchange.ws_api(headers={"Cookie": f"sessionid={left}"}, origin=own) as ws:
        assert ws.request("account.status")["status"] == 200

        log_out(exchange, left)

        assert close_code(ws) == GOING_AWAY
    with exchange.ws_api(headers={"Cookie": f"sessionid={left}"}, origin=own) as ws:
        assert ws.request("account.status")["error"]["code"] == -2014
    with exchange.ws_api(headers={"Cookie": f"sessionid={kept}"}, origin=own) as ws:
        assert ws.request("account.status")["status"] == 200


def test_a_revoked_key_hears_nothing_more(exchange: Exchange) -> None:
    [trader] = exchange.traders(1)
    exchange.forget(trader)
    with exchange.ws_api(trader) as ws:
        assert ws.request("userDataStream.subscribe.signature")["status"] == 200

        exchange.revoke(trader)

        assert close_code(ws) == GOING_AWAY
