"""The web process: HTTP and websockets, put together.

`daphne mex.asgi:application`. API requests skip the middleware: they have no session, CSRF token or messages, and
Django's classic middleware costs a thread hop each.
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mex.settings")

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.exception import convert_exception_to_response

pages = get_asgi_application()

# Models may only be imported now that the applications are loaded.
from mex.daphne_limits import limit_frames  # noqa: E402
from trading.routing import websocket_urlpatterns  # noqa: E402

API_PREFIXES = ("/api/", "/sapi/", "/fapi/", "/dapi/")


class ApiHandler(ASGIHandler):
    """Django's handler without middleware."""

    def load_middleware(self, is_async: bool = False) -> None:
        """Let requests reach the view directly; exceptions still become responses."""
        self._view_middleware = []
        self._template_response_middleware = []
        self._exception_middleware = []
        self._middleware_chain = convert_exception_to_response(self._get_response_async)


api = ApiHandler()


async def http(scope: dict, receive: object, send: object) -> None:
    """Serve one HTTP request."""
    handler = api if scope["path"].startswith(API_PREFIXES) else pages
    await handler(scope, receive, send)


limit_frames()
application = ProtocolTypeRouter({"http": http, "websocket": AuthMiddlewareStack(URLRouter(websocket_urlpatterns))})
