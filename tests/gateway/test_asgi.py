"""The web process as servers call it: which handler takes a request, and what protects every answer."""

from typing import Any

import pytest
from asgiref.sync import iscoroutinefunction
from asgiref.testing import ApplicationCommunicator

from mex.asgi import application, pages
from mex.middleware import POLICY


async def ask(path: str) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers (names in lower case) and body."""
    scope: dict[str, Any] = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"testserver")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "scheme": "http",
    }
    connection = ApplicationCommunicator(application, scope)
    await connection.send_input({"type": "http.request", "body": b"", "more_body": False})
    start = await connection.receive_output(10)
    body, more = b"", True
    while more:
        part = await connection.receive_output(10)
        body, more = body + part.get("body", b""), part.get("more_body", False)
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


async def test_the_api_answers_in_json_also_for_what_is_not_there() -> None:
    status, headers, body = await ask("/api/v3/nothing")

    assert (status, headers["content-type"]) == (404, "application/json")
    assert b'"code": -1000' in body


def test_pages_cross_to_a_thread_once_with_all_their_middleware() -> None:
    """Asynchronous, the chain would cross twice for each middleware; nothing but the time would tell."""
    assert not iscoroutinefunction(pages._middleware_chain)
