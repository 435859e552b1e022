"""The web process as servers call it: which handler takes a request, and what protects every answer."""

import gzip
from typing import Any

import pytest
from asgiref.sync import iscoroutinefunction
from asgiref.testing import ApplicationCommunicator

from mex.asgi import application, pages
from mex.limits import HTTP_BODY_BYTES_MAX
from mex.middleware import POLICY


async def ask(
    path: str, *parts: bytes, method: str = "GET", query: bytes = b"", encodings: bytes = b""
) -> tuple[int, dict[str, str], bytes]:
    """Send a request whose body comes in parts; return status, headers (names in lower case) and body."""
    scope: dict[str, Any] = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": [(b"host", b"testserver"), (b"accept-encoding", encodings)],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "scheme": "http",
    }
    connection = ApplicationCommunicator(application, scope)
    for part in parts:
        await connection.send_input({"type": "http.request", "body": part, "more_body": True})
    await connection.send_input({"type": "http.request", "body": b"", "more_body": False})
    start = await connection.receive_output(10)
    body, more = b"", True
    while more:
        answer = await connection.receive_output(10)
        body, more = body + answer.get("body", b""), answer.get("more_body", False)
    await connection.wait()
    return start["status"], {name.decode().lower(): value.decode() for name, value in start["headers"]}, body


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/", 200, "text/html"),
        ("/nowhere", 404, "text/html"),
        ("/static/css/mex.css", 200, "text/css"),
        ("/static/css/none.css", 404, "text/html"),
        ("/static/../manage.py", 404, "text/html"),
        ("/static/%2e%2e/manage.py", 404, "text/html"),
    ],
)
async def test_pages_and_files_are_protected_alike(path: str, status: int, kind: str) -> None:
    answered, headers, body = await ask(path)

    assert (answered, headers["content-type"].split(";")[0]) == (status, kind)
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert b"DJANGO_SETTINGS_MODULE" not in body


async def test_browsers_get_the_large_style_sheet_compressed_and_the_very_same() -> None:
    path = "/static/vendor/bootstrap/bootstrap.min.css"

    _, plain_headers, plain = await ask(path)
    status, headers, short = await ask(path, encodings=b"gzip, deflate, br, zstd")

    assert (status, headers["content-encoding"], headers["vary"]) == (200, "gzip", "Accept-Encoding")
    assert gzip.decompress(short) == plain
    assert len(short) * 7 < len(plain)
    assert "content-encoding" not in plain_headers


async def test_the_api_answers_in_json_also_for_what_is_not_there() -> None:
    status, headers, body = await ask("/api/v3/nothing")

    assert (status, headers["content-type"]) == (404, "application/json")
    assert b'"code":-1020' in body


async def test_the_api_answers_in_json_also_to_a_query_that_is_no_text() -> None:
    status, headers, body = await ask("/api/v3/depth", query=b"symbol=\xff")

    assert (status, headers["content-type"]) == (400, "application/json")
    assert int(headers["x-mbx-used-weight-1m"]) > 0
    assert body == b'{"code":-1100,"msg":"Illegal characters found in the request."}'


def test_pages_cross_to_a_thread_once_with_all_their_middleware() -> None:
    """Asynchronous, the chain would cross twice for each middleware; nothing but the time would tell."""
    assert not iscoroutinefunction(pages._middleware_chain)


@pytest.mark.parametrize("path", ["/api/v3/order", "/accounts/login", "/static/css/mex.css"])
async def test_a_long_body_is_refused_before_django_stores_it(path: str) -> None:
    """Daphne's is bounded in Daphne; other servers hand on whatever comes."""
    half = b"a" * (HTTP_BODY_BYTES_MAX // 2)

    status, headers, body = await ask(path, half, half, b"a", half, method="POST")

    assert (status, headers["content-type"]) == (413, "application/json")
    assert body == b'{"code":-1100,"msg":"A request\'s body must not be longer than 65536 bytes."}'


async def test_a_body_of_the_longest_length_is_taken() -> None:
    half = b"a" * (HTTP_BODY_BYTES_MAX // 2)

    status, _, body = await ask("/api/v3/nothing", half, half, method="POST")

    assert status == 404
    assert b'"code":-1020' in body


async def test_a_client_that_leaves_while_it_sends_too_much_is_let_go() -> None:
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/api/v3/order", "headers": []}
    connection = ApplicationCommunicator(application, scope)
    await connection.send_input({"type": "http.request", "body": b"a" * (HTTP_BODY_BYTES_MAX + 1), "more_body": True})
    await connection.send_input({"type": "http.disconnect"})

    await connection.wait(10)

    assert connection.output_queue.empty()


async def test_a_server_may_begin_and_end_without_a_request() -> None:
    connection = ApplicationCommunicator(application, {"type": "lifespan"})
    await connection.send_input({"type": "lifespan.startup"})
    assert await connection.receive_output(10) == {"type": "lifespan.startup.complete"}
    await connection.send_input({"type": "lifespan.shutdown"})
    assert await connection.receive_output(10) == {"type": "lifespan.shutdown.complete"}
    await connection.wait(10)
