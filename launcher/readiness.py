"""Whether the exchange answers: a page, and a websocket."""

import base64
import json
import os
import socket
import urllib.error
import urllib.request

_TIMEOUT_S = 2.0
_TEXT = 0x1
_MASKED = 0x80


def answers_page(url: str) -> bool:
    """Return whether a page is served with code 200."""
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def answers_websocket(port: int) -> bool:
    """Return whether /ws-api/v3 answers a ping with status 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), _TIMEOUT_S) as connection:
            stream = connection.makefile("rwb")
            stream.write(_handshake(port))
            stream.flush()
            if b" 101 " not in stream.readline():
                return False
            while stream.readline().strip():
                pass
            stream.write(masked_frame(json.dumps({"id": "ready", "method": "ping"}).encode()))
            stream.flush()
            head = stream.read(2)
            if len(head) < 2:
                return False
            size = head[1]
            if size == 126:
                size = int.from_bytes(stream.read(2), "big")
            answer = json.loads(stream.read(size))
    except (OSError, ValueError):
        return False
    return bool(answer.get("status") == 200)


def masked_frame(payload: bytes) -> bytes:
    """Return a client's text frame of fewer than 126 bytes. Source: RFC 6455, section 5.2."""
    assert len(payload) < 126
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
    return bytes([0x80 | _TEXT, _MASKED | len(payload)]) + mask + masked


def _handshake(port: int) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET /ws-api/v3 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()
