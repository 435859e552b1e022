"""The web process: HTTP and websockets, put together.

`daphne mex.asgi:application`. API requests skip the middleware: they have no session, CSRF token or messages, and
Django's classic middleware costs a thread hop each.
"""

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mex.settings")

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.exception import convert_exception_to_response

pages = get_asgi_application()

# Models may only be imported now that the applications are loaded.
from mex.daphne_limits import limit_frames  # noqa: E402
from mex.error_pages import is_api  # noqa: E402
from trading.routing import websocket_urlpatterns  # noqa: E402


class ApiHandler(ASGIHandler):
    """Django's handler without middleware."""

    def load_middleware(self, is_async: bool = False) -> None:
        """Let requests reach the view directly; exceptions still become responses."""
        self._view_middleware: list[object] = []
        self._template_response_middleware: list[object] = []
        self._exception_middleware: list[object] = []
        get_response = self._get_response_async  # type: ignore[attr-defined]  # Django's own, not in its stubs
        self._middleware_chain = convert_exception_to_response(get_response)


api = ApiHandler()
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


async def http(scope: dict[str, Any], receive: Callable[[], Awaitable[Mapping[str, Any]]], send: Send) -> None:
    """Serve one HTTP request."""
    handler = api if is_api(scope["path"]) else pages
    await handler(scope, receive, send)


limit_frames()
application = ProtocolTypeRouter({"http": http, "websocket": AuthMiddlewareStack(URLRouter(websocket_urlpatterns))})
